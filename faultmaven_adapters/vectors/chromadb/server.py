"""ChromaDB's own server, ``chroma run``, by version 2 of its HTTP interface; its package is not needed for that."""

import base64
import json
import logging
import struct
from collections.abc import Sequence
from typing import Any

import httpx2
from attrs import field, frozen

from faultmaven_domain.kernel.errors import Unavailable

from .calls import CONFIGURATION, Gone, Kept, Near, Row, meaning, near

log = logging.getLogger(__name__)

_API, _COLLECTIONS = "/api/v2", "/tenants/default_tenant/databases/default_database/collections"
#: In seconds; the server answers a write once it lies in its log, and a first search once it has read that.
CONNECTING, ANSWERING = 5.0, 60.0


def _http() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(timeout=httpx2.Timeout(ANSWERING, connect=CONNECTING))


@frozen
class ChromaServer:
    """``url`` is the server's root; ``token`` goes along both as a bearer's and under ChromaDB's own header."""

    url: str
    token: str | None = field(default=None, repr=False)
    http: httpx2.AsyncClient = field(factory=_http, repr=False)

    async def find(self, name: str) -> Kept | None:
        try:
            return _kept(await self._called("GET", f"/{name}"))
        except Gone:
            return None

    async def make(self, name: str, metadata: Row) -> Kept:
        asked = {"name": name, "metadata": metadata, "configuration": CONFIGURATION, "get_or_create": True}
        return _kept(await self._called("POST", "", asked))

    async def remove(self, name: str) -> None:
        try:
            await self._called("DELETE", f"/{name}")
        except Gone:
            return

    async def change(self, id: str, metadata: Row) -> None:
        await self._called("PUT", f"/{id}", {"new_metadata": metadata})

    async def count(self, id: str) -> int:
        return int(await self._called("GET", f"/{id}/count"))

    async def names(self, id: str, where: Row | None = None) -> list[str]:
        found = await self._called("POST", f"/{id}/get", {"include": [], "where": where})
        return list(found["ids"])

    async def rows(self, id: str, names: Sequence[str]) -> dict[str, Row]:
        found = await self._called("POST", f"/{id}/get", {"ids": names, "include": ["metadatas"]})
        return dict(zip(found["ids"], found["metadatas"], strict=True))

    async def put(self, id: str, names: Sequence[str], vectors: Sequence[Sequence[float]], rows: Sequence[Row]) -> None:
        packed = [base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() for vector in vectors]
        await self._called("POST", f"/{id}/upsert", {"ids": names, "embeddings": packed, "metadatas": rows})

    async def nearest(self, id: str, vector: Sequence[float], most: int, where: Row) -> list[Near]:
        asked = {"query_embeddings": [list(vector)], "n_results": most, "where": where}
        found = await self._called("POST", f"/{id}/query", asked | {"include": ["metadatas", "distances"]})
        return near(found["metadatas"][0], found["distances"][0])

    async def delete(self, id: str, where: Row) -> int:
        answer = await self._called("POST", f"/{id}/delete", {"where": where})
        return int(answer["deleted"])

    async def delete_named(self, id: str, names: Sequence[str]) -> None:
        await self._called("POST", f"/{id}/delete", {"ids": names})

    async def ping(self) -> None:
        answer = await self._answered("GET", f"{_API}/heartbeat", None)
        if not answer.is_success or "heartbeat" not in answer.text:
            raise meaning(str(answer.status_code), answer.text[:300])
        await self._called("GET", "?limit=1")

    async def close(self) -> None:
        await self.http.aclose()

    async def _called(self, verb: str, path: str, body: Row | None = None) -> Any:
        """Raises: Gone; StorageFull; Unavailable."""
        answer = await self._answered(verb, f"{_API}{_COLLECTIONS}{path}", body)
        try:
            value = answer.json()
        except ValueError:
            raise meaning(str(answer.status_code), answer.text[:300]) from None
        if answer.is_success:
            return value
        kind, said = (value.get("error"), value.get("message")) if isinstance(value, dict) else (None, None)
        raise meaning(str(kind or answer.status_code), str(said)[:300])

    async def _answered(self, verb: str, path: str, body: Row | None) -> httpx2.Response:
        """Twice where a kept connection broke, as all do when the server restarts; doing any of this twice is safe."""
        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers |= {"Authorization": f"Bearer {self.token}", "X-Chroma-Token": self.token}
        content = None if body is None else json.dumps(body).encode()
        for last in (False, True):
            try:
                return await self.http.request(verb, self.url.rstrip("/") + path, content=content, headers=headers)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if last or not isinstance(error, (httpx2.NetworkError, httpx2.RemoteProtocolError)):
                    log.warning("ChromaDB: %s: %s", type(error).__name__, error)
                    raise Unavailable("The search index does not answer.") from error
        raise AssertionError("the last attempt returns or raises")


def _kept(collection: Row) -> Kept:
    return Kept(collection["id"], collection.get("metadata") or {})
