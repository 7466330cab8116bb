"""The browser extension of December 2025, the build that can chat, from its options page to signing out."""

import json
from collections.abc import Mapping

from tests.clients import signing, talk
from tests.clients.extension_2025_12_reads import (
    CASE,
    CLIENT_ID,
    CONSULTING,
    DOCUMENT,
    FILE,
    FILES,
    FROM_A_LOG,
    FROM_A_RUNBOOK,
    GONE,
    INVESTIGATING,
    LISTED,
    MESSAGES,
    RECOMMENDED,
    REPORTS,
    RESOLVED,
    SESSION,
    SIGNED_IN,
    SIGNED_OUT,
    TURN,
    UPLOADED,
    header,
)
from tests.clients.material import QUESTION, log
from tests.clients.needs import (
    ABSOLUTE,
    ARRAY,
    DETAIL,
    NOTHING,
    WORD,
    equal,
    matching,
    one_of,
)
from tests.clients.wire import Part, Reads, Step, Wire

EXTENSION = "hjfkcpmbnnbnkjhpmgbgiplahokefjdc"
ORIGIN = f"chrome-extension://{EXTENSION}"
INVESTIGATE = "I want to start a formal investigation to find the root cause."


def replay(wire: Wire, *, user: str) -> None:
    """Every call that this build makes, in its order; ``wire`` is not signed in."""
    wire.origin, wire.exposed = ORIGIN, ("Location", "x-title-source")
    _boot(wire, user)
    case_id = _investigated(wire)
    _looked_at(wire, case_id)
    _ended(wire, case_id)
    _tidied(wire, case_id)


def _boot(wire: Wire, user: str) -> None:
    reads: Reads = {"deploymentMode": one_of("self-hosted", "enterprise"), "dashboardUrl": ABSOLUTE}
    wire("check the settings", "GET /v1/meta/capabilities", reads)
    wire("check an old server", "GET /health", {"status": WORD})
    known = wire("boot", "GET /v1/meta/capabilities", reads, headers={"Accept": "application/json"})
    wire.page("see the sign-in page", "/login", {"": matching("(?i)<html")}, query={"source": "extension"})
    assert known["dashboardUrl"].startswith(str(wire.http.base_url).rstrip("/")), "another page than its own"
    _session(wire, resumed=False)
    wire.headers["Content-Type"] = "application/json"
    wire("read without signing in", "GET /api/v1/cases", SIGNED_OUT, status=401, query={"limit": 100})
    signed_in = signing.signed_in(wire, user, SIGNED_IN)
    wire.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    talk.taught(wire)
    empty: Reads = {"cases": equal([])}
    wire("recover nothing", "GET /api/v1/cases", empty, query={"limit": 100})
    lapsed = {"X-Session-Id": "ses_of_a_server_that_was"}
    wire("come with a lapsed session", "GET /api/v1/cases", empty, query={"limit": 100}, headers=lapsed)
    wire("have a slash after the host", "GET //api/v1/cases", empty, query={"limit": 100})


def _session(wire: Wire, *, resumed: bool) -> str:
    body = {"client_id": CLIENT_ID, "session_type": "troubleshooting", "timeout_minutes": 180}
    reads = {**SESSION, "session_resumed": equal(resumed)}
    without_token = {"Authorization": "", "X-Session-Id": ""}
    opened = wire("open a session", "POST /api/v1/sessions", reads, status=(200, 201), body=body, headers=without_token)
    session_id: str = opened["session_id"]
    return session_id


def _investigated(wire: Wire) -> str:
    """A case from its first message to an investigation that knows something."""
    new = {"priority": "medium", "metadata": {"created_via": "browser_extension", "auto_generated": True}}
    named = {**CASE, "title": matching(r"^Case-\d{4}-\d+$", "Untitled")}
    case_id: str = wire("open a case", "POST /api/v1/cases", named, status=(200, 201), body=new)["case_id"]
    case = {"case_id": case_id}
    wire.headers["X-Session-Id"] = _session(wire, resumed=True)
    empty = {**header("consulting"), "current_turn": equal(0), "uploaded_files_count": equal(0)}
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", empty, ids=case)
    wire(
        "generate a title", "POST /api/v1/cases/{case_id}/title", {"title": equal("")}, ids=case, body={"max_words": 8}
    )
    asked = _said(wire, case, QUESTION, FROM_A_RUNBOOK)
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", CONSULTING, ids=case)
    source = next(one for one in asked["sources"] if one["type"] == "knowledge_base")
    document = {"document_id": source["metadata"]["document_id"]}
    wire("open a source", "GET /api/v1/knowledge/documents/{document_id}", DOCUMENT, ids=document)
    _said(wire, case, "Yes")
    agreed = {**CONSULTING, "consulting.problem_statement_confirmed": equal(True)}
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", agreed, ids=case)
    _uploaded(wire, case, ("store.log", log(), "text/plain"), {"source_type": "file_upload"})
    files = wire("list the files", "GET /api/v1/cases/{case_id}/uploaded-files", FILES, ids=case)
    file = {**case, "file_id": files["files"][0]["file_id"]}
    wire("look at a file", "GET /api/v1/cases/{case_id}/uploaded-files/{file_id}", FILE, ids=file)
    talk.until_status("investigating", lambda words: _said(wire, case, words), INVESTIGATE)
    _said(wire, case, "What is failing, and since when?", FROM_A_LOG)
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", INVESTIGATING, ids=case)
    pasted = ("text-data-20260501-101300.txt", b"WARN store: quota nearly used\n" * 100, "text/plain")
    _uploaded(wire, case, pasted, {"source_type": "text_paste"})
    page = b"<html><body><h1>Store</h1><p>Quota used: 100 %</p></body></html>"
    about = {"source_type": "page_capture", "source_url": "https://grafana.example.org/d/1"}
    _uploaded(wire, case, ("page-content-grafana.example.org.html", page, "text/plain"), about)
    return case_id


