"""The header Idempotency-Key: what came with it happens once, however often it comes.

The first good answer is kept and given again. And the ids of what a request creates are made of its caller, key and
address, so that even a server that was killed between doing and remembering makes nothing twice.
"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID, uuid4

from attrs import field, frozen
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.idempotency import Claim, KeptReply, KeyInUse, KeyReused, ReplyStore

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
#: How long a killed server's requests hold up those that come again; it is renewed while a request runs.
LEASE = timedelta(seconds=10)
#: The longest a request waits for the first one with its key, in seconds.
LONGEST_WAIT = 100.0
#: Pauses between looking whether the first one is done, in seconds: from the shortest to the longest.
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
#: A larger answer is not kept, in bytes.
LARGEST_KEPT = 256 * 1024
#: The status of an answer that is yet to come.
ACCEPTED = 202
#: What of an answer's headers is kept beside those that begin with ``x-``.
_OF_THE_ANSWER = frozenset({"content-type", "location", "preference-applied"})
_KEY = re.compile(r"[\x20-\x7e]{1,255}")


@frozen(kw_only=True)
class Keyed:
    """A request with a key. ``address`` is its method and whole path; ``caller`` as the limits count them.

    ``sign`` makes 32 bytes of words, the same of the same, that nobody can tell without the server's secret.
    """

    caller: str
    address: str
    key: str
    _sign: Callable[..., bytes] = field(repr=False)

    @classmethod
    def of(cls, request: Request, *, caller: str, sign: Callable[..., bytes]) -> "Keyed | None":
        """None without the header. Raises: InvalidInput."""
        given = request.headers.getlist(HEADER)
        if not given:
            return None
        if len(given) > 1 or not _KEY.fullmatch(given[0]):
            raise InvalidInput(f"{HEADER} is one key of 1 to 255 printable ASCII characters.", field=HEADER)
        address = f"{request.method} {request.scope['path']}"
        return cls(caller=caller, address=address, key=given[0], sign=sign)

    @property
    def name(self) -> str:
        """What it is kept under: tells nothing of whose it is."""
        return self._digest("reply").hex()

    def veiled(self, fingerprint: str) -> str:
        """A fingerprint as it may be kept: nobody can try what it was made of, which may be a password."""
        return self._digest("body", fingerprint).hex()

    def id_for(self, prefix: str, nth: int = 0) -> str:
        """The id of the ``nth`` thing of its kind that this request creates, as IdSource's look: 96 bits."""
        return f"{prefix}_{self._digest('id', prefix, str(nth))[:12].hex()}"

    def job_id(self) -> str:
        """The id of the job it asks for, a UUID in its canonical text form."""
        return str(UUID(bytes=self._digest("job")[:16], version=4))

    def _digest(self, *what: str) -> bytes:
        return self._sign(*what, self.caller, self.address, self.key)


async def fingerprint_of(body: object) -> str:
    """What a request asks, whatever way it was sent: the value of its JSON, or its form's fields and files."""
    if isinstance(body, dict):
        body = {name: await _without_files(value) for name, value in body.items()}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


async def _without_files(value: object) -> object:
    """A form's field with each of its files as name and hash; all else as it is."""
    if isinstance(value, UploadFile):
        return {"file": value.filename, "sha256": await asyncio.to_thread(_hashed, value.file)}
    if isinstance(value, list) and any(isinstance(part, UploadFile) for part in value):
        return [await _without_files(part) for part in value]
    return value


def _hashed(file: BinaryIO) -> str:
    file.seek(0)
    found = hashlib.sha256()
    while piece := file.read(256 * 1024):
        found.update(piece)
    file.seek(0)
    return found.hexdigest()


@frozen(kw_only=True)
class Replays:
    """Answers each request once, and from then on with what was kept.

    What is refused or fails leaves its key free, and so does an answer that is a file, or larger than is kept, or says
    to someone who has left that it goes on.
    """

    store: ReplyStore
    lease: timedelta = LEASE
    longest_wait: float = LONGEST_WAIT

    async def answered(
        self,
        keyed: Keyed,
        fingerprint: str,
        make: Callable[[], Awaitable[Response]],
        *,
        gone: Callable[[], Awaitable[bool]],
        keeps: bool = True,
    ) -> Response:
        """What ``make`` gives, or gave. ``gone`` tells whether who asks has left; without ``keeps`` one at a time.

        Raises: KeyReused; KeyInUse; what ``make`` does.
        """
        claim = Claim(key=keyed.name, fingerprint=keyed.veiled(fingerprint), owner=uuid4().hex)
        if (reply := await self._awaited(claim, gone)) is not None:
            return _replayed(reply)
        kept: KeptReply | None = None
        try:
            async with self._renewed(claim):
                response = await make()
            kept = _to_keep(response) if keeps else None
            if kept is not None and kept.status == ACCEPTED and await gone():
                kept = None  # nobody heard that it goes on, and who comes again may hear how it ended
        finally:  # whatever happened, its being called off included
            if kept is None:
                await self.store.release(claim)
        if kept is not None:
            await self.store.keep(claim, kept, ttl=KEPT_FOR)
        return response

    async def _awaited(self, claim: Claim, gone: Callable[[], Awaitable[bool]]) -> KeptReply | None:
        """The first one's answer, once it is there; None where this is the first, or the first one failed."""
        deadline, pause = time.monotonic() + self.longest_wait, SHORTEST_PAUSE
        while (held := await self.store.claim(claim, lease=self.lease)) is not None:
            if held.fingerprint != claim.fingerprint:
                raise KeyReused
            if held.reply is not None:
                return held.reply
            if time.monotonic() >= deadline or await gone():
                raise KeyInUse
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE)
        return None

    @asynccontextmanager
    async def _renewed(self, claim: Claim) -> AsyncIterator[None]:
        """Hold on to the claim while the block runs."""
        renewing = asyncio.create_task(self._renew(claim))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait({renewing})  # so that nothing is claimed behind its end

    async def _renew(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / 3)
            if await self.store.renew(claim, lease=self.lease):
                continue
            if await self.store.claim(claim, lease=self.lease) is not None:  # it was lost, and is another's now
                return


def _to_keep(response: Response) -> KeptReply | None:
    """None for what is not kept."""
    if isinstance(response, StreamingResponse) or not 200 <= response.status_code < 300:
        return None
    body = bytes(response.body)
    if len(body) > LARGEST_KEPT:
        return None
    headers = tuple(
        (name, value) for name, value in response.headers.items() if name in _OF_THE_ANSWER or name.startswith("x-")
    )
    return KeptReply(status=response.status_code, headers=headers, body=body)


def _replayed(reply: KeptReply) -> Response:
    return Response(reply.body, reply.status, {**dict(reply.headers), REPLAYED: "true"})
