import asyncio

import pytest
from attrs import evolve

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.agent import AgentService
from faultmaven_http.app import create_app
from tests.http.conftest import HOST, SignIn, Someone
from tests.http.turns import answered, settled

ASKED = "Why do checkouts fail?"


async def test_a_question_is_taken_as_a_job(ana: Someone, prefix: str) -> None:
    """202 with the job, and the absolute address to poll it at."""
    case = await ana.case()

    answer = await ana.http.post("/agent/chat", json={"case_id": case["case_id"], "message": ASKED})

    assert answer.status_code == 202
    job_id = answer.json()["job_id"]
    assert answer.json() == {"job_id": job_id, "status": "processing"}
    assert answer.headers["location"] == f"{HOST}{prefix}/agent/chat/{job_id}"


async def test_a_polled_turn_satisfies_every_poller(ana: Someone, fm: FaultMaven, prefix: str) -> None:
    """Its fields are at the root and again under both names, and nothing is missing that one of them reads."""
    case = await ana.case()

    turn = await answered(ana, fm, case["case_id"], ASKED)

    assert (turn["status"], turn["error"]) == ("completed", None)
    assert turn["result"] == turn["response"]
    assert all(turn[name] == value for name, value in turn["result"].items())
    assert turn["content"] == turn["agent_response"] != ""
    assert (turn["response_type"], turn["turn_number"]) == ("ANSWER", 1)
    assert (turn["case_status"], turn["case_state"]) == ("consulting", "inquiry")
    assert turn["role"] == ("agent" if prefix == "/v1" else "assistant")
    assert turn["attachments_processed"] == turn["milestones_completed"] == turn["evidence_requests"] == []
    assert (turn["session_id"], turn["cause_assurance"], turn["cause_overclaim"]) == (case["case_id"], "none", False)
    assert {action["type"] for action in turn["suggested_actions"]} <= {"DECIDE", "RUN", "EVIDENCE", "FREE_SPEECH"}
    assert turn["next_action_hint"]


async def test_a_turn_knows_the_session_it_was_asked_in(ana: Someone, fm: FaultMaven) -> None:
    """The session's id comes back with the answer, whether or not there is such a session."""
    case = await ana.case()
    body = {"case_id": case["case_id"], "message": ASKED, "context": {"page": "grafana"}}

    asked = await ana.http.post("/agent/chat", json=body, headers={"X-Session-Id": "ses_1"})
    await settled(fm)

    assert (await ana.http.get(asked.headers["location"])).json()["session_id"] == "ses_1"


async def test_an_answer_cites_the_runbook(ana: Someone, fm: FaultMaven) -> None:
    """A citation is given exactly, and once more as the older clients show sources."""
    text = "# Checkout fails\n\n## Diagnosis\n\nCheckout fails when the connection pool is exhausted.\n"
    added = await ana.http.post("/knowledge/documents", json={"title": "Checkout fails", "content": text})
    await settled(fm)
    case = await ana.case()

    turn = await answered(ana, fm, case["case_id"], "Why does checkout fail?")

    document_id = added.json()["document_id"]
    assert document_id in {c["source_id"] for c in turn["citations"] if c["kind"] == "runbook"}
    source = next(s for s in turn["sources"] if s["type"] == "knowledge_base")
    assert (source["metadata"]["document_id"], source["metadata"]["title"]) == (document_id, "Checkout fails")


async def test_an_answer_cites_the_log(ana: Someone, fm: FaultMaven) -> None:
    """Lines of uploaded evidence come with their numbers."""
    case = await ana.case()
    log = "".join(f"2026-03-14 12:00:{n:02} ERROR pool: timed out waiting for a connection\n" for n in range(30))
    form = {"case_id": case["case_id"]}
    await ana.http.post("/evidence/upload", data=form, files={"file": ("pool.log", log.encode(), "text/plain")})
    await settled(fm)

    turn = await answered(ana, fm, case["case_id"], ASKED)

    source = next(s for s in turn["sources"] if s["type"] == "log_file")
    assert source["metadata"]["lines"]
    assert "timed out waiting" in source["content"]


async def test_who_prefers_to_wait_gets_the_answer(ana: Someone, fm: FaultMaven) -> None:
    """A turn that ends within the time is answered right away, and says that it waited."""
    case = await ana.case()
    body = {"case_id": case["case_id"], "message": ASKED}

    answer = await ana.http.post("/agent/chat", json=body, headers={"Prefer": "respond-async, wait=30"})

    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=30"
    assert {"message_id", "case_id", "role", "content", "timestamp"} <= set(answer.json())
    assert "location" not in answer.headers


