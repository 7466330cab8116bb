"""What is asked of ChromaDB, in the same words for its folder and for its server, and what its errors mean."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from faultmaven_domain.kernel.errors import FaultMavenError, StorageFull, Unavailable

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
#: How every collection compares: ``configuration`` of ChromaDB's own. With 200 candidates in the graph, in place of
#: 100, alerts find 1.000 of their nearest ten, in place of 0.988, and 0.998 of their nearest fifty, in place of 0.987,
#: among 10,000 vectors mixed of those of runbooks.
CONFIGURATION: dict[str, Any] = {"hnsw": {"space": "cosine", "ef_search": 200}}

#: By the name ChromaDB gives the error, or by its words; anything else is Unavailable.
_REFUSED = ("AuthError", "AuthorizationError", "Forbidden", "401", "403")
_FULL = ("No space left on device", "database or disk is full", "Disk quota exceeded")


class Gone(Exception):
    """The collection is not there, or no longer."""


@frozen
class Kept:
    """A collection by the id that it has until it is removed."""

    id: str
    metadata: Row


@frozen
class Near:
    """A row, and one less the cosine."""

    row: Row
    distance: float


class Chroma(Protocol):
    """Collections are found by their names and used by their ids.

    Every method raises Unavailable where ChromaDB does not answer and StorageFull where its disk is full; one that is
    given an id raises Gone where there is no such collection.
    """

    async def find(self, name: str) -> Kept | None: ...

    async def make(self, name: str, metadata: Row) -> Kept:
        """The one that is there where another was faster, with its own metadata."""
        ...

    async def remove(self, name: str) -> None:
        """No error where there is none."""
        ...

    async def change(self, id: str, metadata: Row) -> None:
        """New metadata in place of the old."""
        ...

    async def count(self, id: str) -> int: ...

    async def names(self, id: str, where: Row | None = None) -> list[str]:
        """The ids of all rows, or of those that a condition lets through."""
        ...

    async def rows(self, id: str, names: Sequence[str]) -> dict[str, Row]:
        """Those that are there, by their ids."""
        ...

    async def put(self, id: str, names: Sequence[str], vectors: Sequence[Sequence[float]], rows: Sequence[Row]) -> None:
        """Insert or replace. A row's None takes a field away; a field that is not named stays as it was."""
        ...

    async def nearest(self, id: str, vector: Sequence[float], most: int, where: Row) -> list[Near]: ...

    async def delete(self, id: str, where: Row) -> int:
        """How many there were."""
        ...

    async def delete_named(self, id: str, names: Sequence[str]) -> None: ...

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


def near(rows: Sequence[Row | None], distances: Sequence[float]) -> list[Near]:
    """A row is None where it was found near, and was deleted before it was read."""
    return [Near(row, distance) for row, distance in zip(rows, distances, strict=True) if row is not None]


def meaning(kind: str, said: str) -> FaultMavenError | Gone:
    """An error of ChromaDB's in the domain's words, and its own in the log."""
    if kind == "NotFoundError":
        return Gone()
    log.warning("ChromaDB: %s: %s", kind, said)
    if kind in _REFUSED:
        return Unavailable("The search index lets nobody in with this CHROMADB_TOKEN.")
    if any(words in said for words in _FULL):
        return StorageFull()
    return Unavailable("The search index does not answer.")
