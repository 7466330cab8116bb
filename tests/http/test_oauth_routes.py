"""OAuth over HTTP: what a browser extension, a native program and a page that asks for consent do, and a thief."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve, fields
from httpx2 import AsyncClient, Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.auth import AuthService
from faultmaven_http.app import OPERATIONS, create_app
from faultmaven_http.operation import Operation
from faultmaven_http.scopes import BY_MODULE, LOOKS, OPEN, covering
from tests.fakes.outage import Out
from tests.http.conftest import Clients, SignIn, Someone

BACK = "https://abcdefghijklmnopabcdefghijklmnop.chromiumapp.org/"
SCOPE = "openid profile email cases:read cases:write knowledge:read evidence:read"


def pkce() -> tuple[str, str]:
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def asked(challenge: str, **changes: Any) -> dict[str, Any]:
    request = {
        "response_type": "code",
        "client_id": "panel",
        "redirect_uri": BACK,
        "scope": SCOPE,
        "state": "xyz",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**request, **changes}.items() if value is not None}


def shown(code: str, verifier: str, **changes: Any) -> dict[str, Any]:
    request = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "client_id": "panel",
        "redirect_uri": BACK,
    }
    return {name: value for name, value in {**request, **changes}.items() if value is not None}


async def a_code(who: Someone, challenge: str, **changes: Any) -> str:
    answer = await who.http.post("/auth/oauth/authorize", json={"approved": True, **asked(challenge, **changes)})
    assert answer.status_code == 200, answer.text
    code: str = answer.json()["code"]
    return code


async def granted(who: Someone, anyone: AsyncClient, scope: str = SCOPE) -> dict[str, Any]:
    verifier, challenge = pkce()
    answer = await anyone.post("/auth/oauth/token", json=shown(await a_code(who, challenge, scope=scope), verifier))
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def refused(answer: Response, status: int, word: str) -> None:
    """An error as RFC 6749 has it, with the one text that older clients show."""
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, word), body
    assert isinstance(body["error_description"], str)
    assert body["error_description"].isascii()
    assert isinstance(body["detail"], str)
    assert "session" not in body["detail"].lower()
    assert set(body) <= {"error", "error_description", "detail", "retry_after"}


@pytest.mark.parametrize("encoding", ["json", "data"])
async def test_a_code_becomes_a_sign_in(ana: Someone, anyone: AsyncClient, encoding: str) -> None:
    """Consent, yes, code, tokens, refresh, revocation: with JSON or a form, all that clients read at the root."""
    verifier, challenge = pkce()

    consent = (await ana.http.get("/auth/oauth/authorize", params=asked(challenge))).json()
    assert {name: consent[name] for name in ("client_id", "redirect_uri", "state", "code_challenge")} == {
        name: asked(challenge)[name] for name in ("client_id", "redirect_uri", "state", "code_challenge")
    }
    assert (consent["code_challenge_method"], consent["scope"].split()) == ("S256", consent["scopes"])
    assert set(consent["scopes"]) == set(SCOPE.split())
    assert consent["user"]["email"] == "ana@example.org"
    assert set(consent["user"]) == {"user_id", "username", "display_name", "email"}

    del consent["user"], consent["scopes"]
    yes = (await ana.http.post("/auth/oauth/authorize", json={**consent, "approved": True})).json()
    assert (yes["state"], yes["redirect_uri"]) == ("xyz", BACK)

    body: dict[str, Any] = {encoding: shown(yes["code"], verifier)}
    answer = await anyone.post("/auth/oauth/token", **body)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["pragma"] == "no-cache"
    tokens = answer.json()
    assert (tokens["user_id"], tokens["username"]) == (ana.principal.user_id, "ana@example.org")
    assert (tokens["email"], tokens["display_name"], tokens["roles"]) == ("ana@example.org", "Ana", ["user"])
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == ("bearer", consent["scope"], 1800)
    assert tokens["user"]["user_id"] == ana.principal.user_id
    assert tokens["session_id"]
    me = await anyone.get("/auth/me", headers=bearer(tokens))
    assert (me.status_code, me.json()["user_id"]) == (200, ana.principal.user_id)

    body = {encoding: {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "panel"}}
    later = (await anyone.post("/auth/oauth/token", **body)).json()
    assert later["refresh_token"] != tokens["refresh_token"]
    assert (later["scope"], later["session_id"]) == (tokens["scope"], tokens["session_id"])

    body = {encoding: {"token": later["refresh_token"], "client_id": "panel"}}
    for _ in range(2):
        assert (await anyone.post("/auth/oauth/revoke", **body)).status_code == 200
    assert (await anyone.get("/auth/me", headers=bearer(later))).status_code == 401


async def test_no_is_an_answer(ana: Someone) -> None:
    """It is said with 200, as the page that asked reads it, and with the state it had."""
    answer = await ana.http.post("/auth/oauth/authorize", json={"approved": False, **asked("x")})

    assert answer.status_code == 200
    assert (answer.json()["error"], answer.json()["state"]) == ("access_denied", "xyz")
    assert "code" not in answer.json()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"client_id": None}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": f"{BACK}#fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "root"}, "invalid_scope"),
        ({"client_id": "a\x07b"}, "invalid_client"),
    ],
)
async def test_what_is_wrong_with_a_request(ana: Someone, changes: dict[str, Any], word: str) -> None:
    """400 with OAuth's word for it under both prefixes, before anyone is asked and when they have answered."""
    request = asked(pkce()[1], **changes)

    refused(await ana.http.get("/auth/oauth/authorize", params=request), 400, word)
    if "response_type" not in changes:
        refused(await ana.http.post("/auth/oauth/authorize", json={"approved": True, **request}), 400, word)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password", "username": "ana", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        (shown("code_x", "v" * 43), "invalid_grant"),
        (shown("code_x", "v" * 43, redirect_uri=None), "invalid_request"),
    ],
)
@pytest.mark.parametrize("encoding", ["json", "data"])
async def test_what_is_wrong_with_a_token_request(
    anyone: AsyncClient, body: dict[str, str], word: str, encoding: str
) -> None:
    """The words of RFC 6749, 5.2, in either encoding."""
    sent: dict[str, Any] = {encoding: body}

    answer = await anyone.post("/auth/oauth/token", **(sent if body else {"json": {}}))

    refused(answer, 400, word)


