import pytest

from faultmaven_adapters.library import FaultMaven
from tests.http.conftest import Someone
from tests.http.turns import answered, settled

DOCUMENT = {"title": "Pool", "content": "Raise max_connections."}


async def test_a_job_tells_how_it_went(ana: Someone, fm: FaultMaven) -> None:
    """Its kind, its subject, its attempts and its end."""
    document = (await ana.http.post("/knowledge/documents", json=DOCUMENT)).json()
    await settled(fm)

    job = (await ana.http.get(f"/jobs/{document['job_id']}")).json()

    assert (job["kind"], job["subject_id"]) == ("jobs.embedding", document["document_id"])
    assert (job["status"], job["attempts"], job["progress"], job["error"]) == ("completed", 1, 1.0, None)
    assert job["finished_at"] >= job["created_at"]


async def test_jobs_are_listed_newest_first(ana: Someone, fm: FaultMaven) -> None:
    """By their word, and no more than asked for."""
    case = await ana.case()
    await ana.http.post("/knowledge/documents", json=DOCUMENT)
    turn = await answered(ana, fm, case["case_id"], "Why?")

    everything = (await ana.http.get("/jobs")).json()["jobs"]
    one = (await ana.http.get("/jobs?limit=1&status=completed")).json()

    assert [job["kind"] for job in everything] == ["jobs.chat_turn", "jobs.embedding"]
    assert ([job["job_id"] for job in one["jobs"]], one["limit"]) == ([turn["job_id"]], 1)
    assert (await ana.http.get("/jobs?status=failed")).json()["jobs"] == []


async def test_an_admin_sees_every_job(root: Someone, ana: Someone) -> None:
    """Jobs are the one thing of others that an admin may see and call off."""
    job_id = (await ana.http.post("/knowledge/documents", json=DOCUMENT)).json()["job_id"]

    assert job_id in {job["job_id"] for job in (await root.http.get("/jobs")).json()["jobs"]}
    assert (await root.http.get(f"/jobs/{job_id}")).status_code == 200


@pytest.mark.parametrize(("field", "query"), [("status", "status=running"), ("limit", "limit=0"), ("limit", "limit=a")])
async def test_a_wrong_query_is_named(ana: Someone, invalid: int, field: str, query: str) -> None:
    """Only the contract's words are words for a job."""
    answer = await ana.http.get(f"/jobs?{query}")

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, field)


async def test_a_job_can_be_called_off_until_it_ends(ana: Someone, fm: FaultMaven) -> None:
    """Twice as well as once; one that has ended is a conflict."""
    case = await ana.case()
    turn = await fm.agent.submit(principal=ana.principal, case_id=case["case_id"], message="Why?")
    other = await answered(ana, fm, (await ana.case())["case_id"], "Why?")

    first = await ana.http.delete(f"/jobs/{turn.job_id}")
    ended = await ana.http.delete(f"/jobs/{other['job_id']}")

    assert first.status_code in {200, 409}  # the worker may have been quicker
    assert (ended.status_code, ended.headers["x-error-code"]) == (409, "CONFLICT")


async def test_an_unknown_job_is_not_found(ana: Someone) -> None:
    """404 to read and to call off."""
    for method in ("GET", "DELETE"):
        answer = await ana.http.request(method, "/jobs/none")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "JOB_NOT_FOUND")
