"""Column types that mean the same on every engine."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import TIMESTAMP, BigInteger, Column, Dialect, Integer, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from ..rows import in_utc


class UtcDateTime(TypeDecorator[datetime]):
    """A moment to the microsecond, aware and in UTC. On SQLite, text of one width, whose order is that of time."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        native = dialect.name == "postgresql"
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if native else String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        moment = in_utc(value)
        return moment if dialect.name == "postgresql" else moment.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


#: Compared by its characters' numbers everywhere, so that its order and its indexes are no matter of a server's locale.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def sequence() -> Column[int]:
    """The order of insertion, never used twice: what comes first where times are equal."""
    return Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, TEXT, nullable=null)


def number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def moment(name: str, *, null: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=null)


def key(name: str) -> Column[str]:
    return Column(name, TEXT, primary_key=True)
