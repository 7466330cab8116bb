"""The header of a case, in every status: all that clients read of it is there, and is the same as elsewhere."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.case import CaseStatus, HypothesisStatus, Milestone, Overview
from faultmaven_http.wire import DIALECTS, Dialect
from faultmaven_http.wire.case_ui import CaseHeader
from faultmaven_http.wire.summaries import FileView
from tests.fakes.values import values
from tests.http.conftest import Someone, contract
from tests.http.turns import answered, settled

LOG = "\n".join(
    f"2026-03-14T11:{n // 60:02}:{n % 60:02}.000Z {'ERROR' if n > 100 and n % 5 == 0 else 'INFO'} "
    + (f"[db-pool] timeout waiting for connection {n}" if n > 100 and n % 5 == 0 else f"[http] GET /cart/{n}")
    for n in range(300)
)
RUNBOOK = """\
# Timeout waiting for connection

## Diagnosis

1. Timeout waiting for connection: count the connections with `psql -c 'select count(*) from pg_stat_activity'`.

## Fix

1. Timeout waiting for connection: raise the pool with `kubectl set env deploy/checkout POOL=50`.
"""
STORY = "Checkout fails for all customers. Why is there a timeout waiting for connection?"
START = "I want to start a formal investigation to find the root cause."

#: What clients read without looking whether it is there, by the status a case is in: dotted, with the type it has.
OBJECT, ARRAY, TEXT, NUMBER, FLAG = dict, list, str, (int, float), bool
ALWAYS: dict[str, Any] = {
    "case_id": TEXT,
    "title": TEXT,
    "status": TEXT,
    "state": TEXT,
    "created_at": TEXT,
    "updated_at": TEXT,
    "priority": TEXT,
    "agent_status": TEXT,
    "current_turn": NUMBER,
    "message_count": NUMBER,
    "uploaded_files_count": NUMBER,
    "valid_next_states": ARRAY,
    "reports_available": ARRAY,
    "active_hypotheses": ARRAY,
    "latest_evidence": ARRAY,
    "next_actions": ARRAY,
    "is_stuck": FLAG,
    "degraded_mode": FLAG,
    "disposition_eligibility.resolved": TEXT,
    "disposition_eligibility.closed": TEXT,
    "progress.current_stage": TEXT,
    "progress.milestones_completed": NUMBER,
    "progress.total_milestones": NUMBER,
    "progress.completed_milestone_ids": ARRAY,
    "progress.completed_indicators": ARRAY,
    "progress.total_evidence": NUMBER,
    "investigation_strategy.approach": TEXT,
    "investigation_strategy.next_steps": ARRAY,
    "problem_verification.urgency_level": TEXT,
    "problem_verification.temporal_state": OBJECT,
    "problem_verification.impact.affected_services": ARRAY,
}
ENDED: dict[str, Any] = {
    "closed_at": TEXT,
    "closure_reason": TEXT,
    "resolution_summary.total_duration_minutes": NUMBER,
    "resolution_summary.milestones_completed": NUMBER,
    "resolution_summary.hypotheses_tested": NUMBER,
    "resolution_summary.evidence_collected": NUMBER,
    "resolution_summary.key_insights": ARRAY,
    "root_cause.description": TEXT,
    "root_cause.category": TEXT,
    "root_cause.severity": TEXT,
    "root_cause.cause_assurance": TEXT,
    "root_cause.cause_overclaim": FLAG,
    "solution_applied.description": TEXT,
    "solution_applied.applied_by": TEXT,
    "verification_status.verified": FLAG,
    "verification_status.verification_method": TEXT,
    "verification_status.details": TEXT,
}
CONSULTING: dict[str, Any] = {
    f"{name}.{field}": kind
    for name in ("consulting", "inquiry")
    for field, kind in {
        "problem_statement_confirmed": FLAG,
        "decided_to_investigate": FLAG,
        "consultation_turns": NUMBER,
    }.items()
}
REQUIRED: dict[str, dict[str, Any]] = {
    "consulting": {**ALWAYS, **CONSULTING},
    "investigating": ALWAYS,
    "resolved": {**ALWAYS, **ENDED, "resolved_at": TEXT},
    "closed": {**ALWAYS, **ENDED},
}
#: What is null in a status, though it is an object in another.
ABSENT = {
    "consulting": ("resolution_summary", "root_cause", "solution_applied", "verification_status"),
    "investigating": ("resolution_summary", "root_cause", "solution_applied", "verification_status", "inquiry"),
    "resolved": ("consulting", "inquiry"),
    "closed": ("consulting", "inquiry", "resolved_at"),
}
STATES = {"consulting": "inquiry"}


def missing(body: dict[str, Any], required: dict[str, Any]) -> list[str]:
    """What is not there, or is of another type."""
    found = []
    for path, kind in required.items():
        value: Any = body
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is NUMBER):
            found.append(path)
    return found


async def header(who: Someone, case_id: str) -> dict[str, Any]:
    answer = await who.http.get(f"/cases/{case_id}/ui")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert missing(body, REQUIRED[body["status"]]) == []
    assert [name for name in ABSENT[body["status"]] if body[name] is not None] == []
    assert body["state"] == STATES.get(body["status"], body["status"])
    return body


async def upload(who: Someone, fm: FaultMaven, case_id: str, log: str = LOG) -> str:
    files = {"file": ("pool.log", log.encode())}
    added = await who.http.post("/evidence", data={"case_id": case_id}, files=files)
    assert added.status_code == 201, added.text
    await settled(fm)
    return str(added.json()["evidence_id"])


async def said(who: Someone, fm: FaultMaven, case_id: str, *messages: str) -> None:
    for message in messages:
        await answered(who, fm, case_id, message)


@pytest.fixture
async def case_id(ana: Someone, fm: FaultMaven) -> str:
    """A case with a log that a runbook of Ana's fits."""
    document = {"title": "Timeout waiting for connection", "content": RUNBOOK, "document_type": "runbook"}
    assert (await ana.http.post("/knowledge/documents", json=document)).status_code == 201
    found = str((await ana.case())["case_id"])
    await upload(ana, fm, found)
    return found


