"""The main job from a new account to a next case that learnt from the last, on any deployment, and what must hold."""

import re
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any, TypeVar

import httpx2
from attrs import define, field

from faultmaven_http.demo.incident import INCIDENT_QUESTION, TITLE, ground_truth
from faultmaven_http.demo.outage import config_text, play
from tests.contracts.text_extractor import a_picture

Json = dict[str, Any]
T = TypeVar("T")
PASSWORD = "a battery of horses"
RUNBOOK = """---
title: PostgreSQL refuses connections
service: postgresql
---
# PostgreSQL refuses connections

## Meaning

The server has given out every connection that max_connections allows, and says "sorry, too many clients already".

## Diagnosis

- Count sessions: `select usename, count(*) from pg_stat_activity group by 1`.
- Compare the sum of all pools with max_connections.

## Fix

1. Put the pool of the service that grew back to its size and restart it.
"""
OTHER = "# Certificate expired\n\n## Diagnosis\n\n- Run `openssl x509 -noout -enddate`.\n"
SHOT = ("checkout error rate 48 percent", "FATAL: sorry, too many clients already")
#: How long anything may take, in seconds, and how often it is looked at.
PATIENCE, POLL = 120.0, 0.05


@define
class Day:
    """One user of a deployment. Each request goes to the next of its HTTP processes; one that is down is passed by."""

    urls: list[str]
    email: str = "ana@example.com"
    seen: dict[str, bytes] = field(factory=dict)  # by a source's id: what was uploaded under it
    case_id: str = ""
    _http: httpx2.Client = field(factory=lambda: httpx2.Client(timeout=60, follow_redirects=True))
    _turn: "cycle[str]" = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._turn = cycle(self.urls)

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, **how: Any) -> httpx2.Response:
        answer = self._http.request(method, f"{next(self._turn)}{path}", **how)
        assert answer.is_success, f"{method} {path} answered {answer.status_code}: {answer.text[:500]}"
        return answer

    def registered(self) -> None:
        account = {"email": self.email, "password": PASSWORD, "full_name": "Ana"}
        self.call("POST", "/v1/auth/register", json=account)
        signed_in = {"email": self.email, "password": PASSWORD}
        tokens = self.call("POST", "/v1/auth/login", json=signed_in).json()
        self._http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        session = self.call("POST", "/v1/sessions", json={"client_id": "day"}).json()
        for _ in self.urls:  # it is open everywhere
            self.call("POST", f"/v1/sessions/{session['session_id']}/heartbeat")

    def opened(self, title: str) -> None:
        self.case_id = self.call("POST", "/v1/cases", json={"title": title}).json()["case_id"]

    def uploaded(self, name: str, content: bytes) -> str:
        """The job that reads it."""
        how = {"files": {"file": (name, content)}, "data": {"case_id": self.case_id}}
        evidence = self.call("POST", "/v1/evidence/upload", **how).json()
        self.seen[evidence["evidence_id"]] = content
        return str(evidence["job_id"])

    def taught(self, name: str, text: str) -> str:
        """The job that indexes it."""
        how = {"files": {"file": (name, text.encode())}, "data": {"document_type": "runbook"}}
        document = self.call("POST", "/v1/knowledge/documents", **how).json()
        self.seen[document["document_id"]] = text.encode()
        return str(document["job_id"])

    def asked(self, question: str) -> str:
        body = {"case_id": self.case_id, "message": question}
        return str(self.call("POST", "/v1/agent/chat", json=body).json()["job_id"])

    def answer(self, job_id: str) -> Json:
        turn = until(lambda: _ended(self.call("GET", f"/v1/agent/chat/{job_id}").json()), f"turn {job_id}")
        assert turn["status"] == "completed", turn
        result: Json = turn["result"]
        return result

    def done(self, *jobs: str) -> None:
        for job_id in jobs:
            job = until(partial(self._job, job_id), f"job {job_id}")
            assert job["status"] == "completed", job

    def _job(self, job_id: str) -> Json | None:
        return _ended(self.call("GET", f"/v1/jobs/{job_id}").json())

    def closed(self) -> Json:
        """Its post-mortem."""
        self.call("POST", f"/v1/cases/{self.case_id}/close", json={"reason": "other", "resolution_notes": "Pool back."})
        reports = until(lambda: self.call("GET", f"/v1/cases/{self.case_id}/reports").json()["reports"], "post-mortem")
        [report] = reports
        return dict(report)

    def learnt(self) -> Json:
        """What the knowledge base found first once the post-mortem was in it."""
        body = {"query": f"Post-mortem {TITLE}", "limit": 3}

        def found() -> Json | None:
            results = self.call("POST", "/v1/knowledge/search", json=body).json()["results"]
            return next((one for one in results if one["title"] == f"Post-mortem: {TITLE}"), None)

        return until(found, "what was learnt")

    def holds(self, citation: Json) -> None:
        """Each quoted line stands where it is said to, in what a process gives out under the source's id."""
        quoted = [line.rstrip("…").rstrip() for line in citation["quote"].splitlines()]
        assert any(quoted), citation
        source = citation["source_id"]
        if citation["kind"] == "runbook":
            text = self.call("GET", f"/v1/knowledge/documents/{source}").json()["content"]
            assert all(line in text for line in quoted), citation
            return
        if citation["kind"] == "case":  # a sentence about it, in nobody's own words but with its figures
            views = [self.call("GET", f"/v1/cases/{source}{view}").text for view in ("", "/ui")]
            assert _numbers(citation["quote"]) <= _numbers(" ".join(views)), citation
            return
        content = self.call("GET", f"/v1/evidence/{source}").content
        assert content == self.seen[source], "the bytes are not those that were uploaded"
        if content.startswith(b"\x89PNG"):
            assert all(_bare(line) in _bare(" ".join(SHOT)) for line in quoted), citation
            return
        lines = content.decode().splitlines()
        assert citation["lines"], citation
        for number, line in zip(citation["lines"], quoted, strict=False):
            assert lines[number - 1].startswith(line[:200]), citation


