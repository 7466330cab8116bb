"""JSON from strangers: parsed to a bounded depth, and refused where no database could keep it."""

import json
import math
import re

from faultmaven_domain.kernel.errors import InvalidInput, TooLarge

DEEPEST = 64
#: How much JSON there may be, one long text in it not counted.
LARGEST_JSON = 2 * 1024 * 1024
#: Characters of a field's name that are said again.
LONGEST_NAME = 100
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def parsed(data: bytes) -> object:
    """A JSON text's value; an empty text counts as an empty object.

    Raises: InvalidInput for what is not JSON (RFC 8259, so no NaN), nests deeper than DEEPEST or is not valid Unicode;
    TooLarge for one that is large by anything but its texts.
    """
    if not data.strip():
        return {}
    if len(data) > LARGEST_JSON and len(_STRING.sub(b"", data)) > LARGEST_JSON:
        raise TooLarge("The body holds too many values.")
    try:
        value: object = json.loads(data.decode(), parse_constant=_no_number)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise InvalidInput("The body is not valid JSON.") from error
    _check(value)
    return value


def is_text(value: str) -> bool:
    """Whether a string can be stored anywhere: no NUL, no half of a surrogate pair."""
    if value.isascii():
        return "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _check(value: object) -> None:
    """Without recursion, and knowing which field it is in."""
    fields = value.items() if isinstance(value, dict) else [("", value)]
    for name, content in fields:
        if not is_text(name):
            raise InvalidInput("The name of a field holds characters that are not text.")
        name, waiting = name[:LONGEST_NAME], [(content, 1)]
        while waiting:
            part, depth = waiting.pop()
            if depth > DEEPEST:
                raise _too_deep()
            if isinstance(part, str):
                if not is_text(part):
                    raise InvalidInput(f"{name or 'The body'} holds characters that are not text.", field=name)
            elif isinstance(part, float) and not math.isfinite(part):
                raise InvalidInput(f"{name or 'The body'} holds a number that is too large.", field=name)
            elif isinstance(part, dict):
                waiting += [(item, depth + 1) for pair in part.items() for item in pair]
            elif isinstance(part, list):
                waiting += [(item, depth + 1) for item in part]


def _no_number(name: str) -> float:
    raise ValueError(name)


def _too_deep() -> InvalidInput:
    return InvalidInput(f"The body nests deeper than {DEEPEST} levels.")