MALFORMED: dict[str, tuple[bytes, str, int]] = {
    "no JSON": (b"{", "application/json", 400),
    "no object": (b"[]", "application/json", 400),
    "deep": (b"[" * 100_000, "application/json", 400),
    "no number": (b'{"grant_type": NaN}', "application/json", 400),
    "no UTF-8 in JSON": (b'{"token": "\xff"}', "application/json", 400),
    "no string": (b'{"grant_type": 7, "token": 7}', "application/json", 400),
    "no text": (b'{"grant_type": "\\ud800", "token": "\\u0000"}', "application/json", 400),
    "another type": (b"grant_type=x", "text/plain", 415),
    "multipart": (b"--x--", "multipart/form-data; boundary=x", 415),
    "too large": (b"token=" + b"x" * 200_000, "application/x-www-form-urlencoded", 413),
    "no UTF-8": (b"grant_type=%ff%fe", "application/x-www-form-urlencoded", 400),
}


@pytest.mark.parametrize("path", ["token", "revoke"])
@pytest.mark.parametrize("case", MALFORMED)
async def test_what_is_no_request_at_all(anyone: AsyncClient, path: str, case: str) -> None:
    """Even then the error is OAuth's, and the status the same under both prefixes."""
    content, media_type, status = MALFORMED[case]

    answer = await anyone.post(f"/auth/oauth/{path}", content=content, headers={"Content-Type": media_type})

    refused(answer, status, answer.json()["error"])
    assert answer.json()["error"] in {"invalid_request", "unsupported_grant_type"}


FIELDS = [
    (operation, f.name)
    for operation in OPERATIONS
    if operation.oauth and operation.json
    for f in fields(operation.json)
]


