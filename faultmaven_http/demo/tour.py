"""The demo's round trip: a client's calls, over HTTP, from an empty server to a post-mortem."""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from attrs import define, field

from faultmaven_domain.kernel.errors import FaultMavenError

WAIT, POLL = 300.0, 0.05
Tell = Callable[[str, int, int | None], None]


@define
class Tour:
    """One client of one server. Each method is a step; what later steps need is kept."""

    base: str
    email: str = "demo@example.com"
    password: str = field(factory=lambda: secrets.token_urlsafe(12))
    case_id: str = ""
    _client: httpx2.Client = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._client = httpx2.Client(base_url=self.base, timeout=60)

    def close(self) -> None:
        self._client.close()

    def register(self) -> None:
        body = {"email": self.email, "password": self.password, "full_name": "Demo"}
        self._call("POST", "/v1/auth/register", json=body)

    def log_in(self) -> None:
        tokens = self._call("POST", "/v1/auth/login", json={"email": self.email, "password": self.password})
        self._client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def open_session(self) -> str:
        return str(self._call("POST", "/v1/sessions", json={"client_id": "demo"})["session_id"])

    def load_runbooks(self, runbooks: list[Path], tell: Tell) -> int:
        """Upload them and wait until they can be found; gives how many."""
        jobs = []
        for path in runbooks:
            with path.open("rb") as file:
                document = self._call(
                    "POST",
                    "/v1/knowledge/documents",
                    files={"file": (path.name, file)},
                    data={"document_type": "runbook"},
                )
            jobs.append(document["job_id"])
        for done, job_id in enumerate(jobs):
            tell("indexing", done, len(jobs))
            self._wait(job_id)
        return len(jobs)

    def open_case(self, title: str) -> None:
        self.case_id = self._call("POST", "/v1/cases", json={"title": title})["case_id"]

    def upload(self, files: list[Path]) -> list[str]:
        """Put the files into the case; gives the jobs that read them."""
        jobs = []
        for path in files:
            with path.open("rb") as file:
                evidence = self._call(
                    "POST",
                    "/v1/evidence/upload",
                    files={"file": (path.name, file)},
                    data={"case_id": self.case_id},
                )
            jobs.append(evidence["job_id"])
        return jobs

    def wait_for(self, jobs: list[str], tell: Tell) -> list[str]:
        """Until they have ended; gives what could not be read, and why."""
        errors = []
        for done, job_id in enumerate(jobs):
            tell("reading", done, len(jobs))
            job = self._wait(job_id, failing=False)
            if job["status"] == "failed":
                errors.append(str(job["error"]))
        return errors

    def ask(self, question: str) -> dict[str, Any]:
        """The turn, completed."""
        job = self._call("POST", "/v1/agent/chat", json={"case_id": self.case_id, "message": question})
        turn = self._polled(f"/v1/agent/chat/{job['job_id']}", lambda answer: answer["status"] != "processing")
        if turn["status"] == "failed":
            raise FaultMavenError(f"The turn failed: {turn['error']}")
        result: dict[str, Any] = turn["result"]
        return result

    def close_case(self) -> None:
        self._call("POST", f"/v1/cases/{self.case_id}/close", json={"reason": "other", "resolution_notes": "Demo."})

    def post_mortem(self) -> dict[str, Any]:
        """The report, once the worker has written it."""
        listed = self._polled(f"/v1/cases/{self.case_id}/reports", lambda answer: bool(answer["reports"]))
        report: dict[str, Any] = listed["reports"][0]
        return report

    def _wait(self, job_id: str, *, failing: bool = True) -> dict[str, Any]:
        job = self._polled(f"/v1/jobs/{job_id}", lambda answer: answer["status"] != "processing")
        if failing and job["status"] == "failed":
            raise FaultMavenError(f"A job failed: {job['error']}")
        return job

    def _polled(self, path: str, ended: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            answer: dict[str, Any] = self._call("GET", path)
            if ended(answer):
                return answer
            time.sleep(POLL)
        raise FaultMavenError(f"{path} did not end within {WAIT:.0f} s.")

    def _call(self, method: str, path: str, **how: Any) -> Any:
        response = self._client.request(method, path, **how)
        if response.is_success:
            return response.json() if response.content else None
        try:
            why = response.json()["error"]["message"]
        except (ValueError, KeyError, TypeError):
            why = response.text[:200]
        raise FaultMavenError(f"{method} {path} answered {response.status_code}: {why}")
