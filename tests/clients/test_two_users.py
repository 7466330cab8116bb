"""Two users on every route the clients call: neither sees, changes or counts what is the other's."""

import json
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx2
import pytest
from attrs import define, frozen

from tests.clients.material import RUNBOOK
from tests.clients.talk import until_status
from tests.clients.wire import Step, Wire

#: Words that only the first of them ever said.
SECRET = "hunter2"
_numbers = count(1)


@frozen(kw_only=True)
class Sent:
    """What is sent to a route beside its ids."""

    body: object = None
    form: dict[str, str] | None = None
    parts: tuple[tuple[str, Any], ...] = ()


FILE = ("x.log", b"ERROR x\n", "text/plain")
ASKED = Sent(body={"message": "What do you know?"})
CASE = "/api/v1/cases/{case_id}"
#: Routes that name what is somebody's, with what the other sends there.
NAMING = {
    f"GET {CASE}": Sent(),
    f"PUT {CASE}": Sent(body={"title": "His now"}),
    f"DELETE {CASE}": Sent(),
    f"GET {CASE}/ui": Sent(),
    f"GET {CASE}/messages": Sent(),
    f"POST {CASE}/queries": ASKED,
    f"POST {CASE}/turns": Sent(form={"query": "What do you know?"}),
    f"POST {CASE}/data": Sent(parts=(("file", FILE),)),
    f"POST {CASE}/title": Sent(body={"max_words": 8}),
    f"GET {CASE}/uploaded-files": Sent(),
    f"GET {CASE}/uploaded-files/{{file_id}}": Sent(),
    f"GET {CASE}/report-recommendations": Sent(),
    f"POST {CASE}/reports": Sent(body={"report_types": ["runbook"]}),
    f"GET {CASE}/reports/{{report_id}}/download": Sent(),
    "GET /api/v1/agent/chat/{job_id}": Sent(),
    "POST /api/v1/agent/chat": Sent(body={"case_id": "{case_id}", "message": "What do you know?"}),
    "GET /api/v1/knowledge/documents/{document_id}": Sent(),
    "DELETE /api/v1/documents/{document_id}": Sent(),
    "POST /api/v1/sessions/{session_id}/heartbeat": Sent(),
}
#: Routes that list or make what is the caller's own, or everybody's.
OWN = {
    "GET /api/v1/cases",
    "POST /api/v1/cases",
    "POST /api/v1/sessions",
    "GET /api/v1/documents",
    "POST /api/v1/documents/upload",
    "GET /api/v1/admin/kb/documents",
    "GET /api/v1/auth/me",
    "POST /api/v1/auth/logout",
    "POST /v1/auth/logout",
    "GET /api/v1/auth/oauth/authorize",
    "POST /api/v1/auth/oauth/authorize",
}
#: Routes that are an admin's; ``{document_id}`` is one of everybody's.
ADMINS = {
    "POST /api/v1/admin/kb/documents": Sent(parts=(("file", FILE), ("title", "x"), ("document_type", "playbook"))),
    "DELETE /api/v1/admin/kb/documents/{document_id}": Sent(),
}
#: Routes that know nobody, or only whom a secret in the request names.
NOBODYS = {
    "GET /health",
    "GET /login",
    "GET /auth/authorize",
    "GET /v1/meta/capabilities",
    "GET /api/v1/auth/config",
    "POST /api/v1/auth/dev-login",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/oauth/token",
    "POST /api/v1/auth/oauth/revoke",
}
PAGES = {"GET /login", "GET /auth/authorize"}
Someone = Callable[..., Wire]


@define
class Hers:
    """One of everything, and all of it the first user's."""

    wire: Wire
    ids: dict[str, str]
    ended: dict[str, str]
    client_id: str
    key: str

    def seen(self) -> list[Any]:
        """All that she sees, to be the same afterwards."""
        paths = (
            f"GET {CASE}",
            f"GET {CASE}/ui",
            f"GET {CASE}/messages",
            f"GET {CASE}/uploaded-files",
            "GET /api/v1/cases",
            "GET /api/v1/documents",
            "GET /api/v1/auth/me",
            "GET /api/v1/agent/chat/{job_id}",
        )
        ended = [f"GET {CASE}/ui", f"GET {CASE}/reports/{{report_id}}/download"]
        seen = [self.wire("look", path, ids=self.ids) for path in paths]
        seen += [self.wire("look", path, ids={**self.ids, **self.ended}) for path in ended]
        assert [step.answer["status"] for step in seen] == [200] * len(seen)
        return [step.answer["body"] for step in seen]