def _looked_at(wire: Wire, case_id: str) -> None:
    case = {"case_id": case_id}
    debug: Reads = {**MESSAGES, "debug_info.storage_errors": ARRAY}
    route = "GET /api/v1/cases/{case_id}/messages"
    messages = wire("recover the messages", route, debug, ids=case, query={"include_debug": "true"})["messages"]
    roles = [message["role"] == "user" for message in messages]
    assert roles == [True, False] * (len(roles) // 2), "a message without its answer would show as loading"
    wire("open the case", route, MESSAGES, ids=case)
    title = "POST /api/v1/cases/{case_id}/title"
    made = wire("generate a title", title, {"title": WORD}, ids=case, body={"max_words": 8})
    assert len(made["title"].split()) <= 8
    wire("rename the case", "PUT /api/v1/cases/{case_id}", ids=case, body={"title": "The store is full"})
    set_before: Reads = {"title": equal("The store is full"), "header:x-title-source": equal("existing")}
    wire("generate it again", title, set_before, ids=case, body={"max_words": 8})
    for query in ({"limit": 100, "offset": 0}, {"limit": 100}):
        listed = wire("list the cases", "GET /api/v1/cases", LISTED, query=query)
        assert [one["title"] for one in listed["cases"]] == ["The store is full"]


def _ended(wire: Wire, case_id: str) -> None:
    case = {"case_id": case_id}
    talk.until_status("resolved", lambda words: _said(wire, case, words), "Yes")
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", RESOLVED, ids=case)
    wire("what can be written", "GET /api/v1/cases/{case_id}/report-recommendations", RECOMMENDED, ids=case)
    kinds = ["incident_report", "runbook", "post_mortem"]
    made = wire(
        "write reports",
        "POST /api/v1/cases/{case_id}/reports",
        REPORTS,
        status=(200, 201),
        ids=case,
        body={"report_types": kinds},
    )
    assert [one["report_type"] for one in made["reports"]] == kinds
    for one in made["reports"]:
        wire(
            "download a report",
            "GET /api/v1/cases/{case_id}/reports/{report_id}/download",
            {"": matching(r"\w{3}"), "header:content-type": matching("^text/markdown")},
            ids={**case, "report_id": one["report_id"]},
        )
    kept: Reads = {**RESOLVED, "reports_available[].report_type": WORD}
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", kept, ids=case)
    message = {"message": "And now?"}
    wire(
        "ask about what ended",
        "POST /api/v1/cases/{case_id}/queries",
        {"detail": DETAIL},
        status=409,
        ids=case,
        body=message,
    )


def _tidied(wire: Wire, case_id: str) -> None:
    route = "/api/v1/cases/{case_id}"
    other = wire(
        "open a case",
        "POST /api/v1/cases",
        CASE,
        status=(200, 201),
        body={"title": "A slow page", "priority": "medium"},
    )
    case = {"case_id": str(other["case_id"])}
    _said(wire, case, "Pages are slow.")
    talk.until_status("closed", lambda words: _said(wire, case, words), "Close this case as unresolved.")
    wire("read the header", f"GET {route}/ui", header("closed"), ids=case)
    wire("delete a case", f"DELETE {route}", {"": NOTHING}, status=204, ids=case)
    listed = wire("list the cases", "GET /api/v1/cases", LISTED, query={"limit": 100, "offset": 0})
    assert [one["case_id"] for one in listed["cases"]] == [case_id]
    for name, method, path in (
        ("ask in a deleted case", "POST", f"{route}/queries"),
        ("read its header", "GET", f"{route}/ui"),
        ("read its messages", "GET", f"{route}/messages"),
        ("name it", "POST", f"{route}/title"),
        ("delete it again", "DELETE", route),
    ):
        sent = {"message": "Hello?"} if path.endswith("queries") else {} if method == "POST" else None
        wire(name, f"{method} {path}", GONE, status=404, ids=case, body=sent)
    parts = [("file", ("store.log", b"x\n", "text/plain"))]
    wire("upload into it", f"POST {route}/data", GONE, status=404, ids=case, parts=parts)
    wire("sign out", "POST /api/v1/auth/logout", status=(200, 204))
    wire("read afterwards", "GET /api/v1/cases", SIGNED_OUT, status=401, query={"limit": 100})


def _uploaded(wire: Wire, case: Mapping[str, str], file: tuple[str, bytes, str], about: Mapping[str, str]) -> None:
    reads = {**UPLOADED, "file_name": equal(file[0]), "file_size": equal(len(file[1]))}
    parts: list[tuple[str, Part]] = [("session_id", wire.headers["X-Session-Id"]), ("file", file)]
    parts.append(("source_metadata", json.dumps({**about, "captured_at": "2026-05-01T10:12:00Z"})))
    wire("upload", "POST /api/v1/cases/{case_id}/data", reads, status=(200, 201), ids=case, parts=parts)


def _said(wire: Wire, case: Mapping[str, str], words: str, more: Reads | None = None) -> Step:
    name = f"say {words[:40]!r}"
    route = "POST /api/v1/cases/{case_id}/queries"
    return wire(name, route, {**TURN, **(more or {})}, ids=case, body={"message": words})
