"""What the clients meet where an answer takes its time, fails, or is not given because they asked too often.

A turn of ``/queries`` or ``/turns`` is polled for only after a hundred seconds; one of ``/agent/chat`` is from the
beginning, at the same address and with the same answers, so it stands in for them here.
"""

import time
from collections.abc import Callable, Iterator

from attrs import evolve

from tests.clients import extension_2026_08, extension_2026_08_reads, slack_2026_08
from tests.clients.needs import ABSOLUTE, DETAIL, FLAG, ID, WORD, equal, matching, number_from
from tests.clients.wire import Part, Reads, Step, Wire
from tests.standins.playing import StandIn
from tests.standins.script import Fails

JOB = "GET /api/v1/agent/chat/{job_id}"
TAKEN: Reads = {"job_id": ID, "status": equal("processing"), "header:location": ABSOLUTE}
WAITING: Reads = {"job_id": ID, "status": equal("processing")}
AGENT_RESPONSE: Reads = {
    "response.content": WORD,
    "response.response_type": WORD,
    "content": WORD,
    "response_type": WORD,
}
#: What each client needs of a job that has ended well: by its body, by its result, by its root.
DONE: dict[str, Reads] = {
    "extension 2025-12": {"status": equal("completed"), **AGENT_RESPONSE},
    "extension 2026-08": {
        "status": equal("completed"),
        **{f"result.{path}": need for path, need in extension_2026_08_reads.TURN.items()},
        **extension_2026_08_reads.TURN,
    },
    "slack 2026-08": slack_2026_08.TURN,
}
#: One that failed says so in the body, and why for those who look at nothing but the root.
FAILED: Reads = {"status": equal("failed"), "error.message": WORD, "agent_response": WORD}
TOO_MANY: Reads = {
    "detail": DETAIL,
    "header:retry-after": matching(r"^[1-9]\d*$", "Wed, 21 Oct 2026 07:28:00 GMT", "0"),
    "retry_after": number_from(1),
    "header:x-ratelimit-limit": matching(r"^\d+$"),
    "header:x-ratelimit-remaining": matching(r"^\d+$", "-1"),
    "header:x-ratelimit-reset": matching(r"^\d{10}$", "60", "1782000000000"),
}


def ended_for_december(step: Step) -> bool:
    """It looks at the body alone: an answer at its root, or a status that is an end."""
    body = step.answer["body"]
    return bool(body.get("content") and body.get("response_type")) or body.get("status") in {"completed", "failed"}


def ended_for_august(step: Step) -> bool:
    """A turn at the root, or a status that is an end."""
    body = step.answer["body"]
    is_turn = bool(body.get("agent_response")) and "turn_number" in body
    return is_turn or body.get("status") in {"completed", "failed"}


def ended_for_slack(step: Step) -> bool:
    """It looks at the status alone: whatever is not 202 is the result."""
    return bool(step.answer["status"] != 202)


ENDED: dict[str, Callable[[Step], bool]] = {
    "extension 2025-12": ended_for_december,
    "extension 2026-08": ended_for_august,
    "slack 2026-08": ended_for_slack,
}


def replay(wire: Wire, *, standin: StandIn, asked_at_most: int, largest: int) -> None:
    """Turns that each client polls for, some that fail, and a request and a byte too many."""
    wire.origin, wire.credentials, wire.exposed = extension_2026_08.ORIGIN, True, extension_2026_08.EXPOSED
    signed_in = wire("sign in", "POST /api/v1/auth/dev-login", {"access_token": WORD}, body={"username": "sam"})
    wire.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    wire("ask how to sign in", "GET /api/v1/auth/config", {"auth_mode": equal("oauth"), "supports_registration": FLAG})
    case_id = str(wire("open a case", "POST /api/v1/cases", {"case_id": ID}, status=201, body={})["case_id"])
    standin.first_token_after = 0.4
    for client, reads in DONE.items():
        job = _asked(wire, case_id, f"What does {client} see?")
        *waiting, last = _polled(wire, job, client, reads)
        assert waiting, "it was answered before it was asked for"
        assert {step.answer["status"] for step in waiting} == {202}
        assert last.answer["status"] == 200
    standin.first_token_after = 0.0
    for client in DONE:
        standin.replies[:] = [Fails(status=400)] * 9
        *_, last = _polled(wire, _asked(wire, case_id, f"And what does {client} see now?"), client, FAILED)
        assert last.answer["status"] == 200
    standin.replies.clear()
    parts: list[tuple[str, Part]] = [("file", ("large.md", b"x" * (largest + 1), "text/markdown"))]
    parts += [("title", "Large"), ("document_type", "guide")]
    wire("upload too much", "POST /api/v1/documents/upload", {"detail": DETAIL}, status=413, parts=parts)
    for _ in range(asked_at_most):
        if wire.http.get("/api/v1/cases", headers=wire.headers).status_code == 429:
            break
    wire("ask too often", "GET /api/v1/cases", TOO_MANY, status=429, query={"limit": 100})


def _asked(wire: Wire, case_id: str, words: str) -> str:
    body = {"case_id": case_id, "message": words}
    asked = wire("ask, and do not wait", "POST /api/v1/agent/chat", TAKEN, status=202, body=body)
    location: str = asked["header:location"]
    assert location == f"{wire.base}/api/v1/agent/chat/{asked['job_id']}"
    job_id: str = asked["job_id"]
    return job_id


def _polled(wire: Wire, job_id: str, client: str, reads: Reads) -> Iterator[Step]:
    """Every answer to the poller, the last being what it takes for the end."""
    for _ in range(1_000):
        step = wire(f"poll as {client}", JOB, status=(200, 202), ids={"job_id": job_id})
        ended = ENDED[client](step)
        step = wire.steps[-1] = evolve(step, reads={**step.reads, **(reads if ended else WAITING)})
        yield step
        if ended:
            return
        time.sleep(0.03)
    raise AssertionError(f"for {client} the turn does not end: {step.answer}")