@pytest.fixture(scope="module")
def someone(http: httpx2.Client) -> Someone:
    """Signs in a user, one that nobody was before where none is named."""

    def signed_in(name: str = "") -> Wire:
        wire = Wire(http=http)
        step = wire("sign in", "POST /api/v1/auth/dev-login", body={"username": name or f"user-{next(_numbers)}"})
        wire.headers["Authorization"] = f"Bearer {step['access_token']}"
        wire.headers["X-User-ID"] = step["user.user_id"]
        return wire

    return signed_in


@pytest.fixture
def bob(someone: Someone) -> Wire:
    return someone()


@pytest.fixture
def admin(someone: Someone) -> Wire:
    return someone("admin")


@pytest.fixture(scope="module")
def hers(someone: Someone) -> Hers:
    ana = someone()
    client_id, key = f"client-{next(_numbers)}", f"opt_case_{next(_numbers)}"
    session_id = ana("open a session", "POST /api/v1/sessions", body={"client_id": client_id})["session_id"]
    file = ("file", ("s.md", f"{RUNBOOK}\n{SECRET}\n".encode(), "text/markdown"))
    ana("upload", "POST /api/v1/documents/upload", parts=(file, ("title", SECRET), ("document_type", "guide")))
    documents = ana("list", "GET /api/v1/documents")["documents"]
    case = {"case_id": _opened(ana, headers={"Idempotency-Key": key})}
    upload = (("file", ("store.log", f"ERROR store: {SECRET}\n".encode() * 9, "text/plain")),)
    ana("upload", f"POST {CASE}/data", ids=case, parts=upload)
    files = ana("list", f"GET {CASE}/uploaded-files", ids=case)["files"]
    asked = ana("ask", "POST /api/v1/agent/chat", body={**case, "message": f"The store fails with {SECRET}. Why?"})
    while ana("poll", "GET /api/v1/agent/chat/{job_id}", ids={"job_id": asked["job_id"]}).answer["status"] == 202:
        pass
    ended = {"case_id": _opened(ana)}
    _asked(ana, ended, f"The store fails with {SECRET}.")
    until_status("closed", lambda words: _asked(ana, ended, words), "Close this case as unresolved.")
    while ana("settle", "GET /api/v1/jobs", query={"status": "processing"})["jobs"]:
        time.sleep(0.05)
    made = ana("report", f"POST {CASE}/reports", ids=ended, body={"report_types": ["incident_report"]})["reports"]
    ids = {
        **case,
        "session_id": session_id,
        "document_id": documents[0]["document_id"],
        "file_id": files[0]["file_id"],
        "job_id": asked["job_id"],
        "report_id": made[0]["report_id"],
    }
    return Hers(wire=ana, ids=ids, ended=ended, client_id=client_id, key=key)


def tried(who: Wire, hers: Hers, route: str, sent: Sent, ids: dict[str, str]) -> Step:
    """A request for what is hers, with her session's id and her user's id on it."""
    spoofed = {"X-Session-Id": hers.ids["session_id"], "X-User-ID": hers.wire.headers["X-User-ID"]}
    body = json.loads(json.dumps(sent.body).replace("{case_id}", ids["case_id"]))
    return who("try", route, ids=ids, body=body, form=sent.form, parts=sent.parts, headers=spoofed)


def test_what_is_the_others_is_not_found(hers: Hers, bob: Wire) -> None:
    """404 wherever a route names what is hers, also inside a case of his own, and nothing of it is said."""
    his = {**hers.ids, "case_id": _opened(bob)}
    before = hers.seen()

    inside = [route for route in NAMING if route.startswith(f"GET {CASE}/") and route.count("{") > 1]
    steps = [tried(bob, hers, route, sent, hers.ids) for route, sent in NAMING.items()]
    steps += [tried(bob, hers, route, NAMING[route], his) for route in inside]

    assert inside
    assert [f"{step.route}: {step.answer}" for step in steps if step.answer["status"] != 404] == []
    assert [step.route for step in steps if SECRET in json.dumps(step.answer)] == []
    assert hers.seen() == before


def test_only_an_admin_keeps_everybodys_documents(hers: Hers, bob: Wire, admin: Wire) -> None:
    """403 to whoever is none, whatever the headers say of roles, and the document is still there for everybody."""
    shelf, parts = "/api/v1/admin/kb/documents", ADMINS["POST /api/v1/admin/kb/documents"].parts
    document_id = admin("upload", f"POST {shelf}", parts=parts)["document_id"]
    ids = {**hers.ids, "document_id": document_id}
    bob.headers["X-User-Roles"] = "admin"

    steps = [tried(bob, hers, route, sent, ids) for route, sent in ADMINS.items()]

    assert {step.route: step.answer["status"] for step in steps} == dict.fromkeys(ADMINS, 403)
    assert [row["document_id"] for row in bob("list", f"GET {shelf}")["documents"]] == [document_id]
    assert admin("clear", f"DELETE {shelf}/{{document_id}}", ids=ids).answer["status"] in {200, 204}


