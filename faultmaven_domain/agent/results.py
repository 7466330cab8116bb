"""A turn as a JSON object, for the result store and a message's metadata."""

from datetime import datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin

from attrs import Attribute, asdict, fields, has, resolve_types

from .models import Citation, Turn


def citation_dicts(citations: tuple[Citation, ...]) -> list[dict[str, object]]:
    return [asdict(citation, value_serializer=_plain) for citation in citations]


def turn_to_dict(turn: Turn) -> dict[str, object]:
    return asdict(turn, value_serializer=_plain)


def turn_from_dict(value: dict[str, Any]) -> Turn:
    """The inverse. Raises: KeyError, ValueError, TypeError for what another version wrote."""
    turn: Turn = _read(Turn, value)
    return turn


def _read(kind: Any, value: Any) -> Any:
    """A value of a type from what JSON has of it; every field of a class has to be there."""
    if get_origin(kind) in (Union, type(int | None)):
        [kind] = [one for one in get_args(kind) if one is not type(None)]
        if value is None:
            return None
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], item) for item in value)
    if get_origin(kind) is None and has(kind):
        return kind(**{field.name: _read(field.type, value[field.name]) for field in fields(resolve_types(kind))})
    if kind is datetime:
        return datetime.fromisoformat(value)
    if get_origin(kind) is None and issubclass(kind, Enum):
        return kind(value)
    return value


def _plain(_: object, __: "Attribute[Any] | None", value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