async def test_of_a_new_case(ana: Someone) -> None:
    """Everything is there, and says that nothing is known."""
    case = await ana.case()

    body = await header(ana, case["case_id"])

    assert (body["title"], body["status"], body["created_at"]) == (case["title"], "consulting", case["created_at"])
    assert body["valid_next_states"] == ["investigating", "closed"]
    assert body["disposition_eligibility"] == {"resolved": "not_ready", "closed": "ready"}
    assert body["consulting"] == body["inquiry"]
    assert body["inquiry"]["proposed_problem_statement"] is body["inquiry"]["problem_confirmation"] is None
    assert (body["progress"]["milestones_completed"], body["progress"]["total_milestones"]) == (0, len(Milestone))
    assert (body["working_conclusion"], body["problem_statement"], body["latest_evidence"]) == (None, None, [])
    assert body["progress_transparency"] is None


async def test_of_one_that_is_talked_about(ana: Someone, fm: FaultMaven, case_id: str) -> None:
    """The problem is proposed and waits for a yes; what the log shows is counted."""
    await said(ana, fm, case_id, STORY)

    body = await header(ana, case_id)

    inquiry = body["inquiry"]
    assert inquiry["proposed_problem_statement"] == body["problem_statement"]
    assert body["problem_statement"].startswith("Checkout fails for all customers.")
    assert inquiry["problem_statement_confirmed"] is False
    assert inquiry["problem_confirmation"]["severity_guess"] == body["problem_verification"]["severity"]
    assert inquiry["consultation_turns"] == 1
    assert body["agent_status"].startswith("Waiting for an answer: Is this the problem")
    reached = body["progress"]["completed_milestone_ids"]
    assert {"symptom_verified", "scope_assessed", "timeline_established"} <= set(reached)
    assert body["progress"]["milestones_completed"] == len(reached)
    [evidence] = body["latest_evidence"]
    assert (evidence["type"], evidence["relevance_score"]) == ("log", body["active_hypotheses"][0]["likelihood"])
    assert evidence["summary"].startswith("pool.log: A log of 300 lines")
    assert body["problem_verification"]["temporal_state"]["started_at"] == "2026-03-14T11:01:45Z"
    assert body["problem_verification"]["temporal_state"]["last_occurrence_at"] == "2026-03-14T11:04:55Z"


async def test_of_a_log_that_tells_no_time_zone(ana: Someone, fm: FaultMaven) -> None:
    """Its times are given as it writes them, and none of them as a moment."""
    case = await ana.case()
    await upload(ana, fm, case["case_id"], LOG.replace("T", " ").replace(".000Z", ""))
    await said(ana, fm, case["case_id"], STORY)

    times = (await header(ana, case["case_id"]))["problem_verification"]["temporal_state"]

    assert (times["started_at"], times["last_occurrence_at"]) == (None, None)
    assert times["description"] == "It began at 2026-03-14 11:01:45, and was last seen at 2026-03-14 11:04:55."


