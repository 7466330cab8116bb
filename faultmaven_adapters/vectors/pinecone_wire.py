"""Pinecone's HTTP as the index needs it: which requests there are, how often one is tried, what each failure means.

Protocol: https://docs.pinecone.io/reference/api/2026-07 (the Documents API). The vendor's words go to the log and never
into the message of an error.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2
from attrs import field, frozen

from faultmaven_domain.kernel.errors import Misconfigured, Unavailable

log = logging.getLogger(__name__)

VERSION = "2026-07"
#: What one request may hold, and what an answer may.
MOST_DOCUMENTS, MOST_BYTES, MOST_IDS, MOST_HITS = 1_000, 2_000_000, 1_000, 10_000
LONGEST_ANSWER = 16 * 2**20
#: Seconds: one try, all tries of a search and of any other request, and until what was written is found.
TRY, SEARCH, REQUEST, VISIBLE = 10.0, 15.0, 60.0, 120.0
#: Statuses that pass by themselves. Each request may be repeated: what it writes it writes once.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
TRIES, FIRST_PAUSE, _LONGEST_PAUSE = 5, 0.1, 10.0
_FIRST_LOOK, _LONGEST_LOOK = 0.01, 1.0
_MOST_LOGGED = 500
NONSENSE = "Pinecone answered nonsense."
_WRITTEN, _READ = "x-pinecone-request-lsn", "x-pinecone-max-indexed-lsn"
_REFUSALS: Mapping[int, str] = {
    401: "Pinecone does not know the key: check PINECONE_API_KEY.",
    402: "Pinecone asks for payment first.",
    403: "Pinecone does not let this key do that: check what PINECONE_API_KEY may do, and the plan's limits.",
}

Json = dict[str, Any]


class Absent(Exception):
    """There is no such index or namespace."""


class Taken(Exception):
    """There is an index of that name."""


@frozen
class Answer:
    """``written``: the place of a write in its namespace's log; ``read``: up to which place a search saw it."""

    body: Json
    written: int | None
    read: int | None


@frozen
class _Reply:
    status: int
    headers: Mapping[str, str]
    content: bytes


def new_client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(timeout=httpx2.Timeout(TRY, connect=5.0))


