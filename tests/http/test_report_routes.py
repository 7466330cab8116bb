"""Reports over HTTP: advised, asked for, waited for, given again and downloaded."""

import asyncio
from typing import Any

import pytest
from attrs import evolve

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.agent import AgentService, ReportType
from faultmaven_domain.agent.reports import job_of
from faultmaven_domain.case import CaseService
from faultmaven_domain.evidence import EvidenceService
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_http.app import create_app
from tests.http.conftest import HOST, SignIn, Someone
from tests.http.turns import answered, settled
from tests.http.watching import unworked

ALL = ["incident_report", "runbook", "post_mortem"]
LOG = "".join(f"2026-03-14T12:00:{n:02}Z ERROR pool: timed out waiting for a connection\n" for n in range(30))


async def resolved(who: Someone, **fields: object) -> str:
    """A case that was investigated and is resolved."""
    case_id = str((await who.case(**fields))["case_id"])
    await who.http.post(f"/cases/{case_id}/status", json={"status": "investigating"})
    body = {"reason": "resolved", "resolution_notes": "Raised the pool to 50."}
    assert (await who.http.post(f"/cases/{case_id}/close", json=body)).json()["status"] == "resolved"
    return case_id


async def asked(who: Someone, case_id: str, *types: str, status: int = 201, **options: Any) -> dict[str, Any]:
    answer = await who.http.post(f"/cases/{case_id}/reports", json={"report_types": list(types)}, **options)
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_from_the_evidence_to_the_file(ana: Someone, fm: FaultMaven) -> None:
    """All three come in one answer, say what the case holds, are listed with it and are downloaded as Markdown."""
    case_id = str((await ana.case())["case_id"])
    files = {"file": ("pool.log", LOG.encode())}
    await ana.http.post("/evidence", data={"case_id": case_id}, files=files)
    await settled(fm)
    for message in ("Checkout fails for all customers.", "Start investigation", "Yes"):
        await answered(ana, fm, case_id, message)
    body = {"reason": "resolved", "resolution_notes": "Raised the pool to 50."}
    await ana.http.post(f"/cases/{case_id}/close", json=body)

    written = await asked(ana, case_id, *ALL)

    assert written["case_id"] == case_id
    assert [one["report_type"] for one in written["reports"]] == ALL
    incident, runbook, post_mortem = (one["content"] for one in written["reports"])
    for heading in ("What happened", "Impact", "Timeline", "Cause", "Actions taken", "Status"):
        assert f"\n## {heading}\n" in incident
    for heading in ("Symptoms", "Cause", "Diagnosis", "Fix", "Verification"):
        assert f"\n## {heading}\n" in runbook
    assert "\n## Root cause\n" in post_mortem
    for content in (incident, runbook, post_mortem):
        assert "timed out waiting for a connection" in content
        assert "Raised the pool to 50." in content
    assert "Post-mortem" not in incident + runbook

    listed = (await ana.http.get(f"/cases/{case_id}/reports")).json()
    assert sorted(one["report_id"] for one in listed["reports"]) == sorted(
        one["report_id"] for one in written["reports"]
    )
    for one in written["reports"]:
        assert (one["status"], one["format"], one["citations"] != []) == ("completed", "markdown", True)
        path = f"/cases/{case_id}/reports/{one['report_id']}"
        assert (await ana.http.get(path)).json() == one
        file = await ana.http.get(f"{path}/download")
        assert file.text == one["content"]
        assert file.headers["content-type"] == "text/markdown; charset=utf-8"
        assert f'filename="{one["report_type"]}-{case_id}.md"' in file.headers["content-disposition"]


async def test_asked_for_again(ana: Someone, fm: FaultMaven) -> None:
    """The same report comes back, however often and in whatever order, and nothing is written twice."""
    case_id = await resolved(ana)

    first = await asked(ana, case_id, *ALL)
    again = await asked(ana, case_id, *reversed(ALL), "runbook")
    await settled(fm)

    assert again["reports"] == first["reports"][::-1]
    assert (await ana.http.get(f"/cases/{case_id}/reports")).json()["total"] == 3


