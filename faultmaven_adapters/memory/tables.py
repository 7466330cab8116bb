"""Tables in memory: rows by their key, in the order they came. A picture of them never changes once it is published."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from attrs import define, field

from faultmaven_domain.kernel.errors import InvalidInput

from ..rows import RowCodec, Scalar

T = TypeVar("T")
Row = Mapping[str, Any]
Table = dict[Any, dict[str, Any]]


@define
class Picture:
    """One transaction's tables: those it began with, and copies of those it changed."""

    tables: dict[str, Table]
    writable: bool
    _own: set[str] = field(factory=set)
    _ended: bool = False

    def read(self, name: str) -> Table:
        self._check()
        return self.tables.get(name, {})

    def write(self, name: str) -> Table:
        self._check()
        if not self.writable:
            raise RuntimeError("A view only reads.")
        if name not in self._own:
            self.tables = {**self.tables, name: dict(self.tables.get(name, {}))}
            self._own.add(name)
        return self.tables[name]

    def end(self) -> None:
        self._ended = True

    def _check(self) -> None:
        if self._ended:
            raise RuntimeError("The transaction has ended.")


class MemoryRecords(Generic[T]):
    """A DataProvider over one table, within one transaction."""

    def __init__(self, picture: Picture, table: str, codec: RowCodec[T], *, key: str) -> None:
        self._picture = picture
        self._table = table
        self._codec = codec
        self._key = key

    async def get(self, id: str) -> T | None:
        row = self._picture.read(self._table).get(id)
        return None if row is None else self._codec.from_row(row)

    async def save(self, entity: T) -> T:
        row = self._codec.to_row(entity)
        _check_text(row)
        self._picture.write(self._table)[row[self._key]] = row
        return entity

    async def delete(self, id: str) -> bool:
        return self._picture.write(self._table).pop(id, None) is not None

    async def query(self, **filters: object) -> list[T]:
        scalars, others = self._codec.split(filters)
        found = self._values(self._rows(**scalars))
        return [value for value in found if all(getattr(value, name) == other for name, other in others.items())]

    def _rows(self, **equal: Scalar) -> list[Row]:
        """Those with equal columns, in the order they came."""
        rows = self._picture.read(self._table).values()
        return [row for row in rows if all(row[name] == value for name, value in equal.items())]

    def _values(self, rows: list[Row]) -> list[T]:
        return [self._codec.from_row(row) for row in rows]

    def _remove(self, rows: list[Row]) -> int:
        for row in rows:
            del self._picture.write(self._table)[row[self._key]]
        return len(rows)


class MemoryTexts:
    """One text by its key."""

    def __init__(self, picture: Picture, table: str) -> None:
        self._picture = picture
        self._table = table

    async def get(self, key: str) -> str | None:
        row = self._picture.read(self._table).get(key)
        return None if row is None else str(row["text"])

    async def set(self, key: str, value: str) -> None:
        row = {"text": value}
        _check_text(row)
        self._picture.write(self._table)[key] = row

    async def delete(self, key: str) -> bool:
        return self._picture.write(self._table).pop(key, None) is not None

    async def any(self) -> bool:
        return bool(self._picture.read(self._table))


def _check_text(row: Row) -> None:
    """Refuse what no database takes. Raises: InvalidInput."""
    try:
        for value in row.values():
            if isinstance(value, str):
                value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("The text holds characters that are not valid Unicode.") from error


def latest(rows: list[Row], time: str) -> list[Row]:
    """The latest first; of equal ones, the one that came last."""
    ordered = sorted(rows, key=lambda row: row[time])
    ordered.reverse()
    return ordered


def page(rows: list[Row], limit: int, offset: int = 0) -> list[Row]:
    return rows[offset : offset + limit]
