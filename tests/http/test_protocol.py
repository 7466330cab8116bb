"""Requests that are none, and heads that do not come: over a real socket, for there is no application yet."""

import asyncio
import json

import pytest
import uvicorn
from attrs import frozen
from starlette.types import ASGIApp

from faultmaven_http.incoming import Incoming, SlowBody
from faultmaven_http.protocol import PatientProtocol


class Impatient(PatientProtocol):
    head_seconds, heard_out_seconds = 0.2, 1.0


@frozen
class Serving:
    """The application behind a real server that does not wait long."""

    app: ASGIApp

    async def said_to(self, *parts: bytes, protocol: type[PatientProtocol] = Impatient) -> bytes:
        """All that a caller hears who sends this and then waits."""
        config = uvicorn.Config(
            self.app, port=0, log_config=None, access_log=False, http=protocol, timeout_keep_alive=1, lifespan="off"
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
            assert not serving.done()
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
        try:
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.01)
            async with asyncio.timeout(30):
                return await reader.read()
        finally:
            writer.close()
            server.should_exit = True
            await serving


@pytest.fixture
def serving(app: ASGIApp) -> Serving:
    return Serving(app)


@pytest.mark.parametrize("parts", [(b"GET",), (b"GET /health HTTP/1.1\r\n", b"Host: x\r\n", b"X-Slow: 1\r\n")])
async def test_a_head_that_does_not_come_is_not_waited_for(serving: Serving, parts: tuple[bytes, ...]) -> None:
    """A connection that sends only the beginning of a request is told so and closed."""
    said = await serving.said_to(*parts)

    assert said.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "REQUEST_TIMEOUT"


async def test_a_connection_opened_ahead_of_need_is_closed_without_a_word(serving: Serving) -> None:
    """Nothing is said where nothing was asked."""
    assert await serving.said_to() == b""


async def test_the_second_head_is_not_waited_for_either(serving: Serving) -> None:
    """A kept connection is answered, and closed when its next request does not come whole."""
    request = b"GET /v1/meta/capabilities HTTP/1.1\r\nHost: x\r\n\r\n"
    said = await serving.said_to(request, request, b"GET /v1")

    assert said.count(b"HTTP/1.1 200 ") == 2
    assert said.count(b"HTTP/1.1 408 ") == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /health\r\n\r\n\r\n",
        b"G\0T /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"POST /v1/cases HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/cases HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/cases HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /v1/cases HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"GET /v1/cases HTTP/1.1\r\nHost: x\r\n" + b"X-Flood: x\r\n" * 100_000 + b"\r\n",
    ],
    ids=["TLS", "no version", "NUL", "no colon", "negative", "two lengths", "encoding", "huge token", "flood"],
)
async def test_what_is_no_request_is_told_so(serving: Serving, nonsense: bytes) -> None:
    """In the one shape of every error, and the connection is closed, whatever else was on its way."""
    said = await serving.said_to(nonsense)

    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert b"connection: close" in head.lower()
    assert isinstance(json.loads(body)["detail"], str)


async def test_a_request_is_not_cut_off_by_the_wait_for_its_head(serving: Serving) -> None:
    """Once the head is there the body has its own time."""
    body = b'{"email": "ana@example.org", "password": "wrong horse"}'
    head = b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    parts = (head % len(body), *(body[at : at + 1] for at in range(len(body))))  # longer than the head may take

    assert (await serving.said_to(*parts)).startswith(b"HTTP/1.1 401 ")


async def test_a_body_that_stops_coming_is_given_up() -> None:
    """What was announced and does not come ends the request; what is whole is waited for no more."""
    scope = {"type": "http", "headers": [(b"content-length", b"10")]}
    pieces = [{"type": "http.request", "body": b"x" * 5, "more_body": True}]

    async def receive() -> dict[str, object]:
        if pieces:
            return pieces.pop()
        await asyncio.Event().wait()
        raise AssertionError

    incoming = Incoming(scope, receive, limit=100, silence=0.05)  # type: ignore[arg-type]
    assert (await incoming())["body"] == b"x" * 5
    with pytest.raises(SlowBody):
        await incoming()
    await incoming.drain()  # returns at once: nobody is listened to twice
    assert not incoming.ended
