"""What a case is called that nobody named: the first words of its problem."""

import re
from collections.abc import Iterable

from ..kernel.errors import InvalidInput
from .investigation import Investigation
from .models import LONGEST_TITLE, Case, CaseMessage, Role, is_default_title
from .problems import statement_of
from .words import bag, word_of

FEWEST_WORDS, MOST_WORDS = 1, 30
#: A title ends in none of these, where more than two words are left without.
_LOOSE = bag(
    """a after an and are as at because before but by during for from has have if in into is it its my of on or our
    since so than that the their these this those to until was were when where which while who with without your"""
)
#: A clause before a comma that begins with one of these only says when.
_WHEN = bag("after as at before during ever from last on shortly since this today tonight when while yesterday")
_TIMES = bag(
    """afternoon am evening gmt midnight month morning night noon pm today tonight utc week weekend yesterday
    monday tuesday wednesday thursday friday saturday sunday"""
)
_CLOCK = re.compile(r"\d{1,2}[:.]\d\d(?:[:.]\d\d)?\W?(?:[ap]m|z)?|\d{1,2}[ap]m", re.IGNORECASE)
#: The most words that say when.
_LONGEST_WHEN = 10


def is_given(case: Case, investigation: Investigation) -> bool:
    """Whether somebody chose the title: one of the form Case-MMDD-N is nobody's, unless it was put there later."""
    if investigation.title_given is not None:
        return investigation.title_given
    return not is_default_title(case.title)


def title_from(text: str, *, max_words: int) -> str:
    """The first sentence of more than two words, or its first words, without the punctuation at either end; '' where
    there are none. Of one that is too long, what it says comes before when that was."""
    words = [word for word in text.split() if re.search(r"\w", word)]
    sentence = _sentence(words[:max_words])
    if sentence == max_words < len(words):
        words = words[_when(words) :]
        sentence = _sentence(words[:max_words])
    cut = words[:sentence]
    if len(cut) == max_words < len(words):
        while len(cut) > 2 and (_bare(cut[-1]) in _LOOSE or (cut[-1].isdecimal() and _bare(cut[-2]) == "by")):
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


def _sentence(words: list[str]) -> int:
    """How many of the words are the first sentence of more than two."""
    return next((n for n, word in enumerate(words, 1) if n > 2 and re.search(r"[.!?]\W*$", word)), len(words))


def _when(words: list[str]) -> int:
    """How many words at the beginning only say when, where a sentence is left without them."""
    bare = [_bare(word) for word in words[:_LONGEST_WHEN]]
    until = 0
    for n, (word, said) in enumerate(zip(words, bare, strict=False), 1):
        if said in _TIMES or _CLOCK.fullmatch(word.strip(",;()")):
            until = n
        elif said not in _WHEN:
            break
    clause = next((n for n, word in enumerate(words[:_LONGEST_WHEN], 1) if word.endswith(",")), 0)
    if bare and bare[0] in _WHEN | _TIMES:
        until = max(until, clause)
    return until if len(words) - until > 2 else 0


def _bare(word: str) -> str:
    return re.sub(r"\W", "", word.casefold())


def _trimmed(text: str) -> str:
    return re.sub(r"^[^\w\"'(\[<$/#@]+|[^\w\"')\]>%+]+$", "", text).strip()
