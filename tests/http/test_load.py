"""More than a process takes on at once is refused in our shape, with a word when to come again."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress

import pytest
import uvicorn
from httpx2 import Response
from starlette.types import ASGIApp, Message

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.kernel.errors import Busy, RateLimited
from faultmaven_http.app import create_app
from faultmaven_http.incoming import Incoming, SlowBody
from faultmaven_http.load import FREE, Body, Load
from faultmaven_http.protocol import protocol_for
from faultmaven_http.pushing import Pushing
from tests.http.conftest import Clients, Someone
from tests.http.watching import until

MIB = 1024 * 1024


def is_refused(answer: Response, code: str = "OVERLOADED") -> bool:
    body = answer.json()
    told = int(answer.headers["retry-after"]) == body["retry_after"] > 0
    return (answer.status_code, body["error"]["code"], told) == (503, code, True)


async def test_no_more_requests_than_may_are_in_work(
    ana: Someone, clients: Clients, with_settings: Callable[..., FaultMaven], prefix: str
) -> None:
    """With as many in work as may be, one more is told to come again, and those who ask for health are answered."""
    app = create_app(with_settings(max_requests=1))
    http = await clients(app, prefix, held=False)
    root = await clients(app, held=False)
    http.headers["Authorization"] = ana.http.headers["Authorization"]

    with app.state.load.request():
        refused = await http.get("/cases")
        health = [(await root.get(path)).status_code for path in ("/health", "/health/live", "/health/ready")]

    assert is_refused(refused)
    assert health == [200, 200, 200]
    assert (await http.get("/cases")).status_code == 200


async def test_bodies_share_what_there_is(
    ana: Someone, clients: Clients, with_settings: Callable[..., FaultMaven], prefix: str
) -> None:
    """While others' bodies take all there is, a large one is refused and a small one is not; afterwards it is taken."""
    app = create_app(with_settings(max_bytes_in_work=MIB))
    http = await clients(app, prefix, held=False)
    http.headers["Authorization"] = ana.http.headers["Authorization"]
    form = {"case_id": (await ana.case())["case_id"]}
    large = {"file": ("a.log", b"x" * 2 * FREE)}
    others = app.state.load.body(text=False)
    others.take(MIB + FREE)

    assert is_refused(await http.post("/evidence", data=form, files=large))
    assert (await http.post("/cases", json={"title": "Small"})).status_code == 201
    others.let_go()
    assert (await http.post("/evidence", data=form, files=large)).status_code == 201
    assert app.state.load.bytes == 0


def test_one_alone_may_have_what_any_may() -> None:
    """A body larger than all there is passes where nobody else has any of it; text counts for what is made of it."""
    load = Load(most_requests=1, most_bytes=MIB)
    first, second = load.body(text=True), load.body(text=False)

    first.take(2 * MIB)
    with pytest.raises(Busy):
        second.take(FREE + 1)
    held = load.bytes
    first.let_go()

    assert held == 4 * (2 * MIB - FREE)
    second.take(1)
    second.was_text(1)
    assert load.bytes == 3 + 1


async def test_a_forms_texts_are_bounded_together(ana: Someone) -> None:
    """Texts that are small enough one by one, and not together, are not held."""
    case = await ana.case()
    texts = dict.fromkeys(("query", "pasted_content"), (None, b"x" * 6 * MIB))

    answer = await ana.http.post(f"/cases/{case['case_id']}/turns", files=texts)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_no_more_streams_than_may_are_open(app: ASGIApp, ana: Someone) -> None:
    """Where a process has as many streams as it may, whoever asks for one more is told to come again."""
    case = await ana.case()
    asked = await ana.http.post("/agent/chat", json={"case_id": case["case_id"], "message": "Why?"})
    pushing = app.state.pushing  # type: ignore[attr-defined]

    for n in range(pushing.most):
        pushing.taken[f"usr_{n}"] += 1
    answer = await ana.http.get(f"/agent/chat/{asked.json()['job_id']}/events")

    assert is_refused(answer)


def test_nobody_takes_all_streams() -> None:
    """However many one user has open, as many are left for others; and a newcomer gets one as long as one is left."""
    pushing = Pushing(heartbeat=15.0, most=9)

    def opened(user_id: str) -> int:
        count = 0
        with suppress(RateLimited):
            while True:
                pushing.check_seat(user_id)
                pushing.taken[user_id] += 1
                count += 1
        return count

    assert (opened("usr_1"), opened("usr_2"), opened("usr_3"), opened("usr_1")) == (5, 2, 1, 0)
    pushing.check_seat("usr_4")


