"""What a client needs a field of an answer to be, and the ways that field has gone wrong."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from attrs import evolve, frozen


@frozen
class Need:
    """``wrongs`` makes, of a value that holds, values that do not. ``optional``: the field may be left out."""

    said: str
    holds: Callable[[Any], bool]
    wrongs: Callable[[Any], list[Any]]
    optional: bool = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_moment(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value):
        return False
    return datetime.fromisoformat(value).tzinfo is not None


def _is_milliseconds(value: Any) -> bool:
    now = time.time() * 1000
    return _is_number(value) and now < value < now + 400 * 86_400_000


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and word for word in value)


def _iso(milliseconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds / 1000))


def _path_of(url: str) -> str:
    return re.sub(r"^https?://[^/]+", "", url)


WORD = Need(
    "a string that is not empty", lambda v: isinstance(v, str) and v.strip() != "", lambda v: ["", None, 5, [v], {}]
)
TEXT = Need("a string", lambda v: isinstance(v, str), lambda v: [None, 5, [v]])
ID = Need(
    "an id that is safe in an address and not like the client's own",
    lambda v: isinstance(v, str) and re.fullmatch(r"(?!opt_)[A-Za-z0-9._~-]+", v) is not None,
    lambda v: ["", None, 5, f"opt_{v}", f"a/{v}", f"{v} 1"],
)
NUMBER = Need("a number", _is_number, lambda v: [None, str(v), True])
FLAG = Need("true or false", lambda v: isinstance(v, bool), lambda v: [None, str(v).lower(), 1, []])
MILLISECONDS = Need(
    "a time to come in milliseconds since 1970",
    _is_milliseconds,
    lambda v: [None, str(v), v // 1000, v - 86_400_000, _iso(v)],
)
MOMENT = Need("a time like 2026-01-01T00:00:00Z", _is_moment, lambda v: [None, "", 1, "yesterday", v[:-1] + "+00:00Z"])
ARRAY = Need("an array", lambda v: isinstance(v, list), lambda v: [None, "", {}, "a,b"])
OBJECT = Need("an object", lambda v: isinstance(v, dict), lambda v: [None, "", []])
NOTHING = Need("nothing at all", lambda v: v == "", lambda v: ["x", {}])
WORDS = Need("an array of strings", _is_words, lambda v: [None, ",".join(v) or "a,b", [None], [{}], {}])
SOME_WORDS = Need(
    "an array of strings that is not empty", lambda v: _is_words(v) and v != [], lambda v: [*WORDS.wrongs(v), []]
)
#: A field whose being there says what is not so.
LEFT_OUT = Need("left out", lambda v: False, lambda v: ["CASE_CLOSED"], optional=True)
#: A list, as frameworks write one for invalid input, shows as [object Object].
DETAIL = Need("a sentence to show", WORD.holds, lambda v: [None, "", [{"loc": ["body"], "msg": v}], {"message": v}, 5])
ABSOLUTE = Need(
    "an absolute address of localhost",
    lambda v: isinstance(v, str) and re.match(r"http://localhost:\d+(/|$)", v) is not None,
    lambda v: [None, "", _path_of(v), v.replace("localhost", "127.0.0.1")],
)


def number_from(least: float) -> Need:
    return Need(
        f"a number from {least} on", lambda v: _is_number(v) and v >= least, lambda v: [None, str(v), least - 1]
    )


def seconds_from(least: float) -> Need:
    """A span of time, and no point in time."""
    return Need(
        f"at least {least} seconds, as a number",
        lambda v: _is_number(v) and least <= v < 100_000_000,
        lambda v: [None, str(v), least - 1, time.time()],
    )


def one_of(*words: str) -> Need:
    return Need(f"one of {', '.join(words)}", lambda v: v in words, lambda v: [None, "another", "", [v]])


SECONDS = seconds_from(1)


def equal(expected: object) -> Need:
    other: object = not expected if isinstance(expected, bool) else f"not {expected}"
    return Need(f"{expected!r}", lambda v: type(v) is type(expected) and v == expected, lambda v: [None, other])


def naming(*names: str) -> Need:
    """A header that lists, in any order and case."""

    def named(value: Any) -> set[str]:
        return {name.strip().lower() for name in value.split(",")} if isinstance(value, str) else set()

    return Need(
        f"a list with {', '.join(names)}",
        lambda v: {name.lower() for name in names} <= named(v),
        lambda v: ["", "*", *(", ".join(named(v) - {name.lower()}) for name in names)],
    )


def saying(words: str) -> Need:
    """A sentence with these words in it, which the client looks for."""
    return Need(
        f"a sentence with {words!r}",
        lambda v: isinstance(v, str) and words in v,
        lambda v: [None, "It went wrong.", {"message": v}, [v]],
    )


def without(*words: str) -> Need:
    """A sentence to show, in which the client would misunderstand these words."""

    def holds(value: Any) -> bool:
        return DETAIL.holds(value) and not any(word in value.lower() for word in words)

    return Need(
        f"a sentence without {', '.join(words)}",
        holds,
        lambda v: [*DETAIL.wrongs(v), *(f"The {w.title()}." for w in words)],
    )


def matching(pattern: str, *wrongs: object) -> Need:
    """A string in which the pattern is found."""
    return Need(
        f"a string like {pattern}",
        lambda v: isinstance(v, str) and re.search(pattern, v) is not None,
        lambda v: [None, "", *wrongs],
    )


def or_null(need: Need) -> Need:
    """The field is there, and may be null."""

    def wrongs(value: Any) -> list[Any]:
        known = [] if value is None else need.wrongs(value)
        tries: list[Any] = [{"not": "this"}, "not this", [{}]]
        others = [other for other in tries if not need.holds(other)]
        return [wrong for wrong in (*known, *others) if wrong is not None]

    return evolve(need, said=f"{need.said}, or null", holds=lambda v: v is None or need.holds(v), wrongs=wrongs)


def if_there(need: Need) -> Need:
    """The client does without it; where it is given, it must hold."""
    return evolve(or_null(need), said=f"{need.said}, if it is there", optional=True)
