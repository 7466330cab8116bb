"""One use-case is one transaction over one module's tables; what it asks of others leaves after the commit."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from .events import Outgoing
from .jobs import JobRepository

U_co = TypeVar("U_co", covariant=True)


class Outbox(Protocol):
    """Messages written in the transaction that makes them true. A row stays until its job has ended."""

    async def put(self, message: Outgoing, *, at: datetime) -> None: ...

    async def due(self, *, sent_before: datetime, limit: int = 100) -> list[Outgoing]:
        """Oldest first: never sent, or last sent before a time."""
        ...

    async def mark_sent(self, ids: list[str], *, at: datetime) -> None: ...

    async def mark_unsent(self, ids: list[str]) -> None:
        """Whatever they were sent to is known to be lost."""
        ...

    async def drop(self, id: str) -> None:
        """The job has ended; its message is not sent again."""
        ...


class UnitOfWork(Protocol):
    """Each room's own unit adds its repositories to these."""

    @property
    def jobs(self) -> JobRepository: ...

    @property
    def outbox(self) -> Outbox: ...


class Transactions(Protocol[U_co]):
    """A module's way to its data. Adapters raise the domain's errors, never a driver's."""

    def begin(self) -> AbstractAsyncContextManager[U_co]:
        """Read and write. Commits when the block ends, rolls back when it raises; concurrent ones run as if in turn."""
        ...

    def view(self) -> AbstractAsyncContextManager[U_co]:
        """Read only, one consistent picture, waiting for no writer."""
        ...