async def test_of_one_that_is_investigated(ana: Someone, fm: FaultMaven, case_id: str) -> None:
    """The leading hypothesis is the conclusion until the user confirms it, and then it is the root cause."""
    await said(ana, fm, case_id, STORY, START)
    before = await header(ana, case_id)
    await said(ana, fm, case_id, "Yes")
    after = await header(ana, case_id)

    [leading] = [one for one in before["active_hypotheses"] if one["status"] == "active"]
    assert (leading["evidence_count"], before["status"], before["inquiry"]) == (1, "investigating", None)
    assert before["working_conclusion"]["summary"] == leading["text"]
    assert before["working_conclusion"]["confidence"] == leading["likelihood"] < 1
    assert before["agent_status"] == f"Waiting for an answer: Is this the root cause: “{leading['text']}”?"
    assert before["disposition_eligibility"]["resolved"] == "not_ready"
    assert after["working_conclusion"]["summary"] == leading["text"]
    assert after["working_conclusion"]["confidence"] == 1
    assert "root_cause_identified" in after["progress"]["completed_milestone_ids"]
    assert after["disposition_eligibility"]["resolved"] == "ready"
    assert after["valid_next_states"] == ["resolved", "closed"]
    assert after["active_hypotheses"] == []


async def test_of_one_that_is_resolved(ana: Someone, fm: FaultMaven, case_id: str) -> None:
    """Cause, solution and proof are those that were established, in the user's own time."""
    await said(ana, fm, case_id, STORY, START, "Yes")
    body = await header(ana, case_id)
    assert "solution_proposed" in body["progress"]["completed_milestone_ids"]
    await said(ana, fm, case_id, "Yes", "Yes", "Yes")

    body = await header(ana, case_id)

    assert (body["status"], body["closure_reason"], body["valid_next_states"]) == ("resolved", "resolved", [])
    assert body["disposition_eligibility"] == {"resolved": "not_ready", "closed": "not_ready"}
    summary = body["resolution_summary"]
    assert summary["milestones_completed"] == body["progress"]["milestones_completed"] >= 7
    assert (summary["evidence_collected"], summary["hypotheses_tested"]) == (1, 1)
    assert "The failures are in pool.log." in summary["key_insights"]
    cause = body["root_cause"]
    assert "timeout waiting for connection" in cause["description"]
    assert (cause["cause_assurance"], cause["cause_overclaim"]) == ("confirmed", False)
    assert "kubectl set env deploy/checkout POOL=50" in body["solution_applied"]["description"]
    assert body["created_at"] < body["solution_applied"]["applied_at"] < body["resolved_at"]
    assert body["verification_status"]["verified"] is True
    assert body["problem_verification"]["temporal_state"]["state"] == "historical"
    await settled(fm)
    reports = {one["report_type"]: one for one in (await header(ana, case_id))["reports_available"]}
    assert {name: one["status"] for name, one in reports.items()} == {
        "incident_report": "recommended",
        "runbook": "recommended",
        "post_mortem": "available",
    }


@pytest.mark.parametrize("status", ["resolved", "closed"])
async def test_of_one_that_just_ended(ana: Someone, status: str) -> None:
    """Where nothing was established it says so, and every object is there all the same."""
    case = await ana.case()
    path = f"/cases/{case['case_id']}"
    await ana.http.post(f"{path}/status", json={"status": "investigating"})
    await ana.http.post(f"{path}/status", json={"status": status})

    body = await header(ana, case["case_id"])

    assert (body["status"], body["root_cause"]["description"]) == (status, "Not established")
    assert (body["root_cause"]["cause_assurance"], body["root_cause"]["severity"]) == ("none", "unknown")
    assert body["solution_applied"] == {
        "description": "Not established",
        "applied_at": None,
        "applied_by": "Not established",
    }
    assert body["verification_status"]["verified"] is False
    assert body["resolution_summary"]["milestones_completed"] == 0
    runbook = next(one for one in body["reports_available"] if one["report_type"] == "runbook")
    assert runbook["status"] == ("recommended" if status == "resolved" else "not_applicable")


async def test_notes_tell_what_was_done(ana: Someone) -> None:
    """Where a case was ended with notes, they are its solution."""
    case = await ana.case()
    path = f"/cases/{case['case_id']}"
    await ana.http.post(f"{path}/close", json={"reason": "duplicate", "resolution_notes": "See the other."})

    body = await header(ana, case["case_id"])

    assert (body["solution_applied"]["description"], body["closure_reason"]) == ("See the other.", "duplicate")


async def test_its_numbers_are_those_of_the_other_routes(ana: Someone, fm: FaultMaven, case_id: str) -> None:
    """Messages, turns, files and reports are counted alike wherever they are shown."""
    await upload(ana, fm, case_id, LOG.replace("db-pool", "cache"))
    await said(ana, fm, case_id, STORY, "What else?")
    await ana.http.post(f"/cases/{case_id}/close")
    await settled(fm)

    body = await header(ana, case_id)
    case = (await ana.http.get(f"/cases/{case_id}")).json()
    messages = (await ana.http.get(f"/cases/{case_id}/messages")).json()
    evidence = (await ana.http.get("/evidence", params={"case_id": case_id})).json()
    files = (await ana.http.get(f"/cases/{case_id}/uploaded-files")).json()
    reports = (await ana.http.get(f"/cases/{case_id}/reports")).json()

    for name in ("title", "status", "state", "priority", "updated_at", "closed_at", "current_turn", "message_count"):
        assert body[name] == case[name], name
    assert body["message_count"] == messages["total"] == len(messages["messages"]) == 4
    assert (
        body["uploaded_files_count"] == body["progress"]["total_evidence"] == evidence["total"] == files["total"] == 2
    )
    assert body["resolution_summary"]["evidence_collected"] == 2
    assert [one["evidence_id"] for one in body["latest_evidence"]] == [one["file_id"] for one in files["files"]]
    available = [one["report_id"] for one in body["reports_available"] if one["status"] == "available"]
    assert available == [one["report_id"] for one in reports["reports"]]


