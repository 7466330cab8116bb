"""Values that take several words, or now more and now fewer of them, put as one value."""

import re

from .masking import MASK
from .stamps import MONTHS, WEEKDAYS

Words = tuple[str, ...]

_DATE_WORDS = frozenset((*WEEKDAYS, *MONTHS))
_TIME_UNITS = frozenset(("ms", "msec", "s", "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes"))
_SIZE_UNIT = re.compile(r"(?:[KMGTPkmgtp]i?)?[Bb](?:ytes?)?([)\]},;.]*)$")
_METHODS = frozenset(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PROPFIND"))
_BEHIND_A_USER = frozenset(("from", "by", "at", "on", "in", "with", "via", "has", "was", "is", "logged", "[preauth]"))
_NO_USER = frozenset(("unknown", "request", "not", "is", "has", "was", "name"))
_PROPERTY = re.compile(r"((?:\w+:)?)[a-z]\w*(?:\.[a-z]\w*)+=")
_ALONE = re.compile(r"[(\[{<\"']*(?:(?:\w+\.)+\w*[:.$@]?)?<\*>([)\]}>\"',;:]*)$")


def settle(words: Words) -> Words:
    """``8673 bytes (8.46 KB)`` becomes ``<*> bytes``, ``Fri Jul 22 <*> <*>`` one value, a list of values one value."""
    out: list[str] = []
    index, end = 0, len(words)
    while index < end:
        word = words[index]
        after = words[index + 1] if index + 1 < end else ""
        taken = 1
        if word in _DATE_WORDS and (
            after == MASK or (after in _DATE_WORDS and words[index + 2 : index + 3] == (MASK,))
        ):
            word = MASK
        elif word == "()":
            word = f"({MASK})"  # the place of a value that is missing this time
        elif word == "<<*>" and after.rstrip(",;.") in _TIME_UNITS:
            word, taken = MASK + after[len(after.rstrip(",;.")) :], 2
        elif word == "(<*>" and after.endswith((")", "),", ").")) and _SIZE_UNIT.match(after):
            index += 2  # the size before, said again
            continue
        elif word.endswith(MASK) and after and (unit := _SIZE_UNIT.match(after)):
            word, taken = word + unit[1], 2
        elif (word.lstrip("\"'") in _METHODS and after[:1] in ("/", "<")) or (
            word == "user" and _is_user(after, words[index + 2 : index + 3])
        ):
            out.append(word)
            word, taken = MASK, 2
        elif "=" in word and (key := _PROPERTY.match(word)) and not any("=" in w for w in words[index + 1 :]):
            out.append(key[1] + MASK)  # a property's value runs to the end
            break
        elif word.startswith("**") and not word.strip("*") and MASK in (after, out[-1] if out else ""):
            word = MASK  # a reading that could not be had
        _put(out, word)
        index += taken
    return tuple(out)


def _put(out: list[str], word: str) -> None:
    """Append, but let a value that follows its like stand once."""
    if out and MASK in word:
        before = out[-1]
        if before.rstrip(",;:") == word.rstrip(",;:"):
            out[-1] = word
            return
        closing = _ALONE.match(word)
        if closing and word[0] not in "([{" and (left := _ALONE.match(before)) and not left[1].strip(",;:"):
            out[-1] = before.rstrip(",;:") + closing[1]
            return
    out.append(word)


def _is_user(word: str, behind: Words) -> bool:
    bare = word.replace("-", "").replace("_", "").replace(MASK, "a")
    return bare.isalnum() and word not in _NO_USER and (not behind or behind[0] in _BEHIND_A_USER)
