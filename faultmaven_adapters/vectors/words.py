"""A text as the words it is found by, for an index that compares words as they stand."""

import re
import unicodedata
from functools import lru_cache

#: Runs of letters and digits; a character alone where a script has no spaces (Chinese, Japanese).
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "e")
_COMMON = frozenset(
    [
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not"),
        *("of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was"),
        *("will", "with"),
    ]
)


def words_in(text: str) -> list[str]:
    """Without case, accents, common words and the endings of English."""
    folded = text.casefold()
    if not folded.isascii():
        folded = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return [_stem(word) for word in _WORD.findall(folded) if word not in _COMMON]


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    return next((word[: -len(end)] for end in _ENDINGS if word.endswith(end) and len(word) - len(end) >= 3), word)
