"""Two users on every route: neither sees, changes or counts what is the other's, and nobody gets in without a token."""

from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import OPERATIONS
from faultmaven_http.operation import Operation
from tests.http.conftest import Someone
from tests.http.turns import answered, settled

SIGNED_IN = [operation for operation in OPERATIONS if operation.needs_principal]
#: What an operation needs beside its address; {...} is the other user's.
BODIES: dict[tuple[str, str], dict[str, object]] = {
    ("POST", "/agent/chat"): {"case_id": "{case_id}", "message": "Why?"},
    ("POST", "/cases/{case_id}/status"): {"status": "closed"},
    ("POST", "/cases/{case_id}/reports"): {"report_types": ["incident_report"]},
    ("POST", "/cases/{case_id}/queries"): {"message": "Why?"},
}
#: Those that take a form alone: its fields and its files.
FORMS: dict[tuple[str, str], tuple[dict[str, str], dict[str, Any]]] = {
    ("POST", "/cases/{case_id}/turns"): ({"query": "Why?"}, {"files": ("a.log", b"x\n")}),
    ("POST", "/cases/{case_id}/data"): ({}, {"file": ("a.log", b"x\n")}),
}
#: Routes whose ids are no objects of a user.
SHARED = {"/knowledge/collections/{name}"}


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


async def asked(who: Someone, operation: Operation, ids: dict[str, str]) -> Response:
    """The request, with what it needs beside its address."""
    path, which = filled(operation.path, ids), (operation.method, operation.path)
    if which in FORMS:
        data, files = FORMS[which]
        return await who.http.request(operation.method, path, data=data, files=files)
    return await who.http.request(operation.method, path, json=filled(BODIES.get(which, {}), ids))


def filled(value: object, ids: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: filled(part, ids) for key, part in value.items()}
    return value.format(**ids) if isinstance(value, str) else value


@pytest.fixture
async def hers(ana: Someone, fm: FaultMaven) -> dict[str, str]:
    """One of everything, and all of it Ana's."""
    case_id = (await ana.case())["case_id"]
    session = (await ana.http.post("/sessions", json={"client_id": "c1"})).json()
    document = (await ana.http.post("/knowledge/documents", json={"title": "Secret", "content": "hunter2"})).json()
    files = {"file": ("a.log", b"hunter2\n")}
    evidence = (await ana.http.post("/evidence", data={"case_id": case_id}, files=files)).json()
    await answered(ana, fm, case_id, "Why hunter2?")
    turn = await fm.agent.submit(principal=ana.principal, case_id=case_id, message="And hunter2?")
    ended = (await ana.case())["case_id"]
    await ana.http.post(f"/cases/{ended}/close")
    await settled(fm)
    report = (await ana.http.get(f"/cases/{ended}/reports")).json()["reports"][0]
    return {
        "case_id": case_id,
        "session_id": session["session_id"],
        "document_id": document["document_id"],
        "evidence_id": evidence["evidence_id"],
        "file_id": evidence["evidence_id"],
        "job_id": turn.job_id,
        "report_id": report["report_id"],
        "name": "default",
    }


async def test_nobody_gets_in_without_a_token(anyone: AsyncClient) -> None:
    """401 before anything else is looked at, the body least of all."""
    for operation in SIGNED_IN:
        path = filled(operation.path, dict.fromkeys(operation.path_names, "x"))

        answer = await anyone.request(operation.method, path, content=b"{", headers={"X-User-ID": "usr_1"})

        assert answer.status_code == 401, named(operation)
        assert answer.headers["www-authenticate"] == "Bearer", named(operation)
        error = answer.json()["error"]
        assert error == "invalid_token" if operation.oauth else error["code"] == "UNAUTHORIZED", named(operation)


async def test_what_is_another_users_is_not_found(hers: dict[str, str], bob: Someone, root: Someone) -> None:
    """On every route that names an object, to an admin as well, except for jobs, which admins see."""
    for operation in OPERATIONS:
        if not operation.reads_principal or not operation.path_names or operation.path in SHARED:
            continue
        for who in (bob, root):
            if who is root and operation.path.startswith("/jobs"):
                continue
            answer = await asked(who, operation, hers)
            assert answer.status_code == 404, (named(operation), answer.text)
            assert "hunter2" not in answer.text


async def test_what_names_another_users_case_is_not_found(hers: dict[str, str], bob: Someone) -> None:
    """Nor is it where the case is named in a body, a form or a query."""
    asked = await bob.http.post("/agent/chat", json=filled(BODIES["POST", "/agent/chat"], hers))
    files = {"file": ("a.log", b"x")}
    added = await bob.http.post("/evidence", data={"case_id": hers["case_id"]}, files=files)
    listed = await bob.http.get("/evidence", params={"case_id": hers["case_id"]})

    assert [asked.status_code, added.status_code, listed.status_code] == [404, 404, 404]


async def test_lists_and_searches_hold_ones_own_only(hers: dict[str, str], bob: Someone) -> None:
    """Nothing of the other user's is listed, found or counted."""
    for path, name in (
        ("/cases", "cases"),
        ("/evidence", "evidence"),
        ("/knowledge/documents", "documents"),
        ("/documents", "documents"),
        ("/admin/kb/documents", "documents"),
    ):
        listed = (await bob.http.get(path)).json()
        assert (listed[name], listed["total"]) == ([], 0), path
    sessions = (await bob.http.get("/sessions")).json()  # those of signing in
    assert {session["user_id"] for session in sessions["sessions"]} == {bob.principal.user_id}
    assert len(sessions["sessions"]) == sessions["total"]
    assert (await bob.http.get("/jobs")).json()["jobs"] == []
    collections = (await bob.http.get("/knowledge/collections")).json()["collections"]
    assert all(collection["document_count"] == 0 for collection in collections)
    for mode in ("semantic", "keyword", "hybrid"):
        found = (await bob.http.post("/knowledge/search", json={"query": "hunter2", "search_mode": mode})).json()
        assert (found["results"], found["total_found"]) == ([], 0)


async def test_an_answer_rests_on_ones_own_only(hers: dict[str, str], bob: Someone, fm: FaultMaven) -> None:
    """Neither the other's documents nor their evidence is cited."""
    case = await bob.case()

    turn = await answered(bob, fm, case["case_id"], "hunter2")

    assert {c["source_id"] for c in turn["citations"]}.isdisjoint(hers.values())


async def test_nothing_of_it_was_changed(hers: dict[str, str], ana: Someone, bob: Someone) -> None:
    """After all the other has tried, everything is as it was."""
    before = [(await ana.http.get(path)).json() for path in (f"/cases/{hers['case_id']}", "/evidence", "/sessions")]
    for operation in OPERATIONS:
        if operation.needs_principal and operation.path_names and operation.method != "GET":
            await asked(bob, operation, hers)

    after = [(await ana.http.get(path)).json() for path in (f"/cases/{hers['case_id']}", "/evidence", "/sessions")]

    assert before == after
