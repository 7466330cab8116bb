"""Many event streams at once, a part of them broken in the middle: is any word lost, and how late is it?"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from attrs import define, field
from httpx2 import AsyncClient, Limits
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.e2e.server import Server
from tests.http.watching import Frame, frames
from tests.standins.running import running

from .row import Row

WORDS, PAUSE = 20, 0.2  # of an answer, and the seconds between two
AT_ONCE = 50  # turns that are answered at a time; the others' streams wait
USERS = 10
BREAKS = 3  # one stream of so many is broken and resumed


def run(*, streams: int) -> list[Row]:
    """A turn for each stream, of several users, all streams open from the start; every third breaks once."""
    model = _Model()
    with running(model.app) as url, tempfile.TemporaryDirectory() as folder:
        environment = {
            "MODEL_DOWNLOAD": "false",
            "LLM_PROVIDER": "openai",
            "OPENAI_BASE_URL": f"{url}/v1",
            "OPENAI_API_KEY": "sk-bench",
            "WORKER_JOBS": str(AT_ONCE),
            "LLM_DEADLINE": "600",
        }
        server = Server(Path(folder, "data"), environment).start()
        try:
            found = asyncio.run(_watched(server.url, streams))
        finally:
            server.kill()
    return _rows(model, found)


@define
class _Model:
    """Says the time, word by word, and keeps what it said."""

    said: list[str] = field(factory=list)

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/chat/completions", self._chat, methods=["POST"])])

    async def _chat(self, _: Request) -> StreamingResponse:
        return StreamingResponse(self._words(), media_type="text/event-stream")

    async def _words(self) -> AsyncIterator[bytes]:
        text = ""
        for _ in range(WORDS):
            word = f"{time.monotonic():.6f} "
            text += word
            yield _chunk({"content": word}, None)
            await asyncio.sleep(PAUSE)
        yield _chunk({}, "stop")
        yield b"data: [DONE]\n\n"
        self.said.append(text)


def _chunk(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


@define
class _Reader:
    """Someone who asks, and what came over the stream. ``breaks_after`` so many words it hangs up once."""

    http: AsyncClient
    token: str
    case_id: str
    number: int
    breaks_after: int | None
    text: str = ""
    words: int = 0
    since: float = 0.0
    late: list[float] = field(factory=list)
    last: Frame = field(factory=Frame)

    async def read(self) -> None:
        signed_in = {"Authorization": self.token}
        body = {"case_id": self.case_id, "message": f"What is wrong, {self.number}?"}
        asked = await self.http.post("/agent/chat", json=body, headers=signed_in)
        path = f"/agent/chat/{asked.json()['job_id']}/events"
        while self.last.event not in {"completed", "failed"}:
            headers = {**signed_in, **({"Last-Event-ID": self.last.id} if self.last.id else {})}
            async with self.http.stream("GET", path, headers=headers) as response:
                assert response.status_code == 200, await response.aread()
                self.since = time.monotonic()
                async for frame in frames(response):
                    if frame.event:
                        self._take(frame)
                    if self.breaks_after is not None and self.words >= self.breaks_after:
                        self.breaks_after = None
                        break

    def _take(self, frame: Frame) -> None:
        self.last = frame
        if frame.event == "token":
            text = frame.data["text"]
            said = float(text.split()[0])
            self.text += text
            self.words += 1
            if said > self.since:  # or it waited for its reader
                self.late.append(time.monotonic() - said)


async def _watched(url: str, streams: int) -> list[_Reader]:
    limits = Limits(max_connections=2 * streams)
    async with AsyncClient(base_url=f"{url}/v1", timeout=600, limits=limits) as http:
        people = [await _someone(http, n) for n in range(USERS)]
        readers = [
            _Reader(http, *people[n % USERS], n, WORDS // 2 if n % BREAKS == 0 else None) for n in range(streams)
        ]
        async with asyncio.timeout(600):
            await asyncio.gather(*(reader.read() for reader in readers))
        return readers


async def _someone(http: AsyncClient, number: int) -> tuple[str, str]:
    """A token and a case."""
    account = {"email": f"user{number}@example.org", "password": "correct horse"}
    await http.post("/auth/register", json=account)
    token = f"Bearer {(await http.post('/auth/login', json=account)).json()['access_token']}"
    case = await http.post("/cases", json={"title": "Checkout fails"}, headers={"Authorization": token})
    return token, case.json()["case_id"]


def _rows(model: _Model, readers: list[_Reader]) -> list[Row]:
    told = {text.strip() for text in model.said}
    right = [reader for reader in readers if reader.text.strip() in told and reader.last.event == "completed"]
    late = sorted(delay for reader in readers for delay in reader.late)
    broken = sum(reader.number % BREAKS == 0 for reader in readers)
    name = f"{len(readers)} event streams at once, {broken} broken and resumed"
    median, p95 = statistics.median(late) * 1000, late[int(0.95 * len(late))] * 1000
    lost = len(readers) - len(right)
    return [
        Row(f"{name}: with a word lost or doubled", f"{lost} of {len(readers)}", "0", lost == 0),
        Row(f"{name}: a word's way from the model to the reader, p50", f"{median:.0f} ms", "", True),
        Row(f"{name}: the same, p95", f"{p95:.0f} ms", "", True),
    ]
