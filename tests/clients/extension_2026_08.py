"""The browser extension of August 2026 before it was granted the host, so that a browser guards every call.

``replay`` is its local mode and ``replay_oauth`` its sign-in through a page, with all that follows from either.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256

from tests.clients import signing, talk
from tests.clients.extension_2026_08_reads import (
    ACTIONS,
    ATTACHED,
    CAPABILITIES,
    CASE,
    CLOSED,
    CONFLICT,
    FLAT,
    GONE,
    INQUIRY,
    INVESTIGATING,
    LISTED,
    ME,
    MESSAGES,
    OAUTH_ERROR,
    RESOLVED,
    REUSED,
    SESSION,
    SIGNED_IN,
    SIGNED_OUT,
    TOKENS,
    TURN,
)
from tests.clients.material import QUESTION, log
from tests.clients.needs import (
    ARRAY,
    DETAIL,
    FLAG,
    MOMENT,
    NOTHING,
    WORD,
    equal,
    matching,
)
from tests.clients.wire import Part, Reads, Step, Wire

EXTENSION = "knldjmfmopnpolahpmmgbagdohdnhkik"
ORIGIN = f"chrome-extension://{EXTENSION}"
REDIRECT = f"https://{EXTENSION}.chromiumapp.org/"
CLIENT = "faultmaven-copilot"
SCOPE = "openid profile email cases:read cases:write knowledge:read evidence:read"
EXPOSED = ("Location", "Retry-After", "x-title-source", "x-error-code", "x-expected-version", "x-actual-version")
VERIFIER = "the-verifier-of-one-sign-in_0123456789.abcdef"
PAGE = 100


def replay(wire: Wire, *, user: str) -> None:
    """Local mode, from the first boot to signing out; ``wire`` is not signed in."""
    _guarded(wire)
    wire("say where it is", "GET /v1/meta/capabilities", CAPABILITIES)
    modes: Reads = {"auth_mode": equal("local"), "supports_registration": FLAG, "login_endpoint": WORD}
    modes = {**modes, "passwordless": equal(wire.by_name)}
    wire("ask how to sign in", "GET /api/v1/auth/config", modes)
    session_id = _session(wire)
    refresh_token = _registered(wire, user)
    wire.headers["X-Session-Id"] = session_id
    wire.headers["Content-Type"] = "application/json"
    talk.taught(wire)
    wire("who am I", "GET /api/v1/auth/me", ME)
    assert _session(wire) == session_id, "signing in gave the session up"
    case = {"case_id": _opened(wire)}
    _talked(wire, case)
    _looked_at(wire, case)
    wire("keep the session", "POST /api/v1/sessions/{session_id}/heartbeat", ids={"session_id": session_id})
    turn = _turn(wire, case, [("query", "What now?")], ACTIONS)
    for _ in range(talk.MOST):
        if turn["case_state"] != "resolved":
            turn = _clicked(wire, case, turn, "confirmation")
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", RESOLVED, ids=case)
    _closed(wire)
    _out(wire, refresh_token)


def replay_oauth(wire: Wire, *, user: str) -> None:
    """OAuth mode: the page, the code, its exchange, the rotation of tokens and their revocation."""
    _guarded(wire)
    challenge = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "state": "xyz-1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "scope": SCOPE,
    }
    wire.page("see the page that asks", "/auth/authorize", {"": matching("(?i)<html")}, query=asked)
    code = _consented(wire, user, asked)
    exchange = {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": REDIRECT, "code": code}
    token = "POST /api/v1/auth/oauth/token"
    wire("another's verifier", token, OAUTH_ERROR, status=400, body={**exchange, "code_verifier": "x" * 43})
    exchange["code"] = _consented(wire, user, asked)
    tokens = wire("exchange the code", token, FLAT, body={**exchange, "code_verifier": VERIFIER})
    wire.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    wire("who am I", "GET /api/v1/auth/me", ME)
    wire("list the cases", "GET /api/v1/cases", {"cases": ARRAY}, query={"limit": PAGE, "offset": 0})
    _opened(wire)
    renewal = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": tokens["refresh_token"]}
    renewed = wire("renew", token, FLAT, body=renewal)
    wire.headers["Authorization"] = f"Bearer {renewed['access_token']}"
    wire("who am I now", "GET /api/v1/auth/me", ME)
    last = {"token": renewed["refresh_token"], "token_type_hint": "refresh_token", "client_id": CLIENT}
    wire("revoke", "POST /api/v1/auth/oauth/revoke", body=last)
    gone = {**renewal, "refresh_token": renewed["refresh_token"]}
    wire("renew what was revoked", token, OAUTH_ERROR, status=(400, 401), body=gone)
    again = {**exchange, "code_verifier": VERIFIER}
    wire("exchange the code again", token, OAUTH_ERROR, status=400, body=again)
    wire("read afterwards", "GET /api/v1/cases", SIGNED_OUT, status=401, query={"limit": 50})


def _guarded(wire: Wire) -> None:
    wire.origin, wire.credentials, wire.exposed = ORIGIN, True, EXPOSED


def _session(wire: Wire) -> str:
    body = {
        "client_id": "0b7c4c1e-7c0e-4b51-8d3f-9d2f4a1c0e11",
        "session_type": "troubleshooting",
        "timeout_minutes": 180,
    }
    session_id: str = wire("open a session", "POST /api/v1/sessions", SESSION, status=(200, 201), body=body)[
        "session_id"
    ]
    return session_id


def _registered(wire: Wire, user: str) -> str:
    """An account with a password and one without; gives the refresh token the first has in the end."""
    register, login = "POST /api/v1/auth/register", "POST /api/v1/auth/login"
    account = {"username": user, "email": f"{user}@example.org", "display_name": "Ana"}
    made = wire("register", register, SIGNED_IN, status=(200, 201), body={**account, "password": "correct horse"})
    token = {"Authorization": f"Bearer {made['access_token']}"}
    wire("sign out", "POST /api/v1/auth/logout", {"all_sessions_ended": equal(True)}, headers=token)
    wire("register again", register, {"detail": DETAIL}, status=409, body={**account, "password": "correct horse"})
    wire("use a wrong password", login, SIGNED_OUT, status=401, body={"username": user, "password": "wrong"})
    wire("leave the password out", login, SIGNED_OUT, status=401, body={"username": user})
    plain = {"username": f"{user}-2", "email": f"{user}-2@example.org", "display_name": "Ana 2"}
    if wire.by_name:
        wire("register without a password", register, SIGNED_IN, status=(200, 201), body=plain)
        wire("sign in without one", login, SIGNED_IN, body={"username": f"{user}-2", "password": ""})
    else:
        wire("register without a password", register, {"detail": DETAIL}, status=422, body=plain)
        wire("sign in without one", login, SIGNED_OUT, status=401, body={"username": f"{user}-2", "password": ""})
        signing.refused(wire, user)
    signed_in = wire("sign in", login, SIGNED_IN, body={"username": user, "password": "correct horse"})
    assert signed_in["user.user_id"] == made["user.user_id"]
    refresh = "POST /api/v1/auth/refresh"
    renewed = wire("renew", refresh, TOKENS, body={"refresh_token": signed_in["refresh_token"]})
    assert renewed["refresh_token"] != signed_in["refresh_token"]
    wire.headers["Authorization"] = f"Bearer {renewed['access_token']}"
    wire("renew with nonsense", refresh, SIGNED_OUT, status=401, body={"refresh_token": "x"})
    last: str = renewed["refresh_token"]
    return last


def _opened(wire: Wire) -> str:
    """Sent twice under one key, as it is when the first answer was lost."""
    route, key = "POST /api/v1/cases", {"Idempotency-Key": "opt_case_1782000000000_1"}
    body = {"title": None, "priority": "low"}
    first, again = (wire("open a case", route, CASE, status=(200, 201), body=body, headers=key) for _ in range(2))
    assert first["case_id"] == again["case_id"]
    wire("open another under its key", route, REUSED, status=409, body={**body, "priority": "high"}, headers=key)
    case_id: str = first["case_id"]
    return case_id


def _talked(wire: Wire, case: Mapping[str, str]) -> None:
    key = {"Idempotency-Key": "opt_msg_1782000000001_1"}
    first, again = (_turn(wire, case, [("query", QUESTION)], ACTIONS, headers=key) for _ in range(2))
    assert (first["turn_number"], first["agent_response"]) == (again["turn_number"], again["agent_response"])
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", INQUIRY, ids=case)
    _clicked(wire, case, first, "confirmation")
    agreed = {**INQUIRY, "inquiry.problem_statement_confirmed": equal(True)}
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", agreed, ids=case)
    files: list[tuple[str, Part]] = [
        ("query", "Analyze these logs for errors, warnings, and anomalies."),
        ("input_type", "file"),
        ("files", ("store.log", log(), "text/plain")),
        ("files", ("more.log", b"INFO store: started\n", "text/plain")),
    ]
    key = {"Idempotency-Key": "opt_msg_1782000000001_2"}  # once more on a retry, whose form has another boundary
    first, again = (_turn(wire, case, files, ATTACHED, headers=key) for _ in range(2))
    assert first["attachments_processed"] == again["attachments_processed"]
    assert len(first["attachments_processed"]) == 2
    turns = "POST /api/v1/cases/{case_id}/turns"
    wire("say nothing", turns, {"detail": DETAIL}, status=422, ids=case, parts=[("query", "")])
    pasted = [("query", "And this?"), ("pasted_content", "ERROR store: quota\n" * 120), ("input_type", "paste")]
    _turn(wire, case, pasted, ATTACHED)
    page = [("pasted_content", "Quota of /srv/store: 100 %"), ("input_type", "page_capture")]
    _turn(wire, case, [("query", "See my page."), *page, ("source_url", "https://grafana.example.org/d/1")], ATTACHED)
    wanted = {"type": "status_transition", "from_state": "inquiry", "to_state": "investigating"}
    turn = _meant(wire, case, "Start an investigation", {**wanted, "user_confirmed": False})
    if turn["case_state"] != "investigating":
        turn = _meant(wire, case, "Start an investigation", {**wanted, "user_confirmed": True})
    assert turn["case_state"] == "investigating"
    _turn(wire, case, [("query", "What is failing, and since when?")])
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", INVESTIGATING, ids=case)


def _looked_at(wire: Wire, case: Mapping[str, str]) -> None:
    wire("select the case", "GET /api/v1/cases/{case_id}", CASE, ids=case)
    read, short = 0, False
    while not short:
        query = {"limit": PAGE, "offset": read}
        page = wire("page the messages", "GET /api/v1/cases/{case_id}/messages", MESSAGES, ids=case, query=query)
        read, short = read + len(page["messages"]), len(page["messages"]) < PAGE
    past: Reads = {"messages": equal([])}
    wire(
        "page past the end",
        "GET /api/v1/cases/{case_id}/messages",
        past,
        ids=case,
        query={"limit": PAGE, "offset": read},
    )
    title = "POST /api/v1/cases/{case_id}/title"
    wire("generate a title", title, {"title": WORD}, ids=case, body={"max_words": 8})
    wire("rename the case", "PUT /api/v1/cases/{case_id}", ids=case, body={"title": "The store is full"})
    named: Reads = {"title": equal("The store is full"), "header:x-title-source": equal("existing")}
    wire("generate it again", title, named, ids=case, body={"max_words": 8})
    stale = {"title": "Two at once", "expected_version": 1}
    wire("change what others changed", "PUT /api/v1/cases/{case_id}", CONFLICT, status=409, ids=case, body=stale)
    wire("recover the list", "GET /api/v1/cases", LISTED, query={"limit": 50})
    wire("list the cases", "GET /api/v1/cases", LISTED, query={"limit": PAGE, "offset": 0})


def _closed(wire: Wire) -> None:
    """A case that is closed by the menu, asked about once more, and deleted."""
    body = {"title": None, "priority": "medium", "metadata": {"created_via": "upload"}}
    key = {"Idempotency-Key": "7d9f1c80-2f0d-4a55-9c6d-1f3c6c1f2a10"}
    opened = wire("open a case", "POST /api/v1/cases", CASE, status=(200, 201), body=body, headers=key)
    case = {"case_id": str(opened["case_id"])}
    _turn(wire, case, [("query", "Pages are slow.")])
    ending = {"type": "status_transition", "from_state": "inquiry", "to_state": "closed"}
    turn = _meant(wire, case, "Close the case", {**ending, "user_confirmed": True})
    assert turn["case_state"] == "closed"
    wire("read the header", "GET /api/v1/cases/{case_id}/ui", CLOSED, ids=case)
    gone = {**CASE, "closure_reason": WORD, "closed_at": MOMENT}
    wire("select the case", "GET /api/v1/cases/{case_id}", gone, ids=case)
    turns = "POST /api/v1/cases/{case_id}/turns"
    wire("ask in a closed case", turns, {"detail": DETAIL}, status=409, ids=case, parts=[("query", "And now?")])
    wire("delete a case", "DELETE /api/v1/cases/{case_id}", {"": NOTHING}, status=204, ids=case)
    wire("ask in a deleted case", turns, GONE, status=404, ids=case, parts=[("query", "And now?")])


def _out(wire: Wire, refresh_token: str) -> None:
    wire("ask how to sign in", "GET /api/v1/auth/config", {"auth_mode": equal("local")})
    wire("sign out", "POST /api/v1/auth/logout", {"all_sessions_ended": equal(True)})
    wire("read afterwards", "GET /api/v1/cases", SIGNED_OUT, status=401, query={"limit": 50})
    wire("renew afterwards", "POST /api/v1/auth/refresh", SIGNED_OUT, status=401, body={"refresh_token": refresh_token})


def _turn(
    wire: Wire,
    case: Mapping[str, str],
    parts: Iterable[tuple[str, Part]],
    more: Reads | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Step:
    parts = list(parts)
    name, route = f"send {', '.join(key for key, _ in parts)}", "POST /api/v1/cases/{case_id}/turns"
    number = len(wire.steps)
    key = {"Idempotency-Key": f"opt_msg_1782000000002_{number}", **(headers or {})}
    return wire(name, route, {**TURN, **(more or {})}, ids=case, parts=parts, headers=key)


def _meant(wire: Wire, case: Mapping[str, str], words: str, intent: Mapping[str, object]) -> Step:
    parts = [("query", words), ("intent_type", str(intent["type"])), ("intent_data", json.dumps(intent))]
    return _turn(wire, case, parts)


def _clicked(wire: Wire, case: Mapping[str, str], turn: Step, kind: str) -> Step:
    """The first button that means what is said, as it is sent."""
    offered = [one for one in turn["suggested_actions"] if (one.get("intent") or {}).get("type") == kind]
    assert offered, f"nothing offered means {kind}: {turn['suggested_actions']}"
    return _meant(wire, case, offered[0]["payload"], {**offered[0]["intent"], "user_confirmed": True})


def _consented(wire: Wire, user: str, asked: Mapping[str, str]) -> str:
    """The code, as the server's own page gets it from a user who signs in to it and agrees."""
    page = {"Origin": "", "Content-Type": "application/json"}
    way = {"username": user} if wire.by_name else {"username": user, "password": signing.PASSWORD}
    signed_in = wire.http.post(f"/api/v1/auth/{'dev-login' if wire.by_name else 'login'}", json=way).json()
    page["Authorization"] = f"Bearer {signed_in['access_token']}"
    consent = wire.http.get("/api/v1/auth/oauth/authorize", params=dict(asked), headers=page).json()
    agreed = {name: consent[name] for name in asked if name != "response_type"}
    answer = wire.http.post("/api/v1/auth/oauth/authorize", json={**agreed, "approved": True}, headers=page)
    found = answer.json()
    assert found["state"] == asked["state"], answer.text
    code: str = found["code"]
    return code