async def test_of_another_users_case(ana: Someone, bob: Someone, root: Someone) -> None:
    """There is none, for an admin either; nor can it be named."""
    case = await ana.case()
    for who in (bob, root):
        for method, rest in (("GET", "ui"), ("POST", "title")):
            answer = await who.http.request(method, f"/cases/{case['case_id']}/{rest}", json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CASE_NOT_FOUND")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.prefix)
@settings(max_examples=60, deadline=None)
@given(overview=values(Overview), files=st.lists(values(FileView), max_size=3), more=st.integers(0, 9))
def test_any_state_can_be_shown(dialect: Dialect, overview: Overview, files: list[FileView], more: int) -> None:
    """Whatever was stored, the header is written, is JSON and is what the OpenAPI document says of it."""
    shown = CaseHeader(overview=overview, file_count=len(files) + more, files=tuple(files))

    body: Any = json.loads(json.dumps(dialect.written(shown), allow_nan=False))

    schemas = {"$ref": "#/components/schemas/CaseUi", "components": {"schemas": contract().schemas}}
    assert [error.message for error in Draft202012Validator(schemas).iter_errors(body)] == []
    assert missing(body, {**ALWAYS, **(ENDED if overview.case.final else {})} | dates(overview)) == []
    reached = body["progress"]["completed_milestone_ids"]
    assert body["progress"]["milestones_completed"] == len(reached) == len(set(reached))
    assert body["uploaded_files_count"] == len(files) + more
    if overview.case.final:
        assert body["resolution_summary"]["total_duration_minutes"] >= 0
    if more:
        assert body["problem_verification"]["temporal_state"]["started_at"] is None
    guesses = [one["likelihood"] for one in body["active_hypotheses"]]
    assert guesses == sorted(guesses, reverse=True)
    assert all(0 <= one <= 1 for one in guesses)
    statuses = {one["status"] for one in body["active_hypotheses"]}
    assert statuses <= {HypothesisStatus.ACTIVE, HypothesisStatus.CAPTURED}


def dates(overview: Overview) -> dict[str, Any]:
    """An invented case may have ended without a time or a reason, which a real one never does."""
    case = overview.case
    known = {"closed_at": case.closed_at, "closure_reason": case.closure_reason}
    return {name: TEXT if value else type(None) for name, value in known.items()}


async def test_a_case_is_named_after_its_problem(ana: Someone, fm: FaultMaven) -> None:
    """Once there is one, in as many words as asked for; it stays so until somebody names it."""
    case = (await ana.http.post("/cases", json={})).json()
    path = f"/cases/{case['case_id']}"

    early = await ana.http.post(f"{path}/title", json={"max_words": 8})
    await said(ana, fm, case["case_id"], STORY)
    made = await ana.http.post(f"{path}/title", json={"max_words": 3})
    kept = (await ana.http.get(path)).json()["title"]
    await ana.http.put(path, json={"title": "Mine"})
    named = await ana.http.post(f"{path}/title", json={"max_words": 3, "hint": "x", "force": True})

    assert (early.status_code, early.json()["title"], early.headers["x-title-source"]) == (200, "", "generated")
    assert (made.json()["title"], made.headers["x-title-source"]) == (kept, "generated")
    assert (kept, made.json()["source"]) == ("Checkout fails for all"[: len(kept)], "generated")
    assert 1 <= len(kept.split()) <= 3
    assert (named.json()["title"], named.headers["x-title-source"]) == ("Mine", "existing")


@pytest.mark.parametrize("body", [{"max_words": 0}, {"max_words": 31}, {"max_words": "many"}, {"hint": 7}])
async def test_a_wrong_wish_for_a_title_is_named(ana: Someone, invalid: int, body: dict[str, object]) -> None:
    """By its field."""
    answer = await ana.http.post(f"/cases/{(await ana.case())['case_id']}/title", json=body)

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, next(iter(body)))


def test_every_status_is_held_to() -> None:
    """The tables here name each status there is."""
    assert set(REQUIRED) == set(ABSENT) == {status.value for status in CaseStatus}
