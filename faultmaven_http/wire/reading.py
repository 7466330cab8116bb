"""Requests into attrs values, strictly: a string is no number, and the offending field is named.

A request's class says all: its fields, their types, which are optional. What it does not name is ignored.
"""

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NewType, TypeVar

import cattrs
from attrs import frozen
from cattrs.errors import BaseValidationError
from starlette.datastructures import UploadFile

from faultmaven_domain.kernel.errors import InvalidInput

from .plain import is_text, parsed

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]
LARGEST_METADATA = 64 * 1024
#: How much longer than what it says an object's text may be, by its spaces and escapes: it is not read beyond that.
LONGEST_OBJECT = 4 * LARGEST_METADATA
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")

#: A JSON object of the caller's own; in a form, its text.
Metadata = NewType("Metadata", dict[str, object])
#: Several words: a list of strings, or one string with commas.
Words = NewType("Words", tuple[str, ...])


class Wrong(ValueError):
    """What is wrong with a field, to be said after its name."""


@frozen(kw_only=True)
class Upload:
    """A file that came with a form, already received and waiting in a spool. ``media_type`` as its sender said."""

    filename: str
    media_type: str
    file: UploadFile


#: All files of one name in a form, in their order.
Uploads = NewType("Uploads", tuple[Upload, ...])


def structured(value: object, cls: type[T]) -> T:
    """A parsed JSON value as ``cls``. Raises: InvalidInput naming the field."""
    if not isinstance(value, dict):
        raise InvalidInput("The body must be a JSON object.")
    return _read(_json, value, cls)


def spelled_out(values: Mapping[str, object], cls: type[T]) -> T:
    """A query or a form as ``cls``: its strings read as what the fields ask for. Raises: InvalidInput naming one."""
    return _read(_text, values, cls)


def _read(converter: cattrs.Converter, value: Mapping[str, object], cls: type[T]) -> T:
    try:
        return converter.structure(value, cls)
    except BaseValidationError as error:
        name, wrong = _first(error, "")
        raise InvalidInput(f"{name} {wrong}.", field=name) from error


def _first(error: BaseException, path: str) -> tuple[str, str]:
    """The first thing that is wrong, and where."""
    if isinstance(error, BaseValidationError):
        located = [(part, getattr(part, "__notes__", ())) for part in error.exceptions]
        for part, notes in located:
            place = next((note for note in notes if hasattr(note, "name") or hasattr(note, "index")), None)
            name = getattr(place, "name", None)
            inner = f"{path}[{getattr(place, 'index', '')}]" if name is None else f"{path}.{name}" if path else name
            return _first(part, inner)
    if isinstance(error, KeyError):
        return path, "is required"
    return path, str(error) if isinstance(error, Wrong) else "is not valid"


def _string(value: object, kind: object) -> str:
    if kind is not str and isinstance(kind, type) and issubclass(kind, StrEnum):  # cattrs sends what is a str here
        return _one_of(value, kind)
    if not isinstance(value, str):
        raise Wrong("must be a string")
    if not is_text(value):
        raise Wrong("holds characters that are not text")
    return value


def _whole(value: object, _: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong("must be a whole number")
    return value


def _yes_or_no(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def _whole_in_text(value: object, _: object) -> int:
    if not isinstance(value, str) or not _WHOLE.fullmatch(value.strip()):
        raise Wrong("must be a whole number")
    return int(value)


def _yes_or_no_in_text(value: object, _: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if not isinstance(value, str) or value.lower() not in words:
        raise Wrong("must be true or false")
    return words[value.lower()]


def _one_of(value: object, kind: type[StrEnum]) -> StrEnum:
    if not isinstance(value, str) or value not in {member.value for member in kind}:
        raise Wrong(f"must be one of {', '.join(member.value for member in kind)}")
    return kind(value)


def _object(value: object, _: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Wrong("must be an object")
    if len(json.dumps(value)) > LARGEST_METADATA:
        raise Wrong(f"must not be larger than {LARGEST_METADATA // 1024} KiB")
    return value


def _object_in_text(value: object, _: object) -> dict[str, object]:
    text = _string(value, str)
    if len(text) > LONGEST_OBJECT:
        raise Wrong(f"must not be larger than {LARGEST_METADATA // 1024} KiB")
    try:
        return _object(parsed(text.encode()), dict)
    except InvalidInput as error:
        raise Wrong("must be a JSON object") from error


def _words(value: object, _: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(word.strip() for word in _string(value, str).split(",") if word.strip())
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Wrong("must be a list of strings")
    return tuple(value)


def _file(value: object, _: object) -> Upload:
    if not isinstance(value, UploadFile):
        raise Wrong("must be a file")
    name = (value.filename or "").replace("%22", '"')  # the one mark that browsers and libraries write so
    return Upload(filename=name, media_type=value.content_type or "", file=value)


def _files(value: object, _: object) -> tuple[Upload, ...]:
    """A form that was sent with no file chosen has an empty one, without a name."""
    if not isinstance(value, list):
        raise Wrong("must be a list of files")
    return tuple(_file(file, Upload) for file in value if not _is_nothing(file))


def _is_nothing(value: object) -> bool:
    return value == "" or (isinstance(value, UploadFile) and not value.filename and not value.size)


def _converter(*, whole: Hook, yes_or_no: Hook, an_object: Hook) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    hooks: dict[Any, Hook] = {str: _string, int: whole, bool: yes_or_no, Upload: _file}
    hooks[Uploads] = _files
    hooks |= {Metadata: an_object, Words: _words}
    for kind, hook in hooks.items():
        converter.register_structure_hook(kind, hook)
    return converter


_json = _converter(whole=_whole, yes_or_no=_yes_or_no, an_object=_object)
_text = _converter(whole=_whole_in_text, yes_or_no=_yes_or_no_in_text, an_object=_object_in_text)
