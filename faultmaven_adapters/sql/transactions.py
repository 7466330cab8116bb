"""A module's transactions over its gateway."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from .gateway import Connection, Gateway
from .jobs import SqlJobs, SqlOutbox


class _Unit(Protocol):
    @property
    def jobs(self) -> SqlJobs: ...

    @property
    def outbox(self) -> SqlOutbox: ...


U = TypeVar("U", bound=_Unit)


@frozen
class SqlTransactions(Generic[U]):
    """``on_outbox`` is called after each commit that put a message."""

    gateway: Gateway
    unit: Callable[[Connection], U]
    on_outbox: Callable[[], None]

    @asynccontextmanager
    async def begin(self, *, lasting: bool = True) -> AsyncIterator[U]:
        unit: U | None = None
        connection: Connection | None = None
        try:
            async with self.gateway.transaction(lasting=lasting) as connection:
                unit = self.unit(connection)
                yield unit
        finally:
            if unit and connection and unit.outbox.used and connection.committed:
                self.on_outbox()

    def view(self) -> AbstractAsyncContextManager[U]:
        return self.gateway.view(self.unit)

    async def ping(self) -> None:
        """Raises: Unavailable; Misconfigured where the tables are not there."""
        async with self.view() as unit:
            await unit.jobs.get("")
