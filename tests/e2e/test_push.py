"""A turn watched from one process while another answers it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from httpx2 import AsyncClient
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from tests.e2e.server import Server
from tests.http.watching import Frame, watching, whole
from tests.standins.openai import OpenAIStandIn
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import KEY

WORDS = [f"wörd-{n}☃ " for n in range(60)]
TEXT = "".join(WORDS).strip()
ACCOUNT = {"email": "ana@example.org", "password": "correct horse"}


@frozen
class Apart:
    """A server without a worker, a worker, and a model that takes three seconds for its sixty words."""

    server: Server
    model: StandIn
    redis: Path


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    data = tmp_path_factory.mktemp("push") / "data"
    model = OpenAIStandIn(pieces=60, between=0.05)
    with running(model.app) as url:
        environment = {
            "WORKER": "false",
            "MODEL_DOWNLOAD": "false",
            "LLM_PROVIDER": "openai",
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_API_KEY": KEY,
            "EVENT_HEARTBEAT": "1",
        }
        server = Server(data, environment)
        try:
            server.start()
            with _worker(server) as worker:
                yield Apart(server, model, data / "redis" / "redis.sock")
                worker.terminate()
        finally:
            server.kill()


def _worker(server: Server) -> "subprocess.Popen[str]":
    """One beside the server, once it is ready."""
    command = [sys.executable, "-m", "faultmaven_http.cli", "worker", "--data-dir", str(server.data)]
    with server.data.with_name("worker.log").open("w") as log:
        environment = {**os.environ, **server.environment}
        worker = subprocess.Popen(command, stderr=log, text=True, env=environment)
    while "The worker is ready." not in server.data.with_name("worker.log").read_text():
        assert worker.poll() is None
    return worker


@frozen
class Asker:
    """Someone with a case, over HTTP."""

    http: AsyncClient
    base: str
    model: StandIn
    case_id: str = ""
    asked: list[str] = field(factory=list)

    async def ask(self) -> str:
        """A question nobody asked before; gives its job."""
        self.model.replies.append(TEXT)
        self.asked.append(f"What is wrong, try {len(self.model.requests)}-{len(self.asked)}?")
        body = {"case_id": self.case_id, "message": self.asked[-1]}
        answer = await self.http.post("/agent/chat", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    async def answered(self, job_id: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while (answer := await self.http.get(f"/agent/chat/{job_id}")).status_code == 202:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        found: dict[str, Any] = answer.json()
        return found

    def socket(self) -> "connect":
        headers = {"Authorization": self.http.headers["Authorization"]}
        return connect(f"{self.base.replace('http', 'ws')}/v1/agent/ws", additional_headers=headers)


@pytest.fixture
async def ana(apart: Apart) -> AsyncIterator[Asker]:
    base = apart.server.url
    async with AsyncClient(base_url=f"{base}/v1", timeout=60) as http:
        await http.post("/auth/register", json=ACCOUNT)
        tokens = (await http.post("/auth/login", json=ACCOUNT)).json()
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        case = (await http.post("/cases", json={"title": "Checkout fails"})).json()
        apart.model.replies.clear()
        yield Asker(http, base, apart.model, case["case_id"])


def said(frames: list[Frame]) -> str:
    return "".join(frame.data["text"] for frame in frames if frame.event == "token")


async def heard(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(60):
        found: dict[str, Any] = json.loads(await socket.recv())
    return found


async def test_a_broken_connection_costs_no_word(ana: Asker) -> None:
    """Hung up on again and again, a reader that comes back with its last event's id has each word once."""
    job_id = await ana.ask()
    path, found = f"/agent/chat/{job_id}/events", list[Frame]()
    for words in (1, 3, 6, 2):
        headers = {"Last-Event-ID": found[-1].id} if found else {}
        async with watching(ana.http, path, headers=headers) as (_, frames):
            async for frame in frames:
                if frame.event:
                    found.append(frame)
                    words -= frame.event == "token"
                if not words:
                    break
        await asyncio.sleep(0.2)
    assert found[-1].event == "token"  # it was cut in the middle

    found += await whole(ana.http, path, headers={"Last-Event-ID": found[-1].id})

    assert said(found) == TEXT
    assert [frame.data["stage"] for frame in found if frame.event == "progress"][:3] == [
        "reading",
        "searching",
        "asking",
    ]
    assert found[-1].event == "completed"
    assert found[-1].data == (await ana.answered(job_id))["result"]
    assert await whole(ana.http, path) == found


