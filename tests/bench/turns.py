"""A question and its answer with a model that thinks for 300 ms: what everything else adds, and when the first word is
there. The case holds the demo's incident, the knowledge base the demo's runbooks; no two questions are the same.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import httpx2
from attrs import define, field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultmaven_http.demo.incident import TITLE, write_incident
from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server
from tests.standins.openai import OpenAIStandIn
from tests.standins.running import running
from tests.standins.script import KEY

from .row import Row

THINKS = 0.3  # seconds
TURN, FIRST = 0.060, 0.030  # seconds at p95: of a turn above that, of a first word's way to its reader
WARM = 5  # turns before it counts
SUBJECTS = ("the checkout", "the payment service", "the connection pool", "the database", "the gateway")
QUESTIONS = (
    "Why does {} fail, as of minute {}?",
    "What should we do first about {}? It is minute {} of the call.",
    "Which deployment broke {}, and where is it seen? Asked by responder {}.",
    "Is {} the cause or does it only suffer? Shift report {}.",
)


def run(*, quick: bool) -> list[Row]:
    """The turns one after the other, each waited for in its own request; then as many whose events are read."""
    times = 5 if quick else 200
    subprocess.run([sys.executable, "-m", "faultmaven_http.cli", "models", "pull"], check=True, capture_output=True)
    clock = _Clock(OpenAIStandIn(first_token_after=THINKS, grounded=True).app)
    with _served(clock) as (client, case_id):
        turns = [_turn(client, case_id, number) for number in range(WARM + times)][WARM:]
        firsts = [_first(client, case_id, WARM + times + n, clock) for n in range(WARM + times // 2)][WARM:]
    return [
        _row(f"a turn above the model's {THINKS * 1000:.0f} ms, {len(turns)} turns", turns, TURN),
        _row(f"the first word's way from the model to an event stream, {len(firsts)} turns", firsts, FIRST),
    ]


def _row(what: str, times: list[float], limit: float) -> Row:
    median, p95 = statistics.median(times) * 1000, statistics.quantiles(times, n=20)[-1] * 1000
    figure = f"{p95:.1f} ms"
    return Row(f"{what}: p50 {median:.1f} ms, p95", figure, f"{limit * 1000:.0f} ms", p95 <= limit * 1000, aim=True)


def _turn(client: httpx2.Client, case_id: str, number: int) -> float:
    """Seconds beyond the model's own."""
    began = time.perf_counter()
    body = {"case_id": case_id, "message": question(number)}
    answer = client.post("/v1/agent/chat", json=body, headers={"Prefer": "wait=30"})
    took = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    assert answer.json()["content"], answer.text
    return took - THINKS


def _first(client: httpx2.Client, case_id: str, number: int, clock: "_Clock") -> float:
    """Seconds from when the model sent its first word until a reader of the turn's events had it."""
    body = {"case_id": case_id, "message": question(number)}
    clock.spoke = None
    job_id = client.post("/v1/agent/chat", json=body).raise_for_status().json()["job_id"]
    with client.stream("GET", f"/v1/agent/chat/{job_id}/events") as stream:
        came = None
        for line in stream.iter_lines():
            if line == "event: token" and came is None:
                came = time.monotonic()
            assert line != "event: failed"
    assert came is not None
    assert clock.spoke is not None
    return came - clock.spoke


def question(number: int) -> str:
    subject = SUBJECTS[number % len(SUBJECTS)]
    return QUESTIONS[number // len(SUBJECTS) % len(QUESTIONS)].format(subject, number)


@define
class _Clock:
    """Notes when the application behind it sends the first word of an answer."""

    app: ASGIApp
    spoke: float | None = field(default=None, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = 0

        async def noting(message: Message) -> None:
            nonlocal parts
            if message["type"] == "http.response.body":
                parts += 1
                if parts == 2:  # after the one that only opens the message
                    self.spoke = time.monotonic()
            await send(message)

        await self.app(scope, receive, noting)


@contextmanager
def _served(model: ASGIApp) -> Iterator[tuple[httpx2.Client, str]]:
    """A client that is signed in, and its case."""
    with running(model) as url:
        environment = {"LLM_PROVIDER": "openai", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": KEY}
        with demo_case(environment) as found:
            yield found


@contextmanager
def demo_case(environment: dict[str, str]) -> Iterator[tuple[httpx2.Client, str]]:
    """The same of a server in an environment."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder, "data"), environment).start()
        try:
            tour = _prepared(server.url, Path(folder, "incident"))
            with httpx2.Client(base_url=server.url, headers=dict(tour._client.headers), timeout=60) as client:
                yield client, tour.case_id
            tour.close()
        finally:
            server.kill()


def _prepared(url: str, incident: Path) -> Tour:
    nothing: Callable[..., Any] = lambda what, at, total: None  # noqa: E731
    write_incident(incident)
    tour = Tour(url)
    tour.register()
    tour.log_in()
    with as_file(files("faultmaven_http.demo") / "runbooks") as folder:
        tour.load_runbooks(sorted(folder.glob("*.md")), nothing)
    tour.open_case(TITLE)
    tour.wait_for(tour.upload(sorted(incident.iterdir())), nothing)
    return tour
