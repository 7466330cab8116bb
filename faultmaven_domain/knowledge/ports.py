from collections.abc import Sequence
from typing import Protocol

from ..kernel.data import DataProvider
from ..kernel.unit_of_work import Transactions, UnitOfWork
from .models import Collection, Document, Passage, PassageHit, Scope


class DocumentRepository(DataProvider[Document], Protocol):
    async def by_ids(self, document_ids: Sequence[str]) -> list[Document]: ...

    async def revisions(self, document_ids: Sequence[str], *, owner_id: str) -> dict[str, str]:
        """The revision of each of them that has one and is global or the owner's."""
        ...

    async def by_source(self, owner_id: str | None, source: str) -> Document | None: ...

    async def of_owner(
        self, owner_id: str | None, *, document_type: str | None, collection: str | None, limit: int, offset: int
    ) -> list[Document]:
        """Newest first; the global ones where ``owner_id`` is None."""
        ...

    async def count(self, owner_id: str | None, *, document_type: str | None, collection: str | None) -> int: ...

    async def outdate(self, *, but: str | None) -> None:
        """Mark as ones to be indexed anew the ready documents that this model has not embedded. With None, mark every
        document that was ever indexed, whatever became of it since, but those with a later job that waits or runs: they
        are owed it."""
        ...

    async def outdate_owed(self) -> None:
        """Mark those that are owed it and whose job has ended without indexing them."""
        ...

    async def outdated(self, *, limit: int) -> list[Document]:
        """Some of those marked, and not asked for since; of one model the oldest first."""
        ...

    async def count_outdated(self) -> int: ...

    async def newest_ready(self) -> Document | None:
        """Of ready documents with passages, those of one model, the one that was added last."""
        ...

    async def file_keys(self) -> set[str]: ...


class ContentRepository(Protocol):
    """A document's text, by its id."""

    async def get(self, document_id: str) -> str | None: ...

    async def set(self, document_id: str, content: str) -> None: ...

    async def delete(self, document_id: str) -> bool: ...


class CollectionRepository(Protocol):
    """Collections are named by an owner and exist while named or used."""

    async def list(self, owner_id: str) -> list[Collection]:
        """With the number of documents the owner sees in each, by name."""
        ...

    async def add(self, owner_id: str, name: str) -> bool:
        """False where it was there."""
        ...

    async def delete(self, owner_id: str, name: str) -> bool: ...


class KnowledgeUnitOfWork(UnitOfWork, Protocol):
    @property
    def documents(self) -> DocumentRepository: ...

    @property
    def contents(self) -> ContentRepository: ...

    @property
    def collections(self) -> CollectionRepository: ...


class KnowledgeTransactions(Transactions[KnowledgeUnitOfWork], Protocol): ...


class EmbeddingModel(Protocol):
    @property
    def name(self) -> str:
        """Model, revision and precision: two models of one name give the same vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Of each vector; 0 where there is no model and :meth:`embed` must not be called."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of unit length per text, in the order given. Raises: Unavailable."""
        ...


class VectorProvider(Protocol):
    """An index of passages, by collection. What one process wrote, all see at once.

    A collection that was never prepared is empty. Every method raises Unavailable where the index does not answer and
    StorageFull where the disk is full.
    """

    async def prepare(self, collection: str, *, model: str, dimension: int) -> None:
        """Make sure the collection is there and fits the model; ``dimension`` 0 leaves open what model it will be.

        Raises: IndexMismatch where vectors of another model lie there.
        """
        ...

    async def upsert(
        self, collection: str, passages: Sequence[Passage], vectors: Sequence[Sequence[float]] | None
    ) -> None:
        """Insert or replace by passage id. Without vectors they are found by full text alone.

        Raises: Unavailable where the collection is not prepared, or was dropped since.
        """
        ...

    async def search(self, collection: str, vector: Sequence[float], top_k: int, *, scope: Scope) -> list[PassageHit]:
        """The nearest by cosine, best first; ``score`` is the cosine."""
        ...

    async def search_text(self, collection: str, query: str, top_k: int, *, scope: Scope) -> list[PassageHit]:
        """The best by full text, best first, of those that hold a word of the query in some form of it.

        Any text is a valid query; there are no operators.
        """
        ...

    async def delete(self, collection: str, document_id: str, *, keep_revision: str | None = None) -> None:
        """All of a document's passages but those of one revision."""
        ...

    async def discard(self, collection: str, document_id: str, *, revision: str) -> None:
        """A document's passages of one revision, and no others."""
        ...

    async def drop(self, collection: str) -> None:
        """Everything in it, and the memory of its model, for building it anew."""
        ...

    async def holds(self, collection: str, document_id: str, *, revision: str) -> bool:
        """Whether any passage of this revision of the document lies there."""
        ...

    async def tidy(self, collection: str) -> None:
        """Compaction and index upkeep where it is due; may be called often and beside writers."""
        ...
