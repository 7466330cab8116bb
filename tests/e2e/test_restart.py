"""The demo's flow with the server killed in the middle of it."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from faultmaven_http.demo.incident import INCIDENT_QUESTION, TITLE, write_incident
from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server

RUNBOOKS = Path(__file__).parents[2] / "faultmaven_http" / "demo" / "runbooks"


def quiet(what: str, done: int, total: int | None) -> None:
    pass


def killed(server: Server, tour: Tour) -> Tour:
    """The same client after the server was killed and started again: its token still holds."""
    server.kill()
    server.start()
    again = Tour(server.url, tour.email, tour.password, tour.case_id)
    again.log_in()
    tour.close()
    return again


def until(answer: Callable[[], Any]) -> Any:
    for _ in range(1_200):
        if found := answer():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


@pytest.mark.parametrize("moment", ["while documents are indexed", "while evidence is read", "while a turn runs"])
def test_a_kill_loses_nothing_acknowledged(server: Server, tmp_path: Path, moment: str) -> None:
    """Killed at a bad moment and started again, everything that was acknowledged is there, and done once."""
    incident = tmp_path / "incident"
    write_incident(incident)
    tour = Tour(server.url)
    tour.register()
    tour.log_in()
    with httpx2.Client() as plain:
        documents = [_uploaded(plain, server.url, tour, path) for path in sorted(RUNBOOKS.glob("*.md"))]
        if moment == "while documents are indexed":
            tour = killed(server, tour)
        for job in documents:
            until(lambda job=job: _job(tour, job)["status"] == "completed")
        tour.open_case(TITLE)
        jobs = tour.upload(sorted(incident.iterdir()))
        if moment == "while evidence is read":
            tour = killed(server, tour)
        assert tour.wait_for(jobs, quiet) == []
        turn = tour._call("POST", "/v1/agent/chat", json={"case_id": tour.case_id, "message": INCIDENT_QUESTION})
        if moment == "while a turn runs":
            tour = killed(server, tour)
    answer = until(lambda: _completed(tour, turn["job_id"]))
    tour.close_case()
    report = tour.post_mortem()
    case = tour._call("GET", f"/v1/cases/{tour.case_id}")
    found = tour._call("POST", "/v1/knowledge/search", json={"query": "too many clients already", "limit": 3})
    listed = tour._call("GET", "/v1/knowledge/documents?limit=100")
    tour.close()

    assert [message["role"] for message in case["messages"]] == ["user", "agent"]
    assert case["messages"][1]["content"] == answer["content"]
    assert "too many clients" in answer["content"]
    assert report["content"].count("## Root cause") == 1
    assert sorted(d["title"] for d in listed["documents"] if d["document_type"] == "runbook") == sorted(_titles())
    assert "onnection" in found["results"][0]["title"]
    server.stop()
    assert _integrity(server.data / "faultmaven.db") == "ok"


def test_a_stop_is_clean(server: Server) -> None:
    """SIGTERM ends the server with 0 and leaves nobody behind, and the next one has everything."""
    tour = Tour(server.url)
    tour.register()
    tour.log_in()
    tour.open_case("Kept")
    pid = server.pid

    assert server.stop() == 0

    assert _children(pid) == []
    server.start()
    again = Tour(server.url, tour.email, tour.password)
    again.log_in()
    assert [case["title"] for case in again._call("GET", "/v1/cases")["cases"]] == ["Kept"]
    again.close()
    tour.close()


def _uploaded(client: httpx2.Client, url: str, tour: Tour, path: Path) -> str:
    token = tour._client.headers["Authorization"]
    with path.open("rb") as file:
        response = client.post(
            f"{url}/v1/knowledge/documents",
            files={"file": (path.name, file)},
            data={"document_type": "runbook"},
            headers={"Authorization": token},
        )
    assert response.status_code in {201, 202}, response.text
    return str(response.json()["job_id"])


def _job(tour: Tour, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = tour._call("GET", f"/v1/jobs/{job_id}")
    assert job["status"] != "failed", job
    return job


def _completed(tour: Tour, job_id: str) -> dict[str, Any] | None:
    turn = tour._call("GET", f"/v1/agent/chat/{job_id}")
    assert turn["status"] != "failed", turn
    result: dict[str, Any] | None = turn.get("result") if turn["status"] == "completed" else None
    return result


def _titles() -> list[str]:
    return [_title(path.read_text()) for path in RUNBOOKS.glob("*.md")]


def _title(text: str) -> str:
    return next(
        line.removeprefix("title:").strip().strip("\"'") for line in text.splitlines() if line.startswith("title:")
    )


def _integrity(database: Path) -> str:
    connection = sqlite3.connect(database)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def _children(pid: int) -> list[str]:
    """Processes of the group that are left."""
    left = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[2] == str(pid) and fields[0] != "Z":
            left.append(status.parent.name)
    return left