@pytest.mark.parametrize(("operation", "field"), FIELDS, ids=lambda value: getattr(value, "path", value))
async def test_a_field_of_a_wrong_type_is_named(ana: Someone, operation: Operation, field: str) -> None:
    """Whatever else stands where a string should, the description says where."""
    for value in (7, True, [], {}, ["x"], 10**400):
        answer = await ana.http.post(operation.path, json={"approved": True, field: value})
        if field == "approved" and value is True:
            continue
        refused(answer, 400, "invalid_request")
        assert answer.json()["detail"].startswith(f"{field} ")


@pytest.mark.parametrize("header", [None, "Basic x", "Bearer nonsense"])
async def test_consent_needs_a_user(anyone: AsyncClient, header: str | None) -> None:
    """401 in OAuth's shape, asking and answering."""
    headers = {} if header is None else {"Authorization": header}
    request = asked(pkce()[1])

    for answer in (
        await anyone.get("/auth/oauth/authorize", params=request, headers=headers),
        await anyone.post("/auth/oauth/authorize", json={"approved": True, **request}, headers=headers),
    ):
        refused(answer, 401, "invalid_token")
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_thief_ends_it_for_both(ana: Someone, anyone: AsyncClient) -> None:
    """A code or a refresh token that comes twice ends what it gave, and the other sign-ins go on."""
    verifier, challenge = pkce()
    code = await a_code(ana, challenge)
    first = (await anyone.post("/auth/oauth/token", json=shown(code, verifier))).json()

    refused(await anyone.post("/auth/oauth/token", json=shown(code, verifier)), 400, "invalid_grant")
    assert (await anyone.get("/auth/me", headers=bearer(first))).status_code == 401

    second = await granted(ana, anyone)
    used = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"], "client_id": "panel"}
    later = (await anyone.post("/auth/oauth/token", json=used)).json()
    refused(await anyone.post("/auth/oauth/token", json=used), 400, "invalid_grant")
    assert (await anyone.get("/auth/me", headers=bearer(later))).status_code == 401
    assert (await ana.http.get("/auth/me")).status_code == 200


async def test_a_refresh_token_is_its_clients(ana: Someone, anyone: AsyncClient) -> None:
    """Another client's is refused, also where nobody says whose; a password's goes on in any client."""
    tokens = await granted(ana, anyone)
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    refused(await anyone.post("/auth/oauth/token", json={**refresh, "client_id": "agent"}), 400, "invalid_grant")
    refused(await anyone.post("/auth/oauth/token", json=refresh), 400, "invalid_grant")
    assert (await anyone.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).status_code == 401
    assert (await anyone.post("/auth/oauth/token", json={**refresh, "client_id": "panel"})).status_code == 200
    plain = {"grant_type": "refresh_token", "refresh_token": ana.tokens["refresh_token"], "client_id": "agent"}
    assert (await anyone.post("/auth/oauth/token", json=plain)).status_code == 200


async def test_whose_it_is_cannot_be_spoofed(ana: Someone, bob: Someone, anyone: AsyncClient) -> None:
    """Neither a header nor a field makes a code another user's."""
    verifier, challenge = pkce()
    claims = {"X-User-ID": bob.principal.user_id, "X-User-Roles": "admin"}
    body = {"approved": True, **asked(challenge), "user_id": bob.principal.user_id}
    code = (await ana.http.post("/auth/oauth/authorize", json=body, headers=claims)).json()["code"]

    tokens = await anyone.post("/auth/oauth/token", json=shown(code, verifier), headers=claims)

    assert (tokens.json()["user_id"], tokens.json()["roles"]) == (ana.principal.user_id, ["user"])


async def test_clients_and_addresses_are_the_settings(
    with_settings: Callable[..., FaultMaven], clients: Clients, sign_in: SignIn, prefix: str
) -> None:
    """Those that are named and no others."""
    app = create_app(with_settings(oauth_clients=("desk",), oauth_redirects=("https://desk.example/cb",)))
    ana = await sign_in("ana", into=app)
    good = asked(pkce()[1], client_id="desk", redirect_uri="https://desk.example/cb")

    assert (await ana.http.get("/auth/oauth/authorize", params=good)).status_code == 200
    refused(await ana.http.get("/auth/oauth/authorize", params={**good, "client_id": "panel"}), 400, "invalid_client")
    for address in ("https://desk.example/cb2", BACK, "http://localhost:1/"):
        answer = await ana.http.get("/auth/oauth/authorize", params={**good, "redirect_uri": address})
        refused(answer, 400, "invalid_request")