def test_an_admin_does_not_reach_ones_own(hers: Hers, admin: Wire) -> None:
    """What is hers is not found by an admin either, and is not among everybody's documents."""
    before = hers.seen()

    listed = admin("list", "GET /api/v1/admin/kb/documents", query={"limit": 100})
    tries = [tried(admin, hers, route, sent, hers.ids) for route, sent in NAMING.items() if "agent/chat/" not in route]
    tries.append(tried(admin, hers, "DELETE /api/v1/admin/kb/documents/{document_id}", Sent(), hers.ids))

    assert hers.ids["document_id"] not in {row["document_id"] for row in listed["documents"]}
    assert [f"{step.route}: {step.answer}" for step in tries if step.answer["status"] != 404] == []
    assert hers.seen() == before


def test_lists_hold_and_count_ones_own_only(hers: Hers, bob: Wire) -> None:
    """He who has nothing sees nothing and counts nothing, and then what he made and no more."""
    assert bob("list", "GET /api/v1/cases").answer["body"]["cases"] == []
    assert bob("list", "GET /api/v1/cases")["total_count"] == 0
    assert bob("list", "GET /api/v1/documents").answer["body"]["documents"] == []
    assert bob("list", "GET /api/v1/documents")["total_count"] == 0
    everybodys = bob("list", "GET /api/v1/admin/kb/documents", query={"limit": 100})["documents"]
    assert hers.ids["document_id"] not in {row["document_id"] for row in everybodys}
    case = {"case_id": _opened(bob)}

    turn = _asked(bob, case, f"What is {SECRET}, and why does the store fail with it?")

    known = {*hers.ids.values(), *hers.ended.values()}
    assert not [value for value in known if value in json.dumps(turn.answer)]
    assert bob("look", f"GET {CASE}/ui", ids=case)["uploaded_files_count"] == 0
    assert bob("look", f"GET {CASE}/uploaded-files", ids=case)["files"] == []
    assert [one["case_id"] for one in bob("list", "GET /api/v1/cases")["cases"]] == [case["case_id"]]
    assert bob("look", f"GET {CASE}/messages", ids=case)["total_count"] == 2


def test_a_key_or_a_client_of_hers_opens_nothing_of_hers(hers: Hers, bob: Wire) -> None:
    """Under her Idempotency-Key he gets a case of his own, and with her client's id a session of his own."""
    case_id = _opened(bob, headers={"Idempotency-Key": hers.key})
    session = bob("open a session", "POST /api/v1/sessions", body={"client_id": hers.client_id})

    assert case_id != hers.ids["case_id"]
    assert session["session_id"] != hers.ids["session_id"]
    assert session["session_resumed"] is False


def test_a_file_of_hers_is_no_attachment_of_his(hers: Hers, bob: Wire) -> None:
    """A message that names her file is refused, or answered without it."""
    case = {"case_id": _opened(bob)}
    body = {"message": f"What is {SECRET}?", "attachments": [{"file_id": hers.ids["file_id"]}]}

    step = bob("ask", f"POST {CASE}/queries", ids=case, body=body)

    assert step.answer["status"] in {200, 404}
    assert hers.ids["file_id"] not in json.dumps(step.answer["body"].get("sources", []))
    assert f"store: {SECRET}" not in json.dumps(step.answer)


def test_signing_out_is_ones_own(hers: Hers, bob: Wire) -> None:
    """He is out and she is not."""
    before = hers.seen()

    bob("sign out", "POST /api/v1/auth/logout")

    assert bob("list", "GET /api/v1/cases").answer["status"] == 401
    assert hers.seen() == before


def test_every_route_of_a_client_is_among_these(steps: list[Step]) -> None:
    """Whatever a client calls was tried above, or belongs to nobody."""
    called = {step.route for step in steps if not step.route.startswith("OPTIONS")}

    assert called - {*NAMING, *OWN, *ADMINS, *NOBODYS} == set()


def test_every_route_is_described(http: httpx2.Client) -> None:
    """The server's own description of itself has every route the clients call, the two pages apart."""
    paths = http.get("/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    assert {*NAMING, *OWN, *ADMINS, *NOBODYS} - PAGES - described == set()


def _opened(who: Wire, headers: dict[str, str] | None = None) -> str:
    case_id: str = who("open a case", "POST /api/v1/cases", body={"title": "The store"}, headers=headers)["case_id"]
    return case_id


def _asked(who: Wire, case: dict[str, str], words: str) -> Step:
    return who("ask", f"POST {CASE}/queries", ids=case, body={"message": words})
