"""HTTP as it is spoken to models, in one place: what is sent, how much is taken back, and what each failure means.

A vendor's words go to the log, never into the message of an error.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from email.utils import mktime_tz, parsedate_tz
from typing import Any

import httpx2
from attrs import field, frozen

from faultmaven_domain.agent import LLMError, LLMRateLimited, LLMRefused, LLMTimeout
from faultmaven_domain.kernel.errors import FaultMavenError

from .sse import Event, Events, Lines

log = logging.getLogger(__name__)
Client = httpx2.AsyncClient

#: Bytes: an answer in one piece, a line of one that streams, and all its lines, most of which is their wrapping.
LONGEST_ANSWER, LONGEST_LINE, LONGEST_STREAM = 4 * 2**20, 2**20, 32 * 2**20
_MOST_LOGGED = 500
#: Seconds a stream gets to end after its last word, so that its connection can be used again.
_PARTING = 0.1

#: What each failure means. Statuses that are not here are final: the same request will fail again.
_PASSING = frozenset({408, 409, 425})
_FAILURES: tuple[tuple[type[Exception], type[LLMError | LLMRefused]], ...] = (
    (httpx2.TimeoutException, LLMTimeout),
    (httpx2.UnsupportedProtocol, LLMRefused),  # an address that is none
    (httpx2.LocalProtocolError, LLMRefused),  # a key that cannot be sent
    (httpx2.HTTPError, LLMError),
)


def new_client() -> Client:
    """How long a model may take is the caller's to say: these seconds only end what hangs."""
    return Client(
        timeout=httpx2.Timeout(300.0, connect=10.0),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32),
    )


