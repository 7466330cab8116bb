"""What a case is called that nobody named: the first words of its problem."""

import re
from collections.abc import Iterable

from ..kernel.errors import InvalidInput
from .investigation import Investigation
from .models import LONGEST_TITLE, Case, CaseMessage, Role
from .problems import statement_of
from .words import bag, word_of

FEWEST_WORDS, MOST_WORDS = 1, 30
_UNNAMED = re.compile(r"Case-\d{4}-\d+")
#: A title ends in none of these, where more than two words are left without.
_LOOSE = bag("a an and as at but by for from in into is of on or since so that the to was when which with")


def is_given(case: Case, investigation: Investigation) -> bool:
    """Whether somebody chose the title: one of the form Case-MMDD-N is nobody's, unless it was put there later."""
    if investigation.title_given is not None:
        return investigation.title_given
    return _UNNAMED.fullmatch(case.title) is None


def title_from(text: str, *, max_words: int) -> str:
    """The first sentence of more than two words, or its first words, without the punctuation at either end; '' where
    there are none."""
    words = [word for word in text.split() if re.search(r"\w", word)]
    cut = words[:max_words]
    sentence = next((n for n, word in enumerate(cut, 1) if n > 2 and re.search(r"[.!?]\W*$", word)), len(cut))
    cut = cut[:sentence]
    if len(cut) == max_words < len(words):
        while len(cut) > 2 and re.sub(r"\W", "", cut[-1].casefold()) in _LOOSE:
            cut.pop()
    title = _trimmed(" ".join(cut))
    if len(title) > LONGEST_TITLE:
        title = _trimmed(title[:LONGEST_TITLE].rsplit(" ", 1)[0])
    return title[:1].upper() + title[1:] if title[:1].islower() and title.split(" ")[0].isalpha() else title


def subject_of(investigation: Investigation, messages: Iterable[CaseMessage]) -> str:
    """What a title is made of: the problem statement, or the first message that tells one, or else the first that says
    more than yes or no."""
    if investigation.problem_statement:
        return investigation.problem_statement
    said = [one.content for one in messages if one.role is Role.USER and word_of(one.content) is None]
    told = (statement for one in said if (statement := statement_of(one)))
    return next(told, next((one for one in said if len(one.split()) > 2), ""))


def checked_words(max_words: int) -> int:
    """Raises: InvalidInput."""
    if not FEWEST_WORDS <= max_words <= MOST_WORDS:
        raise InvalidInput(f"max_words is {FEWEST_WORDS} to {MOST_WORDS}.", field="max_words")
    return max_words


def _trimmed(text: str) -> str:
    return re.sub(r"^[^\w\"'(\[<$/#@]+|[^\w\"')\]>%+]+$", "", text).strip()
