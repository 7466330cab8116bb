"""How long requests wait while documents are being ingested: health, a search and the demo's flow."""

import statistics
import tempfile
import threading
import time
from importlib.resources import as_file, files
from pathlib import Path

import httpx2
from attrs import define, field

from faultmaven_http.demo.incident import INCIDENT_QUESTION, TITLE, write_incident
from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server

from .row import Row

LIMIT = 1.0  # seconds, of any request


@define
class Timed:
    """Every request's path and how long it took."""

    times: dict[str, list[float]] = field(factory=dict)

    def client(self, tour: Tour) -> Tour:
        """The tour with a stop-watch on each of its requests."""
        tour._client.event_hooks = {"request": [self._begun], "response": [self._ended]}
        return tour

    def _begun(self, request: httpx2.Request) -> None:
        request.extensions["begun"] = time.monotonic()

    def _ended(self, response: httpx2.Response) -> None:
        response.read()
        took = time.monotonic() - response.request.extensions["begun"]
        path = response.request.url.path
        kind = next((name for name in ("/health", "/search", "/chat", "/upload", "/cases") if name in path), "other")
        self.times.setdefault(f"{response.request.method} {kind}", []).append(took)


def run(*, documents: int) -> list[Row]:
    """Ingest ``documents`` runbooks and meanwhile use the server as a client does; a row per kind of request."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder, "data"), {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"}).start()
        try:
            return _measured(server, Path(folder, "incident"), documents)
        finally:
            server.kill()


def _measured(server: Server, incident: Path, documents: int) -> list[Row]:
    write_incident(incident)
    feeder, timed = Tour(server.url), Timed()
    feeder.register()
    feeder.log_in()
    jobs = _fed(feeder, documents)
    waiting = threading.Event()
    began = time.monotonic()
    user = timed.client(Tour(server.url, feeder.email, feeder.password))
    user.log_in()
    flows = 0

    def flow() -> None:
        nonlocal flows
        client = timed.client(Tour(server.url, feeder.email, feeder.password))
        client.log_in()
        while not waiting.is_set():
            _flow(client, incident)
            flows += 1
        client.close()

    watcher = threading.Thread(target=_watch, args=(feeder, jobs, waiting))
    flowing = threading.Thread(target=flow)
    watcher.start()
    flowing.start()
    while not waiting.is_set():
        user._call("GET", "/health")
        user._call("POST", "/v1/knowledge/search", json={"query": "too many clients already"})
        time.sleep(0.05)
    took = time.monotonic() - began
    watcher.join()
    flowing.join()
    user.close()
    feeder.close()
    rows = [
        Row(f"ingesting {documents} documents", f"{took:.1f} s", "", True),
        Row("the demo's flow meanwhile, from start to post-mortem", f"{flows} times", "", flows > 0),
    ]
    for kind, times in sorted(timed.times.items()):
        name = f"{kind}: {len(times)} requests, p50 {statistics.median(times) * 1000:.0f} ms, longest"
        rows.append(Row(name, f"{max(times) * 1000:.0f} ms", f"{LIMIT * 1000:.0f} ms", max(times) <= LIMIT))
    return rows


def _fed(tour: Tour, documents: int) -> list[str]:
    with as_file(files("faultmaven_http.demo") / "runbooks") as folder:
        texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))]
    jobs = []
    for number in range(documents):
        body = {"title": f"Runbook {number}", "content": texts[number % len(texts)], "document_type": "runbook"}
        jobs.append(tour._call("POST", "/v1/knowledge/documents", json=body)["job_id"])
    return jobs


def _watch(tour: Tour, jobs: list[str], done: threading.Event) -> None:
    tour.wait_for(jobs, lambda what, at, total: None)
    done.set()


def _flow(tour: Tour, incident: Path) -> None:
    """The demo's, without waiting longer than a user would for any single request."""
    tour.open_session()
    tour.open_case(TITLE)
    tour.wait_for(tour.upload(sorted(incident.iterdir())), lambda what, at, total: None)
    tour.ask(INCIDENT_QUESTION)
    tour.close_case()
    tour.post_mortem()