async def test_words_come_while_the_model_speaks(ana: Asker) -> None:
    """The first word is there long before the answer."""
    job_id = await ana.ask()
    async with watching(ana.http, f"/agent/chat/{job_id}/events") as (_, frames):
        async for frame in frames:
            if frame.event == "token":
                break
        assert (await ana.http.get(f"/agent/chat/{job_id}")).status_code == 202
        assert len(frame.data["text"]) < len(TEXT) / 2


async def test_calling_the_job_off_ends_the_stream(ana: Asker, apart: Apart) -> None:
    """DELETE stops what hanging up does not: the stream ends as failed."""
    job_id = await ana.ask()
    async with watching(ana.http, f"/agent/chat/{job_id}/events") as (_, frames):
        while (await anext(frames)).event != "token":
            pass
        gone = await ana.http.delete(f"/jobs/{job_id}")
        rest = [frame async for frame in frames if frame.event]

    assert gone.status_code == 200
    assert (rest[-1].event, rest[-1].data) == ("failed", {"error": {"message": "Cancelled."}})
    assert said(rest) != TEXT


async def test_a_socket_asks_breaks_and_comes_back(ana: Asker) -> None:
    """Over one socket a question is asked, over the next its answer is heard to the end, each word once."""
    ana.model.replies.append(TEXT)
    async with ana.socket() as socket:
        ask = {"type": "ask", "case_id": ana.case_id, "message": "What is wrong, over a socket?", "request_id": "1"}
        await socket.send(json.dumps(ask))
        accepted = await heard(socket)
        found = [await heard(socket)]
        while found[-1]["type"] != "token":
            found.append(await heard(socket))
        socket.transport.abort()
    job_id = accepted["job_id"]
    async with ana.socket() as socket:
        await socket.send(json.dumps({"type": "follow", "job_id": job_id, "after": found[-1]["id"]}))
        while found[-1]["type"] not in {"completed", "failed"}:
            found.append(await heard(socket))

    assert accepted == {"type": "accepted", "job_id": job_id, "request_id": "1"}
    assert "".join(m["data"]["text"] for m in found if m["type"] == "token") == TEXT
    assert found[-1]["data"] == (await ana.answered(job_id))["result"]


async def test_redis_emptied_by_hand(ana: Asker, apart: Apart) -> None:
    """What was told is lost with Redis, and the end comes all the same."""
    job_id = await ana.ask()
    redis = Redis(unix_socket_path=str(apart.redis))
    async with watching(ana.http, f"/agent/chat/{job_id}/events") as (_, frames):
        while (await anext(frames)).event != "token":
            pass
        await redis.flushall()
        rest = [frame async for frame in frames if frame.event]
    await redis.aclose()

    assert rest[-1].event == "completed"
    assert TEXT.endswith(said(rest))


async def test_many_watch_many_turns(ana: Asker) -> None:
    """Eight readers of four turns answered at once hear every word of theirs."""
    jobs = [await ana.ask() for _ in range(4)]

    found = await asyncio.gather(*(whole(ana.http, f"/agent/chat/{job_id}/events") for job_id in jobs * 2))

    for frames in found:
        assert said(frames) == TEXT
        assert frames[-1].event == "completed"


async def test_a_stop_lets_readers_go(tmp_path: Path) -> None:
    """SIGTERM ends a server with open streams and sockets cleanly, and their readers are told."""
    environment = {"WORKER": "false", "MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"}
    server = Server(tmp_path / "data", environment).start()
    try:
        async with AsyncClient(base_url=f"{server.url}/v1", timeout=60) as http:
            await http.post("/auth/register", json=ACCOUNT)
            tokens = (await http.post("/auth/login", json=ACCOUNT)).json()
            http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            case = (await http.post("/cases", json={"title": "Checkout fails"})).json()
            asker = Asker(http, server.url, OpenAIStandIn(), case["case_id"])
            job_id = await asker.ask()
            async with watching(http, f"/agent/chat/{job_id}/events") as (_, frames), asker.socket() as socket:
                await socket.send(json.dumps({"type": "follow", "job_id": job_id}))
                await socket.send(json.dumps({"type": "ping"}))
                assert await heard(socket) == {"type": "pong"}
                code = asyncio.create_task(asyncio.to_thread(server.stop))
                assert [frame async for frame in frames if frame.event] == []
                await socket.wait_closed()
                assert socket.close_code == 1012
                assert await code == 0
    finally:
        server.kill()
    assert "timeout graceful shutdown exceeded" not in server.log.read_text()
