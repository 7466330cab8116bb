"""Transactions over tables in memory, with the promises of the real ones: all or nothing, in turn, one picture."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

from attrs import define, field

from ..turns import Turns
from .agent import MemoryAgentUnit
from .auth import MemoryAuthUnit
from .case import MemoryCaseUnit
from .evidence import MemoryEvidenceUnit
from .jobs import MemoryOutbox
from .knowledge import MemoryKnowledgeUnit
from .tables import Picture, Table

#: How long a writer waits for its turn, in seconds.
PATIENCE = 30.0


class _Unit(Protocol):
    @property
    def outbox(self) -> MemoryOutbox: ...


U = TypeVar("U", bound=_Unit)

UNITS: dict[str, Callable[[Picture], Any]] = {
    "auth": MemoryAuthUnit.over,
    "case": MemoryCaseUnit.over,
    "evidence": MemoryEvidenceUnit.over,
    "knowledge": MemoryKnowledgeUnit.over,
    "agent": MemoryAgentUnit.over,
}


@define(eq=False)
class MemoryTransactions(Generic[U]):
    """``on_outbox`` is called after each commit that put a message."""

    unit: Callable[[Picture], U]
    on_outbox: Callable[[], None]
    _tables: dict[str, Table] = field(factory=dict)
    _turns: Turns = field(factory=lambda: Turns(patience=PATIENCE))

    @asynccontextmanager
    async def begin(self, *, lasting: bool = True) -> AsyncIterator[U]:
        await self._turns.take()
        try:
            picture = Picture(self._tables, writable=True)
            unit = self.unit(picture)
            try:
                yield unit
            finally:
                picture.end()
            self._tables = picture.tables
        finally:
            self._turns.give()
        if unit.outbox.used:
            self.on_outbox()

    @asynccontextmanager
    async def view(self) -> AsyncIterator[U]:
        picture = Picture(self._tables, writable=False)
        try:
            yield self.unit(picture)
        finally:
            picture.end()

    async def ping(self) -> None:
        """Always there."""


def memory_transactions(module: str, on_outbox: Callable[[], None] = lambda: None) -> MemoryTransactions[Any]:
    """A module's transactions over tables that live as long as they do."""
    return MemoryTransactions(UNITS[module], on_outbox)