async def test_who_is_silent_makes_room(app: ASGIApp) -> None:
    """Where all connections are taken, the one that was silent for the longest goes and the newcomer is answered."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, http=protocol_for(2), lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not serving.done()
    address = server.servers[0].sockets[0].getsockname()

    async def said(writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> bytes:
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(b'{"status":"alive"}'))
        return head

    try:
        async with asyncio.timeout(30):
            first, second = await asyncio.open_connection(*address), await asyncio.open_connection(*address)
            assert (await said(first[1], first[0])).startswith(b"HTTP/1.1 200")
            third = await asyncio.open_connection(*address)
            answered, stays = await said(third[1], third[0]), await said(first[1], first[0])
            gone = await second[0].read()
    finally:
        for _, writer in (first, second, third):
            writer.close()
        server.should_exit = True
        await serving

    assert (answered[:12], stays[:12], gone) == (b"HTTP/1.1 200", b"HTTP/1.1 200", b"")


async def test_who_reads_no_answer_makes_room(app: ASGIApp) -> None:
    """Who asks and leaves the answers unread loses the connection to a newcomer, and by itself after a while."""

    class Impatient(protocol_for(1)):  # type: ignore[misc]
        unread_seconds = 0.5

    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, http=Impatient, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not serving.done()
    host, port = server.servers[0].sockets[0].getsockname()
    greedy = [socket.socket() for _ in range(2)]
    try:
        async with asyncio.timeout(30):
            await _leave_unread(greedy[0], (host, port))
            await until(lambda: any(one.flow.write_paused for one in server.server_state.connections))
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answered = await reader.read()
            writer.close()
            await _leave_unread(greedy[1], (host, port))
            await until(lambda: not server.server_state.connections)
    finally:
        for one in greedy:
            one.close()
        server.should_exit = True
        await serving

    assert answered.startswith(b"HTTP/1.1 200")


async def _leave_unread(one: socket.socket, address: tuple[str, int]) -> None:
    """Ask for more than fits on the way."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.setblocking(False)
    await asyncio.get_running_loop().sock_connect(one, address)
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
    await asyncio.get_running_loop().sock_sendall(one, asked)


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_nobody_takes_all_downloads(app: ASGIApp, ana: Someone, bob: Someone) -> None:
    """Who has as many downloads under way as one may waits for one of them; others do not, and each is let go of."""
    downloads = app.state.downloads  # type: ignore[attr-defined]
    where = []
    for who in (ana, bob):
        form = {"case_id": (await who.case())["case_id"]}
        stored = await who.http.post("/evidence/upload", data=form, files={"file": ("a.log", b"all is well")})
        where.append(f"/evidence/{stored.json()['evidence_id']}")
    assert (await ana.http.get(where[0])).status_code == 200
    assert not downloads.taken
    downloads.taken[f"user:{ana.principal.user_id}"] = downloads.each

    hers, his = await ana.http.get(where[0]), await bob.http.get(where[1])

    assert (hers.status_code, hers.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert (his.status_code, his.content) == (200, b"all is well")
    assert downloads.taken.total() == downloads.each


async def test_no_body_trickles_for_as_long_as_it_likes() -> None:
    """What came fast at first buys no time for what comes a byte at a time after."""
    pieces = iter([b"x" * MIB, *[b"x"] * 100])

    async def receive() -> Message:
        piece = next(pieces)
        await asyncio.sleep(0 if len(piece) > 1 else 0.02)
        return {"type": "http.request", "body": piece, "more_body": True}

    scope = {"type": "http", "headers": [(b"transfer-encoding", b"chunked")]}
    incoming = Incoming(scope, receive, limit=2 * MIB, after=0.1)

    async def read() -> None:
        while True:
            await incoming()

    with pytest.raises(SlowBody):
        await read()


def test_nobody_takes_all_that_bodies_may() -> None:
    """Several bodies of one user take no more than is left for others', who are not refused beside them."""
    load = Load(most_requests=9, most_bytes=8 * MIB)

    def body(whose: str) -> Body:
        made = load.body(text=False)
        made.whose = whose
        return made

    hers = [body("ana") for _ in range(3)]
    hers[0].take(3 * MIB + FREE)
    hers[1].take(MIB + FREE)
    with pytest.raises(Busy):
        hers[2].take(MIB + FREE)
    body("bob").take(3 * MIB + FREE)
    for one in hers:
        one.let_go()

    assert load.bytes == 3 * MIB
    body("ana").take(5 * MIB + FREE)


def test_nobody_takes_all_requests_in_work() -> None:
    """One alone has half of them in work, and a newcomer is worked for beside them."""
    load = Load(most_requests=4, most_bytes=MIB)

    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(load.request("user:ana"))
        with pytest.raises(Busy):
            held.enter_context(load.request("user:ana"))
        held.enter_context(load.request("user:bob"))
        held.enter_context(load.request("user:eve"))

    assert (load.requests, dict(load.asked)) == (0, {})
