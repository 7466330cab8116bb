"""What the gateway needs of an engine, and which engine a URL names."""

from collections.abc import Iterable
from typing import Any, Protocol

from attrs import frozen
from sqlalchemy import Dialect

from faultmaven_domain.kernel.errors import Misconfigured

from ..extras import needed
from .plans import Plan

POSTGRES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})


@frozen(kw_only=True)
class Limits:
    """A database server's connections. Times are in seconds."""

    #: How many of them read; each module's writer has one more.
    size: int = 10
    #: How long a connection, and how long a statement may take.
    connecting: float = 5.0
    statement: float = 30.0
    #: How long a turn to write, or a connection to read by, is waited for.
    patience: float = 30.0


class Session(Protocol):
    """One transaction's way to the database. Ends once: by a commit or a rollback."""

    async def begin(self, *, readonly: bool, lasting: bool) -> None:
        """Raises: Unavailable, and nothing is begun."""
        ...

    async def rows(self, plan: Plan, arguments: dict[str, Any], *, reads: bool) -> Iterable[Iterable[Any]]:
        """Run a statement. ``reads``: it changes nothing."""
        ...

    async def commit(self) -> None:
        """Not stopped half-way by a cancellation, which is passed on after it."""
        ...

    async def rollback(self) -> None: ...


class Engine(Protocol):
    """A database that several handles of a process may share."""

    @property
    def dialect(self) -> Dialect: ...

    def open(self) -> None:
        """The database itself is reached at the first use."""
        ...

    async def close(self) -> None: ...

    def session(self) -> Session:
        """Raises: Unavailable once it is closed."""
        ...


def engine_of(url: str, module: str, limits: Limits) -> Engine:
    """Raises: Misconfigured for a URL of no engine we know, or of one that is not installed."""
    if url.partition(":")[0] in POSTGRES:
        needed("postgres", "asyncpg")
        from .postgres import PostgresEngine

        return PostgresEngine(url, module, limits)
    from .sqlite import SqliteEngine

    if not url.startswith("sqlite"):
        raise Misconfigured(f"{url.partition(':')[0]} is no database this server can use.")
    return SqliteEngine(url)