@frozen
class Wire:
    """``base`` is what every path is put after; ``secret`` what must not be logged.

    ``codes`` are the names a vendor gives its errors, each with the status it stands for: inside an answer that has
    begun there is no status any more, and one name may tell more than a status does.
    """

    provider: str
    base: str
    client: Client = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    secret: str | None = field(default=None, repr=False)
    codes: Mapping[str, int] = field(factory=dict, repr=False)

    async def get(self, path: str) -> dict[str, Any]:
        """The JSON object there. Raises: LLMError and its kinds; LLMRefused."""
        async with self._answered("GET", path) as response:
            return self.parsed(await self._read(response))

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that is answered. Raises: as ``get``."""
        async with self._answered("POST", path, body) as response:
            return self.parsed(await self._read(response))

    @asynccontextmanager
    async def lines(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """The lines of an answer while they come. To leave with an error, or by closing, hangs up.

        Raises: as ``get``, within the block too.
        """
        async with self._answered("POST", path, body) as response, aclosing(self._lines(response)) as lines:
            yield lines
            with suppress(TimeoutError, LLMError, httpx2.HTTPError):
                async with asyncio.timeout(_PARTING):
                    async for _ in lines:
                        pass

    @asynccontextmanager
    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[AsyncGenerator[Event, None]]:
        """The same, as server-sent events."""
        async with self.lines(path, body) as lines, aclosing(_events(lines)) as events:
            yield events

    async def close(self) -> None:
        await self.client.aclose()

    def parsed(self, text: str | bytes) -> dict[str, Any]:
        """A JSON object. Raises: LLMError for anything else."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self.nonsense(text) from error
        if not isinstance(value, dict):
            raise self.nonsense(text)
        return value

    @contextmanager
    def reading(self, answer: object) -> Iterator[None]:
        """Raises: LLMError where what is read is not of the form it should be."""
        try:
            yield
        except (LookupError, TypeError, AttributeError) as error:
            raise self.nonsense(answer) from error

    def nonsense(self, answer: object) -> LLMError:
        """What to raise for an answer that means nothing."""
        log.warning("%s: an answer of another form: %s", self.provider, self._loggable(answer))
        return LLMError("The language model answered nonsense.", provider=self.provider)

    def cut(self) -> LLMError:
        """What to raise for a stream that ended before the answer did."""
        log.warning("%s: the answer was cut off.", self.provider)
        return LLMError("The language model's answer was cut off.", provider=self.provider)

    def trouble(self, error: object) -> FaultMavenError:
        """What to raise for an error the vendor tells of inside an answer."""
        names = [error.get("code"), error.get("type")] if isinstance(error, dict) else []
        statuses = [name if isinstance(name, int) else self.codes.get(str(name)) for name in names]
        return self._failure(next((status for status in statuses if status and 400 <= status < 600), 500), error)

    @asynccontextmanager
    async def _answered(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[httpx2.Response]:
        try:
            request = self.client.build_request(method, f"{self.base}{path}", json=body, headers=dict(self.headers))
        except (httpx2.InvalidURL, UnicodeError) as error:
            log.error("%s: the address or the key cannot be sent: %s", self.provider, type(error).__name__)
            raise LLMRefused(provider=self.provider) from error
        with self._translated():
            response = await self.client.send(request, stream=True)
            try:
                if not response.is_success:
                    raise await self._refusal(response)
                yield response
            finally:
                await response.aclose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx2.HTTPError as error:
            ours = next(ours for theirs, ours in _FAILURES if isinstance(error, theirs))
            log.warning("%s: %s: %s", self.provider, type(error).__name__, self._loggable(str(error)))
            raise ours(provider=self.provider) from error

    async def _refusal(self, response: httpx2.Response) -> FaultMavenError:
        text, status = await self._read(response), response.status_code
        with suppress(ValueError, RecursionError, LookupError, TypeError):
            status = self.codes.get(str(json.loads(text)["error"]["code"]), status)
        wait = waiting_time(response.headers.get("retry-after"), response.headers.get("date"))
        return self._failure(status, text, retry_after=wait)

    def _failure(self, status: int, said: object, *, retry_after: float | None = None) -> FaultMavenError:
        log.warning("%s: status %d: %s", self.provider, status, self._loggable(said))
        if status == 429 or (status == 503 and retry_after is not None):  # it says when to ask again
            return LLMRateLimited(retry_after=retry_after, provider=self.provider)
        if status in _PASSING or status >= 500:
            return LLMError(provider=self.provider)
        return LLMRefused(provider=self.provider)

    async def _read(self, response: httpx2.Response) -> bytes:
        """Raises: LLMError for more than is to be expected of an answer."""
        body = bytearray()
        async with aclosing(response.aiter_bytes()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > LONGEST_ANSWER:
                    raise self.nonsense(bytes(body[:_MOST_LOGGED]))
        return bytes(body)

    async def _lines(self, response: httpx2.Response) -> AsyncGenerator[bytes, None]:
        """Raises: LLMError for a line, or a stream, that does not end."""
        lines, taken = Lines(LONGEST_LINE), 0
        async with aclosing(response.aiter_bytes()) as pieces:
            async for piece in pieces:
                taken += len(piece)
                try:
                    ended = lines.feed(piece)
                except ValueError as error:
                    raise self.nonsense(str(error)) from error
                for line in ended:
                    yield line
                if taken > LONGEST_STREAM:
                    raise self.nonsense(f"a stream of more than {LONGEST_STREAM} bytes")
        if last := lines.last():
            yield last

    def _loggable(self, said: object) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        if self.secret:
            for form in (self.secret, ascii(self.secret)[1:-1]):
                text = text.replace(form, "[key]")
        return ascii(text[:_MOST_LOGGED])  # on one line, whatever is in it


async def _events(lines: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    events = Events()
    async for line in lines:
        if event := events.feed(line):
            yield event


_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def waiting_time(retry_after: str | None, date: str | None) -> float | None:
    """Seconds until a request may be sent again: RFC 9110's Retry-After, a date in it by the sender's own clock."""
    if retry_after is None:
        return None
    if _SECONDS.fullmatch(retry_after.strip()):
        return float(retry_after)
    then, now = _moment(retry_after), _moment(date)
    return None if then is None or now is None else max(0.0, then - now)


def _moment(date: str | None) -> float | None:
    parts = parsedate_tz(date) if date else None
    if parts is None:
        return None
    try:
        return float(mktime_tz(parts))
    except (ValueError, OverflowError):
        return None
