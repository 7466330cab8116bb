"""A domain value as a flat row: one scalar per field. SQL keeps it in columns, the memory adapters keep it as it is."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar, Union, cast, get_args, get_origin

import attrs
from attrs import frozen
from cattrs.preconf.json import make_converter

T = TypeVar("T")
Scalar = str | int | float | bool | datetime | None

_converter = make_converter(detailed_validation=False)
_converter.register_structure_hook_func(lambda cls: cls is object, lambda value, _: value)


@frozen
class _Column:
    name: str
    scalar: bool
    encode: Callable[[Any], Scalar] | None = None
    decode: Callable[[Any], Any] | None = None


class RowCodec(Generic[T]):
    """Rows of one attrs class.

    Text, numbers and truths stay as they are; an enum is its value; a time is aware and in UTC; anything else (tuples,
    dicts, nested values) is JSON text.
    """

    def __init__(self, cls: type[T]) -> None:
        self._cls = cls
        self._columns = tuple(_column(a.name, a.type) for a in attrs.fields(attrs.resolve_types(cast(Any, cls))))
        self.names = tuple(column.name for column in self._columns)
        self._decoders = tuple((column.name, column.decode) for column in self._columns if column.decode)

    def to_row(self, value: T) -> dict[str, Scalar]:
        """Raises: ValueError for a time without a zone; TypeError for what JSON cannot say."""
        row: dict[str, Scalar] = {}
        for column in self._columns:
            plain = getattr(value, column.name)
            row[column.name] = plain if plain is None or column.encode is None else column.encode(plain)
        return row

    def from_row(self, row: Mapping[str, Any]) -> T:
        values = {name: row[name] for name in self.names}
        for name, decode in self._decoders:
            if (plain := values[name]) is not None:
                values[name] = decode(plain)
        return self._cls(**values)

    def split(self, filters: Mapping[str, object]) -> tuple[dict[str, Scalar], dict[str, object]]:
        """Filters on scalars as a row has them, then the others as they are. Raises: TypeError on an unknown one."""
        columns = {column.name: column for column in self._columns}
        unknown = filters.keys() - columns.keys()
        if unknown:
            raise TypeError(f"{self._cls.__name__} has no {', '.join(sorted(unknown))}")
        scalars: dict[str, Scalar] = {}
        others: dict[str, object] = {}
        for name, value in filters.items():
            column = columns[name]
            if value is None or column.scalar:
                scalars[name] = cast(Scalar, value) if value is None or column.encode is None else column.encode(value)
            else:
                others[name] = value
        return scalars, others


def to_json(value: object, cls: Any) -> str:
    """JSON text of a value of this type. Raises: TypeError for what JSON cannot say."""
    return json.dumps(_converter.unstructure(value, cls), separators=(",", ":"))


def from_json(text: str, cls: Any) -> Any:
    return _converter.structure(json.loads(text), cls)


def in_utc(value: datetime) -> datetime:
    """Raises: ValueError for a time without a zone, which names no moment."""
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone")
    return value.astimezone(UTC)


def _column(name: str, annotation: Any) -> _Column:
    kinds = [kind for kind in _alternatives(annotation) if kind is not type(None)]
    kind = kinds[0] if len(kinds) == 1 else annotation
    if kind in (str, int, float, bool):
        return _Column(name, scalar=True)
    if kind is datetime:
        return _Column(name, scalar=True, encode=in_utc)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _Column(name, scalar=True, encode=lambda member: kind(member).value, decode=kind)
    quick: dict[Any, Callable[[str], Any]] = {  # what is as JSON has it, or nearly
        dict[str, object]: json.loads,
        tuple[str, ...]: lambda text: tuple(json.loads(text)),
    }
    return _Column(
        name,
        scalar=False,
        encode=lambda value: to_json(value, kind),
        decode=quick.get(kind) or (lambda text: from_json(text, kind)),
    )


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the one type."""
    union = get_origin(annotation) in (Union, type(int | str))
    return get_args(annotation) if union else (annotation,)
