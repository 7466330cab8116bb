"""One use-case is one transaction over one module's tables; what it asks of others leaves after the commit."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from .events import Outgoing
from .jobs import JobRepository

U_co = TypeVar("U_co", covariant=True)


class Outbox(Protocol):
    """Messages written in the transaction that makes them true. A row stays until its job is done.

    That of a job that failed is parked: it is kept, and never due, until somebody has the job tried again.
    """

    async def put(self, message: Outgoing, *, at: datetime) -> None: ...

    async def due(
        self, *, sent_before: datetime, sent_after: datetime | None = None, limit: int = 100
    ) -> list[Outgoing]:
        """Oldest first: never sent, last sent before a time, or after another one, by a clock that cannot be right."""
        ...

    async def mark_sent(self, ids: list[str], *, at: datetime) -> None:
        """Those that are parked or gone by now stay so."""
        ...

    async def mark_unsent(self, ids: list[str]) -> None:
        """Whatever they were sent to is known to be lost. Those that are parked or gone stay so."""
        ...

    async def mark_all_unsent(self) -> None:
        """All but the parked ones."""
        ...

    async def park(self, id: str) -> None: ...

    async def unpark(self, id: str) -> bool:
        """Due at once. False where the message is not kept any more."""
        ...

    async def parked(self, *, limit: int = 100) -> list[str]:
        """Ids, in the order they were put."""
        ...

    async def drop_parked(self, *, put_before: datetime) -> int:
        """Forget those that were put before a time and are parked now; gives how many."""
        ...

    async def drop(self, id: str) -> None:
        """The job is done or called off; its message is never sent again."""
        ...


class UnitOfWork(Protocol):
    """Each room's own unit adds its repositories to these."""

    @property
    def jobs(self) -> JobRepository: ...

    @property
    def outbox(self) -> Outbox: ...


class Transactions(Protocol[U_co]):
    """A module's way to its data. Adapters raise the domain's errors, never a driver's."""

    def begin(self, *, lasting: bool = True) -> AbstractAsyncContextManager[U_co]:
        """Read and write. Commits when the block ends, rolls back when it raises; concurrent ones run as if in turn.

        What is not ``lasting`` survives the end of the process, but a power cut only once something lasting was
        committed after it: for what would be done again without harm, as it does not wait for the disk.
        """
        ...

    def view(self) -> AbstractAsyncContextManager[U_co]:
        """Read only, one consistent picture, waiting for no writer."""
        ...