async def test_an_outage_is_said_in_oauths_words(fm: FaultMaven, clients: Clients, prefix: str) -> None:
    """503, and when to come again."""
    services = {**fm.services, AuthService: Out(fm.auth, "revoke")}
    http = await clients(create_app(evolve(fm, services=services)), prefix)

    answer = await http.post("/auth/oauth/revoke", json={"token": "x"})

    refused(answer, 503, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) == answer.json()["retry_after"]


def reads(operation: Operation) -> bool:
    return operation.method == "GET" or operation.path in LOOKS


def test_every_address_has_its_scopes() -> None:
    """None was forgotten: each that reads a token is open to all of them, or names what covers it."""
    for operation in OPERATIONS:
        if operation.reads_principal:
            needed = covering(operation.method, operation.path)
            assert needed is None or needed, f"{operation.method} {operation.path}"
            assert needed is not None or operation.path.split("/")[1] in OPEN
            for scope in needed or ():
                assert scope.endswith(":read" if reads(operation) else ":write"), f"{operation.path} {scope}"
    assert {operation.path for operation in OPERATIONS} >= LOOKS
    assert covering("GET", "/nowhere/at/all") == ()
    assert BY_MODULE["documents"] is BY_MODULE["knowledge"] is BY_MODULE["admin"]


@pytest.mark.parametrize(
    "scope", ["openid", "cases:read", "knowledge:read", "evidence:read", "cases:write", "evidence:write"]
)
async def test_a_scope_covers_what_it_says(ana: Someone, anyone: AsyncClient, scope: str) -> None:
    """On every route: 403 and INSUFFICIENT_SCOPE outside of it, and never inside of it."""
    headers = bearer(await granted(ana, anyone, scope))

    for operation in OPERATIONS:
        if not operation.reads_principal or operation.oauth or operation.path == "/auth/logout":
            continue
        path = operation.path.format(**dict.fromkeys(operation.path_names, "x"))
        answer = await anyone.request(operation.method, path, content=b"{", headers=headers)
        needed = covering(operation.method, operation.path)
        lacking = needed is not None and scope not in needed
        assert (answer.status_code == 403) is lacking, f"{operation.method} {path}: {answer.text}"
        if lacking:
            assert answer.json()["error"]["code"] == "INSUFFICIENT_SCOPE"
            assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


async def test_a_client_does_not_widen_its_own_scope(ana: Someone, anyone: AsyncClient) -> None:
    """With a part of what its user may it can neither consent for them nor sign them out everywhere."""
    headers = bearer(await granted(ana, anyone, "openid cases:read"))
    request = asked(pkce()[1])

    refused(await anyone.get("/auth/oauth/authorize", params=request, headers=headers), 403, "insufficient_scope")
    answer = await anyone.post("/auth/oauth/authorize", json={"approved": True, **request}, headers=headers)
    refused(answer, 403, "insufficient_scope")
    assert (await anyone.post("/auth/logout", params={"all": "true"}, headers=headers)).status_code == 403
    assert (await anyone.post("/auth/logout", headers=headers)).json()["all_sessions_ended"] is False
    assert (await ana.http.get("/auth/me")).status_code == 200


async def test_who_may_add_files_alone_hears_nothing_of_a_case(ana: Someone, anyone: AsyncClient) -> None:
    """A file that is talked about is a question asked in the case, with an answer: that is not the files' scope."""
    case_id, headers = (await ana.case())["case_id"], bearer(await granted(ana, anyone, "evidence:write"))
    files = {"file": ("pool.log", b"2026-03-14 12:00:00 ERROR pool exhausted\n")}

    added = await anyone.post("/evidence", data={"case_id": case_id}, files=files, headers=headers)
    assert added.status_code == 201
    asked = await anyone.post(f"/cases/{case_id}/data", files=files, headers=headers)
    assert (asked.status_code, asked.json()["error"]["details"]) == (403, {"scope": "cases:write"})
