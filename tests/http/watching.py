"""Turns that no worker hears of, and readers of what happens to them."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from attrs import evolve, frozen
from httpx2 import AsyncClient, Response
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.agent import AgentService, ChatTurnRequested, EventKind, Turn
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_http.conversation import LARGEST
from tests.http.conftest import Someone

ASKED = "Why do checkouts fail?"


def unworked(fm: FaultMaven) -> FaultMaven:
    """The same, but a turn is answered only when the test says so."""
    transactions = memory_transactions("agent", lambda: None)
    agent = evolve(fm.agent, transactions=transactions)
    jobs = evolve(fm.jobs, books=JobBooks({**fm.jobs.books, "agent": transactions}))
    return evolve(fm, services={**fm.services, AgentService: agent, JobService: jobs})


async def asked(fm: FaultMaven, who: Someone) -> Turn:
    case = await who.case()
    return await fm.agent.submit(principal=who.principal, case_id=case["case_id"], message=ASKED)


async def say(fm: FaultMaven, turn: Turn, *texts: str) -> None:
    for text in texts:
        await fm.agent.events.add(turn.job_id, EventKind.TOKEN, {"text": text})


async def answer(fm: FaultMaven, turn: Turn) -> None:
    """What a worker does."""
    request = ChatTurnRequested(job_id=turn.job_id, case_id=turn.case_id, user_id=turn.user_id)
    await fm.agent.answer(request=request)


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):  # lest a broken one hang the suite
        while not what():  # noqa: ASYNC110 - it comes by itself, and tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The application behind a real server, as the command runs it; gives host and port."""
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=LARGEST,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        assert not serving.done()
    try:
        yield f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        app.state.pushing.stopping.set()  # type: ignore[attr-defined]
        server.should_exit = True
        await serving


@frozen(kw_only=True)
class Frame:
    """An event as a reader of the stream sees it; a comment has none of the three."""

    id: str = ""
    event: str = ""
    data: Any = None


@asynccontextmanager
async def watching(
    http: AsyncClient, path: str, **options: Any
) -> AsyncIterator[tuple[Response, AsyncGenerator[Frame, None]]]:
    """An event stream and its frames as they come."""
    async with http.stream("GET", path, **options) as response:
        found = frames(response)
        yield response, found
        await found.aclose()


async def frames(response: Response) -> AsyncGenerator[Frame, None]:
    """Parsed as the standard says, strictly: only the fields we write."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            yield Frame()
        elif line:
            assert name in {"id", "event", "data", "retry"}, line
            assert name not in fields
            fields[name] = value
        elif "event" in fields:
            yield Frame(id=fields["id"], event=fields["event"], data=json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
    assert not fields, "the stream was cut in the middle of an event"


async def whole(http: AsyncClient, path: str, **options: Any) -> list[Frame]:
    """All that comes until the server ends the stream, but comments."""
    async with asyncio.timeout(60):
        async with watching(http, path, **options) as (response, found):
            assert response.status_code == 200, await response.aread()
            return [frame async for frame in found if frame.event]