async def test_asked_for_by_several_at_once(ana: Someone, fm: FaultMaven) -> None:
    """They all get the same."""
    case_id = await resolved(ana)

    answers = await asyncio.gather(*[asked(ana, case_id, *ALL) for _ in range(5)])
    await settled(fm)

    assert all(answer == answers[0] for answer in answers)
    assert (await ana.http.get(f"/cases/{case_id}/reports")).json()["total"] == 3


@pytest.mark.parametrize("status", ["consulting", "investigating"])
async def test_of_a_case_that_goes_on(ana: Someone, status: str) -> None:
    """It is a conflict, in words; what is advised is an answer all the same, with nothing to choose."""
    case_id = (await ana.case())["case_id"]
    if status == "investigating":
        await ana.http.post(f"/cases/{case_id}/status", json={"status": status})

    for types in (ALL, ["post_mortem"]):
        refused = await ana.http.post(f"/cases/{case_id}/reports", json={"report_types": types})
        assert (refused.status_code, refused.headers["x-error-code"]) == (409, "CASE_NOT_ENDED")
        assert refused.json()["detail"] == f"Reports are written once a case has ended; this one is {status}."

    advised = await ana.http.get(f"/cases/{case_id}/report-recommendations")
    assert (advised.status_code, advised.json()["available_for_generation"]) == (200, [])
    assert advised.json()["reason"] == refused.json()["detail"]


async def test_a_type_there_is_not(ana: Someone, invalid: int) -> None:
    """The field is named, and what was right about it is not done either."""
    case_id = await resolved(ana)
    wrong: tuple[object, ...] = (["poem"], ["runbook", "poem"], [], "poem", "", 7, None, {}, [[]], [7])

    for body in ({}, *({"report_types": types} for types in wrong)):
        answer = await ana.http.post(f"/cases/{case_id}/reports", json=body)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, "report_types"), body
    kinds = {one["kind"] for one in (await ana.http.get("/jobs")).json()["jobs"]}
    assert "jobs.report" not in kinds


