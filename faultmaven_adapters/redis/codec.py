"""Domain values as JSON in Redis. A field more in a newer version is ignored, so two versions may share a server."""

import json
from datetime import timedelta
from typing import TypeVar

from cattrs import BaseValidationError
from cattrs.preconf.json import make_converter

T = TypeVar("T")

_converter = make_converter()
_converter.register_unstructure_hook(timedelta, timedelta.total_seconds)
_converter.register_structure_hook(timedelta, lambda seconds, _: timedelta(seconds=seconds))
_converter.register_structure_hook_func(lambda cls: cls is object, lambda value, _: value)


class Undecodable(ValueError):
    """The bytes are not a value of this type, or of a version this one cannot read."""


def dumps(value: object) -> bytes:
    """Raises: TypeError for what JSON cannot say."""
    return json.dumps(_converter.unstructure(value), separators=(",", ":")).encode()


def loads(data: bytes, cls: type[T]) -> T:
    """Raises: Undecodable."""
    try:
        return _converter.structure(json.loads(data), cls)
    except (ValueError, TypeError, BaseValidationError) as error:
        raise Undecodable(str(error)) from error
