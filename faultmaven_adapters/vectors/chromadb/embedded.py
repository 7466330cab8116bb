"""ChromaDB in this process, over a folder. It blocks, so it has a thread; and a folder has one process at a time."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import field, frozen

from faultmaven_domain.kernel.errors import Unavailable

from ...extras import needed
from .calls import CONFIGURATION, Gone, Kept, Near, Row, meaning, near

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api.client import Client

T = TypeVar("T")
LOCK = "faultmaven.lock"


@frozen
class EmbeddedChroma:
    """``path`` is made when it is first needed, and locked until :meth:`close`: two processes would not see each
    other's vectors. Nothing is told to the vendor."""

    path: Path
    _thread: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(1, "chromadb"), init=False)
    _opened: "list[tuple[Client, int]]" = field(factory=list, init=False)
    _collections: "dict[str, Collection]" = field(factory=dict, init=False)

    async def find(self, name: str) -> Kept | None:
        try:
            return await self._run(lambda client: self._known(client.get_collection(name, embedding_function=None)))
        except Gone:
            return None

    async def make(self, name: str, metadata: Row) -> Kept:
        def make(client: "Client") -> Kept:
            given: dict[str, Any] = {"configuration": CONFIGURATION, "embedding_function": None}
            client.get_or_create_collection(name, metadata=dict(metadata), **given)
            return self._known(client.get_collection(name, embedding_function=None))

        return await self._run(make)

    async def remove(self, name: str) -> None:
        def remove(client: "Client") -> None:
            self._collections.pop(str(client.get_collection(name, embedding_function=None).id), None)
            client.delete_collection(name)

        try:
            await self._run(remove)
        except Gone:
            return

    async def change(self, id: str, metadata: Row) -> None:
        await self._run(lambda _: self._of(id).modify(metadata=dict(metadata)))

    async def count(self, id: str) -> int:
        return await self._run(lambda _: self._of(id).count())

    async def names(self, id: str, where: Row | None = None) -> list[str]:
        condition: dict[str, Any] | None = dict(where) if where else None
        return await self._run(lambda _: self._of(id).get(where=condition, include=[])["ids"])

    async def rows(self, id: str, names: Sequence[str]) -> dict[str, Row]:
        found = await self._run(lambda _: self._of(id).get(ids=list(names), include=["metadatas"]))
        return dict(zip(found["ids"], found["metadatas"] or (), strict=True))

    async def put(self, id: str, names: Sequence[str], vectors: Sequence[Sequence[float]], rows: Sequence[Row]) -> None:
        given: dict[str, Any] = {"ids": list(names), "embeddings": list(map(list, vectors))}
        await self._run(lambda _: self._of(id).upsert(**given, metadatas=list(map(dict, rows))))

    async def nearest(self, id: str, vector: Sequence[float], most: int, where: Row) -> list[Near]:
        asked: dict[str, Any] = {"query_embeddings": [list(vector)], "n_results": most, "where": dict(where)}
        found: Any = await self._run(lambda _: self._of(id).query(**asked, include=["metadatas", "distances"]))
        return near(found["metadatas"][0], found["distances"][0])

    async def delete(self, id: str, where: Row) -> int:
        condition: dict[str, Any] = dict(where)
        return (await self._run(lambda _: self._of(id).delete(where=condition)))["deleted"]

    async def delete_named(self, id: str, names: Sequence[str]) -> None:
        await self._run(lambda _: self._of(id).delete(ids=list(names)))

    async def ping(self) -> None:
        await self._run(lambda client: client.heartbeat())

    async def close(self) -> None:
        def close() -> None:
            while self._opened:
                client, lock = self._opened.pop()
                self._collections.clear()
                client.close()
                os.close(lock)

        if self._opened:
            await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: "Callable[[Client], T]") -> T:
        """In the one thread. Raises: Gone; Misconfigured; StorageFull; Unavailable."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._client()))
        except Gone:
            raise
        except (RuntimeError, OSError, ValueError) as error:
            raise meaning(type(error).__name__, str(error)) from error
        except Exception as error:
            if not type(error).__module__.startswith("chromadb."):
                raise
            raise meaning(type(error).__name__, str(error)) from error

    def _client(self) -> "Client":
        if not self._opened:
            chromadb = needed("chromadb", "chromadb")
            lock = _locked(self.path)
            try:
                settings = chromadb.Settings(anonymized_telemetry=False)
                self._opened.append((chromadb.PersistentClient(str(self.path), settings=settings), lock))
            except Exception as error:
                os.close(lock)
                _forget(str(self.path))
                raise meaning(type(error).__name__, str(error)) from error
        return self._opened[0][0]

    def _known(self, collection: "Collection") -> Kept:
        self._collections[str(collection.id)] = collection
        metadata: Mapping[str, Any] = collection.metadata or {}
        return Kept(str(collection.id), dict(metadata))

    def _of(self, id: str) -> "Collection":
        if id not in self._collections:
            raise Gone
        return self._collections[id]


def _forget(path: str) -> None:
    """Let go of what could not be opened: ChromaDB keeps it, and would go on to fail once it could be."""
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient._identifier_to_system.pop(path, None)


def _locked(path: Path) -> int:
    """Raises: Unavailable where another process has the folder."""
    path.mkdir(parents=True, exist_ok=True)
    lock = os.open(path / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        says = "Another process has ChromaDB's folder open; for several, start `chroma run` and set CHROMADB_URL."
        raise Unavailable(says) from None
    return lock