def a_day(urls: list[str], restarted: Callable[[], None]) -> None:
    """``restarted`` ends processes without a word and starts them again, while a question waits for its answer."""
    day = Day(urls)
    try:
        _lived(day, restarted)
    finally:
        day.close()


def _lived(day: Day, restarted: Callable[[], None]) -> None:
    day.registered()
    day.opened(TITLE)
    log = play().logs["postgres.log"].encode()
    jobs = [day.uploaded("postgres.log", log), day.uploaded("checkout-config.yaml", config_text().encode())]
    jobs += [day.uploaded("grafana.png", a_picture(*SHOT)), day.taught("refuses.md", RUNBOOK)]
    jobs += [day.taught("certificate.md", OTHER)]
    day.done(*jobs)
    waiting = day.asked(INCIDENT_QUESTION)
    restarted()
    answer = day.answer(waiting)
    cited = {(one["kind"], one["title"]) for one in answer["citations"]}
    assert "too many clients already" in answer["content"]
    assert {("evidence", ground_truth["origin_file"]), ("runbook", "PostgreSQL refuses connections")} <= cited
    assert {int(n) for n in re.findall(r"\[(\d+)\]", answer["content"])} <= {
        one["number"] for one in answer["citations"]
    }
    shown = day.answer(day.asked("What does the screenshot grafana.png show about the checkout error rate?"))
    assert ("evidence", "grafana.png") in {(one["kind"], one["title"]) for one in shown["citations"]}
    report = day.closed()
    assert "## Root cause" in report["content"]
    for citation in [*answer["citations"], *shown["citations"], *report["citations"]]:
        day.holds(citation)
    case = day.call("GET", f"/v1/cases/{day.case_id}").json()
    assert [message["role"] for message in case["messages"]] == ["user", "agent"] * 2, "not answered once each"
    learnt = day.learnt()
    day.opened("Checkout fails again")
    again = day.answer(
        day.asked("Checkout fails for about half of the customers, 503 and 504. Did we see this before?")
    )
    assert learnt["document_id"] in {one["source_id"] for one in again["citations"]}
    for citation in again["citations"]:
        day.holds(citation)


def until(look: Callable[[], T | None], what: str) -> T:
    """What there is once there is something. Raises: AssertionError where it does not come."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not come: {what}"
        time.sleep(POLL)
    return found


def _ended(job: Json) -> Json | None:
    return None if job["status"] == "processing" else job


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"[0-9]+", text))


def _bare(text: str) -> str:
    """Its letters alone, as reading a picture may move its spaces."""
    return "".join(one for one in text.lower() if one.isalnum())