async def test_the_wait_is_bounded(ana: Someone) -> None:
    """More than the longest wait is cut to it."""
    case = await ana.case()
    body = {"case_id": case["case_id"], "message": ASKED}

    answer = await ana.http.post("/agent/chat", json=body, headers={"Prefer": 'wait="999999"'})

    assert answer.headers["preference-applied"] == "wait=100"


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_turn_that_takes_longer_is_a_job(fm: FaultMaven, sign_in: SignIn, prefix: str) -> None:
    """When the time is up its caller gets the address to poll, and is told that it was waited for."""
    unsent = evolve(fm.agent, transactions=memory_transactions("agent", lambda: None))  # no worker ever hears of it
    ana = await sign_in("ana", into=create_app(evolve(fm, services={**fm.services, AgentService: unsent})))
    case = await ana.case()
    body = {"case_id": case["case_id"], "message": ASKED}

    answer = await ana.http.post("/agent/chat", json=body, headers={"Prefer": "wait=1"})

    assert (answer.status_code, answer.json()["status"]) == (202, "processing")
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.headers["location"].endswith(answer.json()["job_id"])


@pytest.mark.parametrize("prefer", ["wait=0", "wait=soon", "wait", "await=5", "wait=-1", ""])
async def test_what_is_no_wish_to_wait_is_ignored(ana: Someone, prefer: str) -> None:
    """RFC 7240: a preference that is not understood is not an error."""
    case = await ana.case()
    body = {"case_id": case["case_id"], "message": ASKED}

    answer = await ana.http.post("/agent/chat", json=body, headers={"Prefer": prefer})

    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


async def test_a_turn_still_going_is_polled_with_202(ana: Someone, fm: FaultMaven) -> None:
    """Until the end the status itself says that it is not there yet."""
    case = await ana.case()
    turn = await fm.agent.submit(principal=ana.principal, case_id=case["case_id"], message=ASKED)

    polled = await ana.http.get(f"/agent/chat/{turn.job_id}")
    await settled(fm)

    assert (polled.status_code, polled.json()["status"]) == (202, "processing")


async def test_a_turn_called_off_says_so(ana: Someone, fm: FaultMaven) -> None:
    """A cancelled job ends its turn as failed, with the reason where either kind of poller looks."""
    case = await ana.case()
    turn = await fm.agent.submit(principal=ana.principal, case_id=case["case_id"], message=ASKED)
    await ana.http.delete(f"/jobs/{turn.job_id}")

    polled = await ana.http.get(f"/agent/chat/{turn.job_id}")

    assert (polled.status_code, polled.json()["status"]) == (200, "failed")
    assert polled.json()["agent_response"] == polled.json()["error"]["message"] == "Cancelled."


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("message", {"message": "  "}),
        ("message", {"message": "x" * 50_001}),
        ("message", {"message": None}),
        ("message", {}),
        ("context", {"message": ASKED, "context": ["page"]}),
    ],
)
async def test_a_wrong_field_is_named(ana: Someone, invalid: int, field: str, body: dict[str, object]) -> None:
    """What is wrong about a question is named in the details."""
    case = await ana.case()

    answer = await ana.http.post("/agent/chat", json={"case_id": case["case_id"], **body})

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] == field


async def test_an_ended_case_takes_no_question(ana: Someone) -> None:
    """The conflict carries no x-error-code: that is how its callers know that the case is closed."""
    case = await ana.case()
    await ana.http.post(f"/cases/{case['case_id']}/close")

    answer = await ana.http.post("/agent/chat", json={"case_id": case["case_id"], "message": ASKED})

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CASE_CLOSED")
    assert "x-error-code" not in answer.headers


async def test_an_unknown_case_or_job_is_not_found(ana: Someone) -> None:
    """404, whichever of the two is not there."""
    asked = await ana.http.post("/agent/chat", json={"case_id": "case_none", "message": ASKED})
    polled = await ana.http.get("/agent/chat/none")

    assert (asked.status_code, asked.json()["error"]["code"]) == (404, "CASE_NOT_FOUND")
    assert (polled.status_code, polled.json()["error"]["code"]) == (404, "JOB_NOT_FOUND")


async def test_many_turns_at_once_are_all_answered(ana: Someone) -> None:
    """Each waits for its own."""
    case = await ana.case()

    async def ask(n: int) -> str:
        body = {"case_id": case["case_id"], "message": f"{ASKED} {n}"}
        answer = await ana.http.post("/agent/chat", json=body, headers={"Prefer": "wait=60"})
        assert answer.status_code == 200
        found: str = answer.json()["message_id"]
        return found

    assert len(set(await asyncio.gather(*[ask(n) for n in range(8)]))) == 8
