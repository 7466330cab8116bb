"""The Slack agent of August 2026: no browser, no session, one HTTP client."""

import json
from collections.abc import Mapping

from tests.clients import signing, talk
from tests.clients.material import QUESTION, log
from tests.clients.needs import (
    ARRAY,
    DETAIL,
    FLAG,
    ID,
    LEFT_OUT,
    SECONDS,
    TEXT,
    WORD,
    WORDS,
    equal,
    if_there,
    number_from,
    one_of,
    without,
)
from tests.clients.wire import Part, Reads, Step, Wire

TURNS = "POST /api/v1/cases/{case_id}/turns"
TOKEN = "POST /api/v1/auth/oauth/token"
RENEWAL = {"grant_type": "refresh_token", "client_id": "faultmaven-slack-agent"}
TURN: Reads = {
    "agent_response": WORD,
    "case_state": one_of("inquiry", "investigating", "resolved", "closed"),
    "turn_number": number_from(1),
    "progress_made": FLAG,
    "milestones_completed": WORDS,
    "suggested_actions": ARRAY,
    "cause_assurance": if_there(WORD),
    "cause_overclaim": if_there(FLAG),
}
ACTIONS: Reads = {
    "suggested_actions[].type": one_of("DECIDE", "RUN", "EVIDENCE", "FREE_SPEECH"),
    "suggested_actions[].label": WORD,
    "suggested_actions[].payload": WORD,
    "suggested_actions[].body": TEXT,
    "suggested_actions[].hints": WORDS,
    "suggested_actions[type=DECIDE].intent.type": one_of("status_transition", "confirmation"),
}
TOKENS: Reads = {"access_token": WORD, "refresh_token": WORD, "expires_in": SECONDS}
OAUTH_ERROR: Reads = {"error": WORD, "error_description": WORD, "detail": DETAIL}
SIGNED_OUT: Reads = {"detail": without("session expired", "session not found")}


def replay(wire: Wire, *, user: str, refresh_token: str) -> None:
    """The preflight script, a thread from its first message to a case that is closed, and the keep-alive."""
    wire("preflight: health", "GET /health", {"status": equal("healthy")})
    wire("preflight: a bad token", "GET /api/v1/auth/me", SIGNED_OUT, status=401, headers={"Authorization": "Bearer x"})
    refresh_token = _signed_in(wire, user, refresh_token)
    talk.taught(wire)
    wire("preflight: who am I", "GET /api/v1/auth/me")
    wire(
        "preflight: open a case", "POST /api/v1/cases", {"case_id": ID}, status=(200, 201), body={"title": "preflight"}
    )
    opened = wire("begin a thread", "POST /api/v1/cases", {"case_id": ID}, status=(200, 201), body={"title": None})
    case = {"case_id": str(opened["case_id"])}
    _thread(wire, case)
    other = wire("begin a thread", "POST /api/v1/cases", {"case_id": ID}, status=(200, 201), body={"title": None})
    _closed(wire, {"case_id": str(other["case_id"])})
    _kept_alive(wire, refresh_token)


def _signed_in(wire: Wire, user: str, refresh_token: str) -> str:
    """Where a name alone is not enough, by the token it was given; gives the one it has then."""
    if wire.by_name:
        signed_in = wire("sign in", signing.DEV_LOGIN, {"access_token": WORD}, body={"username": user})
    else:
        signing.refused(wire, user)
        signed_in = wire("sign in by a token", TOKEN, TOKENS, body={**RENEWAL, "refresh_token": refresh_token})
        refresh_token = signed_in["refresh_token"]
    wire.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    return refresh_token


def _thread(wire: Wire, case: Mapping[str, str]) -> None:
    """Words without a file come urlencoded, with a file as multipart."""
    said = {"query": QUESTION, "observed_at": "2026-08-22T09:30:00+00:00"}
    turn = wire("say something", TURNS, {**TURN, **ACTIONS}, ids=case, form=said)
    wire("press a button", TURNS, TURN, ids=case, form=_pressed(turn, "confirmation"))
    parts: list[tuple[str, Part]] = [
        ("query", "Here is the log."),
        ("observed_at", "2026-08-22T09:31:00+00:00"),
        ("files", ("store.log", log(), "text/plain")),
        ("files", ("more.txt", b"INFO store: started\n", "application/octet-stream")),
    ]
    wire("share files", TURNS, TURN, ids=case, parts=parts)
    pasted = {"pasted_content": "ERROR store: Disk quota exceeded\n" * 9, "input_type": "paste", "query": "And this?"}
    wire("use a shortcut", TURNS, TURN, ids=case, form={**pasted, "source_url": "https://slack.example.org/p1"})
    talk.until_status(
        "investigating",
        lambda words: wire("say something", TURNS, TURN, ids=case, form={"query": words}),
        "I want to start a formal investigation to find the root cause.",
    )


def _closed(wire: Wire, case: Mapping[str, str]) -> None:
    """A case that ends answers 409 without a label; one that is gone, 404; a token that is gone, 401."""
    wire("say something", TURNS, TURN, ids=case, form={"query": "Pages are slow."})
    ending = {"type": "status_transition", "from_state": "inquiry", "to_state": "closed", "user_confirmed": True}
    pressed = {"query": "Close", "intent_type": "status_transition", "intent_data": json.dumps(ending)}
    turn = wire("press a button", TURNS, TURN, ids=case, form=pressed)
    assert turn["case_state"] == "closed"
    said = {"query": "And now?"}
    ended: Reads = {"detail": DETAIL, "header:x-error-code": LEFT_OUT}
    wire("speak in a closed case", TURNS, ended, status=409, ids=case, form=said)
    wire("speak in no case", TURNS, {"detail": DETAIL}, status=404, ids={"case_id": "case_none"}, form=said)
    unknown = {"Authorization": "Bearer lapsed"}
    wire("speak after a lapse", TURNS, SIGNED_OUT, status=401, ids=case, form=said, headers=unknown)


def _kept_alive(wire: Wire, refresh_token: str) -> None:
    renewal = {**RENEWAL, "refresh_token": refresh_token}
    renewed = wire("renew the token", TOKEN, TOKENS, body=renewal)
    assert renewed["refresh_token"] != refresh_token
    token = {"Authorization": f"Bearer {renewed['access_token']}"}
    wire("who am I", "GET /api/v1/auth/me", headers=token)
    wire("renew with the old one", TOKEN, OAUTH_ERROR, status=(400, 401), body=renewal)


def _pressed(turn: Step, kind: str) -> dict[str, str]:
    """A button as it is sent back: its own intent, confirmed."""
    offered = [one for one in turn["suggested_actions"] if (one.get("intent") or {}).get("type") == kind]
    assert offered, f"nothing offered means {kind}: {turn['suggested_actions']}"
    intent = {**offered[0]["intent"], "user_confirmed": True}
    words = offered[0]["payload"] or offered[0]["label"]
    return {"query": words, "intent_type": kind, "intent_data": json.dumps(intent)}