@frozen
class PineconeWire:
    """``url`` is that of the control plane, which tells where each index is. Times are in seconds: until what was
    written is found at the latest, and between the first two tries of a request."""

    url: str
    key: str = field(repr=False)
    visible_within: float = VISIBLE
    first_pause: float = FIRST_PAUSE
    client: httpx2.AsyncClient = field(factory=new_client, repr=False)
    _hosts: dict[str, str] = field(factory=dict, init=False)

    async def ensure(self, index: str, fields: Mapping[str, Json], *, cloud: str, region: str) -> None:
        """Make the index, unless it is there or another is making it, and wait until it can be used.

        Raises: Misconfigured for one of that name with other fields; Unavailable.
        """
        if index in self._hosts:
            return
        try:
            described = await self._described(index)
        except Absent:
            described = await self._create(index, fields, cloud, region)
        _check(index, described, fields)
        async with self._patience(f"Pinecone did not make the index {index} in time."):
            async for _ in _pauses():
                if await self._ready(index):
                    return

    async def ping(self, index: str) -> None:
        """Ask after the index, which need not be there. Raises: Unavailable."""
        try:
            await self._described(index)
        except Absent:
            log.debug("Pinecone: the index %s is not made yet.", index)

    async def upsert(self, index: str, namespace: str, documents: Sequence[Json]) -> int | None:
        """The place of the last of it in the log. Raises: Unavailable; Absent for the index."""
        written = None
        for part in _parts(documents):
            body = b'{"documents":[' + b",".join(part) + b"]}"
            written = (await self._asked(index, namespace, "upsert", body)).written
        return written

    async def delete(self, index: str, namespace: str, what: Json) -> int | None:
        """``what`` has ids, a filter or delete_all. Raises: Unavailable; Absent."""
        return (await self._asked(index, namespace, "delete", _encoded(what))).written

    async def search(
        self, index: str, namespace: str, score_by: Json, top_k: int, *, where: Json | None, fields: Sequence[str]
    ) -> Answer:
        """Raises: Unavailable; Absent."""
        body = {"score_by": [score_by], "top_k": min(top_k, MOST_HITS), "include_fields": list(fields)}
        return await self._asked(index, namespace, "search", _encoded(body | ({"filter": where} if where else {})))

    async def seen(
        self, index: str, namespace: str, score_by: Json, written: int | None, *, emptied: bool = False
    ) -> None:
        """Wait until every search sees a write. ``score_by`` is one that all of the namespace answers.

        Pinecone says how far behind a search is only in the answer to one. A namespace that was ``emptied`` may be gone
        altogether, and no longer say anything.

        Raises: Unavailable where that takes too long.
        """
        if written is None:  # nothing was written, or nobody says where
            return
        async with self._patience("Pinecone took what was written, and does not find it yet."):
            async for _ in _pauses():
                try:
                    answer = await self.search(index, namespace, score_by, 1, where=None, fields=())
                except Absent:
                    answer = Answer({}, None, None)
                if emptied and not answer.body.get("matches"):
                    return
                if answer.read is not None and answer.read >= written:
                    return

    async def close(self) -> None:
        await self.client.aclose()

    @property
    def _base(self) -> str:
        return self.url.rstrip("/")

    async def _described(self, index: str) -> Json:
        return (await self._sent("GET", f"{self._base}/indexes/{quote(index, safe='')}")).body

    async def _create(self, index: str, fields: Mapping[str, Json], cloud: str, region: str) -> Json:
        deployment = {"deployment_type": "managed", "cloud": cloud, "region": region}
        body = {"name": index, "schema": {"fields": fields}, "deployment": deployment}
        try:
            return (await self._sent("POST", f"{self._base}/indexes", _encoded(body))).body
        except Taken:
            log.info("Pinecone: another process makes the index %s.", index)
            return body

    async def _ready(self, index: str) -> bool:
        try:
            described = await self._described(index)
        except Absent:
            return False
        return bool(described.get("host")) and bool((described.get("status") or {}).get("ready"))

    async def _host(self, index: str) -> str:
        """Raises: Unavailable; Absent."""
        if index not in self._hosts:
            host = (await self._described(index)).get("host")
            if not isinstance(host, str) or not host:
                raise Unavailable("Pinecone is still making the index.", index=index)
            self._hosts[index] = (host if "://" in host else f"https://{host}").rstrip("/")
        return self._hosts[index]

    async def _asked(self, index: str, namespace: str, verb: str, body: bytes) -> Answer:
        address = f"{await self._host(index)}/namespaces/{quote(namespace, safe='')}/documents/{verb}"
        try:
            return await self._sent("POST", address, body, SEARCH if verb == "search" else REQUEST)
        except Taken as error:
            raise Unavailable("Pinecone is at odds with itself.") from error
        except (Absent, Unavailable):
            self._hosts.pop(index, None)  # an index made anew is served elsewhere
            raise

    async def _sent(self, method: str, address: str, body: bytes | None = None, seconds: float = REQUEST) -> Answer:
        """Raises: Unavailable; Absent; Taken."""
        pause = self.first_pause
        async with self._limit(seconds, "Pinecone does not answer."):
            for left in reversed(range(TRIES)):
                try:
                    reply = await self._tried(method, address, body)
                    if reply.status not in _PASSING or not left:
                        return self._answer(reply)
                    log.info("Pinecone: status %d, trying again.", reply.status)
                    wait = _seconds(reply.headers.get("retry-after"), pause)
                except httpx2.HTTPError as error:
                    log.warning("Pinecone: %s: %s", type(error).__name__, self._loggable(str(error)))
                    if not left or isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):
                        raise Unavailable("Pinecone does not answer.") from error
                    wait = pause
                await asyncio.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)
        raise AssertionError("the last try returns or raises")

    async def _tried(self, method: str, address: str, body: bytes | None) -> "_Reply":
        headers = {"Api-Key": self.key, "X-Pinecone-Api-Version": VERSION, "Content-Type": "application/json"}
        try:
            request = self.client.build_request(method, address, content=body, headers=headers)
        except (httpx2.InvalidURL, UnicodeError) as error:
            log.error("Pinecone: the address or the key cannot be sent: %s", type(error).__name__)
            raise Unavailable("Pinecone cannot be asked: check PINECONE_URL and PINECONE_API_KEY.") from error
        response = await self.client.send(request, stream=True)
        try:
            content = bytearray()
            async with aclosing(response.aiter_bytes()) as pieces:
                async for piece in pieces:
                    content += piece
                    if len(content) > LONGEST_ANSWER:
                        raise self._nonsense(bytes(content[:_MOST_LOGGED]))
        finally:
            await response.aclose()
        return _Reply(response.status_code, response.headers, bytes(content))

    def _answer(self, reply: "_Reply") -> Answer:
        """Raises: Unavailable; Absent; Taken."""
        if 200 <= reply.status < 300:
            try:
                body = json.loads(reply.content or b"{}")
            except (ValueError, RecursionError) as error:
                raise self._nonsense(reply.content) from error
            if not isinstance(body, dict):
                raise self._nonsense(reply.content)
            written, read = (_number(reply.headers.get(name)) for name in (_WRITTEN, _READ))
            return Answer(body, written, read)
        if reply.status == 404:
            raise Absent
        if reply.status == 409:
            raise Taken
        log.warning("Pinecone: status %d: %s", reply.status, self._loggable(reply.content))
        raise Unavailable(_REFUSALS.get(reply.status, f"Pinecone answers with status {reply.status}."))

    def _nonsense(self, said: bytes) -> Unavailable:
        log.warning("Pinecone: an answer of another form: %s", self._loggable(said))
        return Unavailable(NONSENSE)

    def _loggable(self, said: bytes | str) -> str:
        text = said[:_MOST_LOGGED].decode("utf-8", "replace") if isinstance(said, bytes) else said[:_MOST_LOGGED]
        return ascii(text.replace(self.key, "[key]") if self.key else text)

    @asynccontextmanager
    async def _patience(self, message: str) -> AsyncIterator[None]:
        async with self._limit(self.visible_within, message):
            yield

    @asynccontextmanager
    async def _limit(self, seconds: float, message: str) -> AsyncIterator[None]:
        """Raises: Unavailable once they are over."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise Unavailable(message) from error


def _check(index: str, described: Json, fields: Mapping[str, Json]) -> None:
    """Raises: Misconfigured where the index is another's."""
    schema = described.get("schema")
    held = schema.get("fields") if isinstance(schema, dict) else None
    for name, wanted in fields.items():
        found = held.get(name) if isinstance(held, dict) else None
        if not isinstance(found, dict) or any(found.get(key) != wanted[key] for key in wanted if wanted[key]):
            raise Misconfigured(
                f"Pinecone has an index {index} for something else: set PINECONE_INDEX to another name."
            )


def _parts(documents: Sequence[Json]) -> list[list[bytes]]:
    """The documents as JSON, as many together as one request may hold."""
    parts: list[list[bytes]] = []
    size = MOST_BYTES
    for document in documents:
        encoded = _encoded(document)
        if size + len(encoded) > MOST_BYTES or len(parts[-1]) == MOST_DOCUMENTS:
            parts.append([])
            size = len('{"documents":[]}')
        parts[-1].append(encoded)
        size += len(encoded) + 1
    return parts


def _encoded(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


async def _pauses() -> AsyncIterator[None]:
    """Moments to look again: at once, and then ever longer after."""
    pause = _FIRST_LOOK
    while True:
        yield
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_LOOK)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _seconds(retry_after: str | None, otherwise: float) -> float:
    """RFC 9110's Retry-After in its form of seconds, within reason."""
    asked = _number(retry_after)
    return otherwise if asked is None else min(max(float(asked), otherwise), _LONGEST_PAUSE)