async def test_of_another_users_case(ana: Someone, bob: Someone, root: Someone) -> None:
    """Nobody else orders a report on it, or learns whether there are any."""
    case_id = await resolved(ana)
    for who in (bob, root):
        for types in (ALL, ["post_mortem"]):
            body = {"report_types": types}
            refused = await who.http.post(f"/cases/{case_id}/reports", json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (404, "CASE_NOT_FOUND")
        assert (await who.http.get(f"/cases/{case_id}/report-recommendations")).status_code == 404


@pytest.mark.parametrize("prefix", ["/api/v1"])
async def test_one_that_takes_longer_is_a_job(fm: FaultMaven, sign_in: SignIn, prefix: str) -> None:
    """What is there is given, and the absolute address of the job of what is not."""
    ana = await sign_in("ana", into=create_app(unworked(fm)))
    case_id = await resolved(ana)
    await settled(fm)

    body = {"report_types": ["runbook", "post_mortem"]}
    answer = await ana.http.post(f"/cases/{case_id}/reports", json=body, headers={"Prefer": "wait=1"})

    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    [post_mortem] = answer.json()["reports"]
    [waiting] = answer.json()["waiting"]
    assert (post_mortem["report_type"], waiting["report_type"]) == ("post_mortem", "runbook")
    assert waiting["job_id"] == job_of(case_id, ReportType.RUNBOOK)
    assert answer.headers["location"] == f"{HOST}{prefix}/jobs/{waiting['job_id']}"
    job = (await ana.http.get(answer.headers["location"])).json()
    assert (job["kind"], job["status"], job["subject_id"]) == ("jobs.report", "processing", case_id)


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_post_mortem_on_its_way_is_waited_for(fm: FaultMaven, sign_in: SignIn, prefix: str) -> None:
    """None is ordered beside the one that the case's end asked for, and the others do not wait for it to begin."""
    ana = await sign_in("ana", into=create_app(nobody_works_for_cases(unworked(fm))))
    case_id = await resolved(ana)

    wait = {"Prefer": "wait=2"}
    asking = asyncio.create_task(asked(ana, case_id, "post_mortem", "runbook", status=202, headers=wait))
    for _ in range(1_000):
        if len((await ana.http.get("/jobs")).json()["jobs"]) == 2:
            break
        await asyncio.sleep(0.01)
    began_while_it_waited = not asking.done()
    waiting = {one["report_type"]: one["job_id"] for one in (await asking)["waiting"]}

    assert began_while_it_waited
    jobs = (await ana.http.get("/jobs")).json()["jobs"]
    assert {job["kind"]: job["job_id"] for job in jobs} == {
        "jobs.post_mortem": waiting["post_mortem"],
        "jobs.report": waiting["runbook"],
    }
    assert len(jobs) == 2


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_one_that_cannot_be_written_says_why(fm: FaultMaven, sign_in: SignIn, prefix: str) -> None:
    """Whoever waits for it hears why it was given up, and whoever asks again has it tried again."""
    ana = await sign_in("ana", into=create_app(unworked(fm)))
    case_id = await resolved(ana)
    await settled(fm)
    job = job_of(case_id, ReportType.INCIDENT_REPORT)

    async def called_off() -> None:
        for _ in range(1_000):
            if (await ana.http.delete(f"/jobs/{job}")).status_code != 404:
                return
            await asyncio.sleep(0.01)

    body = {"report_types": ["incident_report"]}
    refused, _ = await asyncio.gather(ana.http.post(f"/cases/{case_id}/reports", json=body), called_off())
    again = await asked(ana, case_id, "incident_report", status=202, headers={"Prefer": "wait=1"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "REPORT_NOT_WRITTEN")
    assert refused.json()["detail"] == "The incident report could not be written. Cancelled."
    assert again["waiting"][0]["job_id"] == job


def nobody_works_for_cases(fm: FaultMaven) -> FaultMaven:
    """The same, but what the case room asks for is never done."""
    transactions = memory_transactions("case", lambda: None)
    cases = evolve(fm.cases, transactions=transactions)
    services = {
        CaseService: cases,
        EvidenceService: evolve(fm.evidence, cases=cases),
        AgentService: evolve(fm.agent, cases=cases),
        JobService: evolve(fm.jobs, books=JobBooks({**fm.jobs.books, "case": transactions})),
    }
    return evolve(fm, services={**fm.services, **services})


async def advice(who: Someone, case_id: str) -> dict[str, Any]:
    answer = await who.http.get(f"/cases/{case_id}/report-recommendations")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_advises_what_can_be_had(ana: Someone, fm: FaultMaven) -> None:
    """All three where no runbook is like the case; and still all three once they are written, to be had again."""
    case_id = await resolved(ana)

    before = await advice(ana, case_id)
    await asked(ana, case_id, *ALL)
    await settled(fm)
    after = await advice(ana, case_id)

    assert before["case_id"] == case_id
    assert before["available_for_generation"] == after["available_for_generation"] == ALL
    runbook = before["runbook_recommendation"]
    assert (runbook["action"], runbook["similarity_score"], runbook["existing_runbook"]) == ("generate", 0.0, None)
    own = after["runbook_recommendation"]
    assert (own["action"], own["existing_runbook"]["title"]) == ("reuse", "Runbook: Checkout fails")
    document = await ana.http.get(f"/knowledge/documents/{own['existing_runbook']['document_id']}")
    assert document.json()["document_type"] == "runbook"


async def test_advises_a_runbook_that_is_about_the_same(ana: Someone, fm: FaultMaven) -> None:
    """It is named, with how alike it is, and another is not offered."""
    words = "The turbine shaft broke at high load"
    body = {"title": words, "content": words, "document_type": "runbook"}
    added = (await ana.http.post("/knowledge/documents", json=body)).json()
    await settled(fm)

    found = await advice(ana, await resolved(ana, title=words))

    runbook = found["runbook_recommendation"]
    assert (runbook["action"], runbook["existing_runbook"]) == (
        "reuse",
        {"document_id": added["document_id"], "title": words},
    )
    assert 0.85 <= runbook["similarity_score"] <= 1
    assert found["available_for_generation"] == ["incident_report", "post_mortem"]


async def test_a_closed_case_has_no_runbook_to_offer(ana: Someone) -> None:
    """It tells no remedy; it is written all the same for whoever wants it."""
    case_id = (await ana.case())["case_id"]
    await ana.http.post(f"/cases/{case_id}/close")

    assert (await advice(ana, case_id))["available_for_generation"] == ["incident_report", "post_mortem"]
    [report] = (await asked(ana, case_id, "runbook"))["reports"]
    assert report["report_type"] == "runbook"
