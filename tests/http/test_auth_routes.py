from collections.abc import Callable
from datetime import datetime

import pytest
from attrs import evolve
from httpx2 import AsyncClient
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.settings import AuthMode, Profile
from faultmaven_domain.session import SessionService
from faultmaven_http.app import create_app
from tests.fakes.outage import Out
from tests.http.conftest import Clients, SignIn, Someone

#: What every way of signing in gives, as the clients read it.
SUPERSET = {
    "access_token": str,
    "refresh_token": str,
    "token_type": str,
    "expires_in": int,
    "expires_at": int,
    "refresh_expires_in": int,
    "session_id": str,
    "user_id": str,
    "email": str,
    "full_name": str,
    "scope": str,
    "user": dict,
}
USER = {
    "user_id": str,
    "username": str,
    "email": str,
    "display_name": str,
    "full_name": str,
    "created_at": str,
    "is_dev_user": bool,
    "is_active": bool,
    "roles": list,
    "is_admin": bool,
    "organization": type(None),
}

ACCOUNT = {"email": "ana@example.org", "password": "correct horse", "full_name": "Ana Lima"}


async def test_an_account_is_opened(anyone: AsyncClient) -> None:
    """Registering answers 201 with who was registered, and nothing of the password."""
    answer = await anyone.post("/auth/register", json=ACCOUNT)

    assert answer.status_code == 201
    assert answer.json()["email"] == "ana@example.org"
    assert answer.json()["full_name"] == answer.json()["display_name"] == "Ana Lima"
    assert "correct horse" not in answer.text


async def test_the_first_account_is_an_admins(root: Someone, ana: Someone) -> None:
    """Whoever registers first may administer; who comes later may not."""
    first, second = (await root.http.get("/auth/me")).json(), (await ana.http.get("/auth/me")).json()

    assert (first["roles"], first["is_admin"]) == (["user", "admin"], True)
    assert (second["roles"], second["is_admin"]) == (["user"], False)


async def test_where_accounts_are_given_nobody_opens_one(
    clients: Clients, with_settings: Callable[..., FaultMaven], prefix: str
) -> None:
    """Without registration nothing is at its address, clients are told so, and who has an account signs in."""
    fm = with_settings(registration=False)
    http = await clients(create_app(fm), prefix, held=False)
    await fm.auth.register(email=ACCOUNT["email"], password=ACCOUNT["password"])

    assert (await http.post("/auth/register", json={**ACCOUNT, "email": "bob@example.org"})).status_code == 404
    assert (await http.get("/auth/config")).json()["supports_registration"] is False
    assert (await http.post("/auth/login", json=ACCOUNT)).status_code == 200


async def test_an_address_is_registered_once(ana: Someone, anyone: AsyncClient) -> None:
    """A second account with the same address is a conflict that says so in its header."""
    answer = await anyone.post("/auth/register", json=ACCOUNT)

    assert answer.status_code == 409
    assert answer.headers["x-error-code"] == "ALREADY_EXISTS"
    assert answer.json()["error"]["code"] == "ALREADY_EXISTS"


@pytest.mark.parametrize(
    ("field", "account"),
    [
        ("email", {**ACCOUNT, "email": "nobody"}),
        ("password", {**ACCOUNT, "password": "short"}),
        ("password", {**ACCOUNT, "password": 7}),
        ("email", {"password": "correct horse"}),
        ("email", {**ACCOUNT, "email": 7}),
        ("full_name", {**ACCOUNT, "full_name": ["Ana"]}),
    ],
)
async def test_a_wrong_field_is_named(
    anyone: AsyncClient, invalid: int, field: str, account: dict[str, object]
) -> None:
    """What is missing or wrong in a registration is named in the details."""
    answer = await anyone.post("/auth/register", json=account)

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] == field


async def test_signing_in_gives_what_every_client_reads(ana: Someone) -> None:
    """Seconds and milliseconds, the pair of tokens, and the account with its roles."""
    tokens, user = ana.tokens, ana.tokens["user"]

    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 1800
    assert tokens["expires_at"] > datetime.now().timestamp() * 1000 + 1_700_000
    assert {"user_id", "username", "email", "display_name", "created_at", "is_dev_user", "is_active"} < set(user)
    assert user["roles"] == ["user"]
    assert user["created_at"].endswith("Z")


@pytest.mark.parametrize("name", ["email", "username"])
async def test_either_name_signs_in(ana: Someone, anyone: AsyncClient, name: str) -> None:
    """An account signs in by its address under either field."""
    answer = await anyone.post("/auth/login", json={name: "ana@example.org", "password": "correct horse"})

    assert answer.status_code == 200


@pytest.mark.parametrize("email", ["ana@example.org", "nobody@example.org"])
async def test_wrong_credentials_are_refused_alike(ana: Someone, anyone: AsyncClient, email: str) -> None:
    """A wrong password and an unknown account are told in the same words."""
    answer = await anyone.post("/auth/login", json={"email": email, "password": "wrong horse"})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "INVALID_CREDENTIALS"
    assert answer.json()["detail"] == "The name or the password is wrong."


async def test_signing_in_needs_a_name(anyone: AsyncClient, invalid: int) -> None:
    """A password alone is not valid input."""
    answer = await anyone.post("/auth/login", json={"password": "correct horse"})

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] == "email"


async def test_an_old_token_does_not_hinder_signing_in(ana: Someone, anyone: AsyncClient) -> None:
    """Signing in looks at the password, not at the token that came with it."""
    answer = await anyone.post(
        "/auth/login",
        json={"email": "ana@example.org", "password": "correct horse"},
        headers={"Authorization": "Bearer long-gone"},
    )

    assert answer.status_code == 200


async def test_a_refresh_token_is_good_once(ana: Someone, anyone: AsyncClient) -> None:
    """The pair rotates; the used token is refused and takes its whole sign-in with it."""
    used = {"refresh_token": ana.tokens["refresh_token"]}
    rotated = await anyone.post("/auth/refresh", json=used)
    assert rotated.status_code == 200
    assert rotated.json()["refresh_token"] != used["refresh_token"]

    again = await anyone.post("/auth/refresh", json=used)
    heir = await anyone.post("/auth/refresh", json={"refresh_token": rotated.json()["refresh_token"]})

    assert [again.status_code, heir.status_code] == [401, 401]


async def test_who_signed_out_is_out(ana: Someone, anyone: AsyncClient) -> None:
    """After signing out neither token of the pair is good."""
    signed_out = await ana.http.post("/auth/logout")

    assert signed_out.status_code == 200
    assert (await ana.http.get("/auth/me")).status_code == 401
    answer = await anyone.post("/auth/refresh", json={"refresh_token": ana.tokens["refresh_token"]})
    assert answer.status_code == 401


async def test_signing_out_says_whether_that_was_all(ana: Someone, bob: Someone) -> None:
    """Registering signed in too, so one sign-in goes on; another user's does not count."""
    assert (await ana.http.post("/auth/logout")).json()["all_sessions_ended"] is False

    answer = await bob.http.post("/auth/logout", params={"all": "true"})

    assert answer.json()["all_sessions_ended"] is True
    assert (await bob.http.get("/auth/me")).status_code == 401


async def test_signing_out_closes_the_session_that_is_named(ana: Someone, bob: Someone, anyone: AsyncClient) -> None:
    """The user's own, and nobody else's or a stranger's; one that never was does not matter."""
    opened = [await http.post("/sessions", json={}) for http in (ana.http, bob.http, anyone)]
    hers, his, strangers = (answer.json()["session_id"] for answer in opened)
    for session_id in (his, strangers, "ses_none", "", hers):
        tokens = (
            await anyone.post("/auth/login", json={"email": "ana@example.org", "password": "correct horse"})
        ).json()
        headers = {"Authorization": f"Bearer {tokens['access_token']}", "X-Session-Id": session_id}
        assert (await anyone.post("/auth/logout", headers=headers)).status_code == 200

    assert (await ana.http.get(f"/sessions/{hers}")).status_code == 404
    assert (await bob.http.get(f"/sessions/{his}")).status_code == 200
    assert (await anyone.get(f"/sessions/{strangers}")).status_code == 200


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "Bearer " + "x" * 100_000, "x"])
async def test_what_is_no_token_is_refused(anyone: AsyncClient, header: str) -> None:
    """Anything but a valid bearer token is 401, in words that never speak of sessions."""
    answer = await anyone.get("/auth/me", headers={"Authorization": header})

    assert answer.status_code == 401
    assert "session" not in answer.json()["detail"].lower()


async def test_identity_comes_from_the_token_alone(ana: Someone, bob: Someone) -> None:
    """Headers that claim to be someone else, or an admin, change nothing."""
    claims = {"X-User-ID": bob.principal.user_id, "X-User-Roles": "admin", "X-User-Email": "root@example.org"}

    me = (await ana.http.get("/auth/me", headers=claims)).json()

    assert (me["user_id"], me["is_admin"]) == (ana.principal.user_id, False)


async def test_both_prefixes_know_the_same_account(sign_in: SignIn, anyone: AsyncClient, prefix: str) -> None:
    """A token from one prefix is good under the other."""
    ana = await sign_in("ana")
    other = "/api/v1" if prefix == "/v1" else "/v1"

    answer = await ana.http.get(f"http://localhost:8090{other}/auth/me")

    assert answer.json()["user_id"] == ana.principal.user_id


def held_by(answer: dict[str, object], kinds: dict[str, type]) -> dict[str, object]:
    """The fields that are missing or of another kind."""
    return {name: answer.get(name) for name, kind in kinds.items() if type(answer.get(name)) is not kind}


WAYS: dict[str, tuple[str, dict[str, str], int]] = {
    "dev-login": ("/auth/dev-login", {"username": "ana lo"}, 200),
    "login": ("/auth/login", {"username": "ana lo"}, 200),
    "login with an empty password": ("/auth/login", {"username": "ana lo", "password": ""}, 200),
    "register": ("/auth/register", {"username": "ana lo", "email": "ana@example.org", "display_name": "Ana"}, 201),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_name_alone_signs_in_on_a_loopback_address(anyone: AsyncClient, way: str) -> None:
    """Each way opens the account and gives all that a client reads; the token and the session are real."""
    path, body, status = WAYS[way]

    answer = await anyone.post(path, json=body)

    assert answer.status_code == status
    signed_in = answer.json()
    assert (held_by(signed_in, SUPERSET), held_by(signed_in["user"], USER)) == ({}, {})
    assert signed_in["user"]["is_dev_user"] is True
    assert (signed_in["user"]["username"], signed_in["user"]["roles"]) == ("ana lo", ["user"])
    headers = {"Authorization": f"Bearer {signed_in['access_token']}"}
    assert (await anyone.get("/auth/me", headers=headers)).json() == signed_in["user"]
    session = await anyone.get(f"/sessions/{signed_in['session_id']}", headers=headers)
    assert session.json()["user_id"] == signed_in["user_id"]


async def test_a_password_gives_the_same(anyone: AsyncClient) -> None:
    """Registering answers as signing in does, and both as the passwordless ways do."""
    registered = await anyone.post("/auth/register", json=ACCOUNT)
    signed_in = await anyone.post("/auth/login", json=ACCOUNT)

    for answer in (registered.json(), signed_in.json()):
        assert (held_by(answer, SUPERSET), held_by(answer["user"], USER)) == ({}, {})
        assert answer["user"]["is_dev_user"] is False
    assert registered.json()["session_id"] != signed_in.json()["session_id"]


async def test_admins_by_name(anyone: AsyncClient) -> None:
    """`admin` is one, as the setting has it by default."""
    answer = await anyone.post("/auth/dev-login", json={"username": "admin"})

    assert (answer.json()["user"]["roles"], answer.json()["user"]["is_admin"]) == (["user", "admin"], True)


async def test_a_password_is_asked_of_who_has_one(ana: Someone, anyone: AsyncClient) -> None:
    """By every way, and in words that no client takes for the end of its session."""
    for path, body, _ in WAYS.values():
        body = {**body, "username": "ana@example.org"}
        answer = await anyone.post(path, json=body)

        assert answer.status_code == 401
        assert answer.json()["detail"] == "This account has a password; sign in with it."


#: Settings under which, or names by which, nobody gets in without a password.
OFF: dict[str, tuple[dict[str, object], str]] = {
    "by its variable": ({"dev_login": False}, "localhost:8090"),
    "a bind that others reach": ({"host": "0.0.0.0"}, "localhost:8090"),
    "behind a public address": ({"public_url": "https://faultmaven.example.org"}, "localhost:8090"),
    "behind a proxy": ({"trusted_proxies": ("10.0.0.1",)}, "localhost:8090"),
    "team": ({"profile": Profile.TEAM}, "localhost:8090"),
    "team by mistake": ({"profile": Profile.TEAM, "dev_login": True}, "localhost:8090"),
    "a name that was rebound": ({}, "evil.example:8090"),
    "a name like ours": ({}, "localhost.evil.example"),
    "a name like our address": ({}, "127.0.0.1.evil.example"),
    "no name": ({}, ""),
    "rebound, and asked for": ({"dev_login": True}, "evil.example"),
}


@pytest.mark.parametrize("case", OFF)
async def test_elsewhere_the_passwordless_ways_are_not_there(
    with_settings: Callable[..., FaultMaven], clients: Clients, prefix: str, invalid: int, case: str
) -> None:
    """dev-login is an address that is not there, whatever is sent to it; the others ask for the password."""
    settings, host = OFF[case]
    http = await clients(create_app(with_settings(**settings)), prefix)
    http.headers["Host"] = host

    for content in (b'{"username": "ana"}', b"{"):
        gone = await http.post("/auth/dev-login", content=content, headers={"Content-Type": "application/json"})
        nowhere = await http.post("/auth/never-was", content=content)
        assert (gone.status_code, gone.json()) == (404, nowhere.json())
    signed_in = await http.post("/auth/login", json={"username": "ana"})
    assert (signed_in.status_code, signed_in.json()["detail"]) == (401, "The name or the password is wrong.")
    registered = await http.post("/auth/register", json={"email": "ana@example.org"})
    assert (registered.status_code, registered.json()["error"]["details"]) == (invalid, {"field": "password"})
    assert (await http.get("/auth/config")).json()["passwordless"] is False
    with_one = await http.post("/auth/register", json=ACCOUNT)
    assert with_one.status_code == (201 if host == "localhost:8090" else 403)


@pytest.mark.parametrize("off", [False, None])
async def test_a_page_that_bound_its_name_to_this_machine_opens_no_account(
    with_settings: Callable[..., FaultMaven], clients: Clients, prefix: str, off: bool | None
) -> None:
    """Nor does it become the first admin with a password of its own, whether or not a name alone would do."""
    http = await clients(create_app(with_settings(dev_login=off)), prefix)

    rebound = await http.post("/auth/register", json=ACCOUNT, headers={"Host": "evil.example:8090"})
    assert (rebound.status_code, rebound.json()["error"]["code"]) == (403, "FORBIDDEN")
    told = (await http.get("/auth/config", headers={"Host": "evil.example:8090"})).json()
    assert told["supports_registration"] is False
    assert (await http.post("/auth/login", json=ACCOUNT)).status_code == 401


@pytest.mark.parametrize(
    "settings",
    [
        {"public_url": "https://fm.example.org"},
        {"trusted_proxies": ("10.0.0.1",)},
        {"profile": Profile.TEAM},
        {"host": "0.0.0.0"},
    ],
)
async def test_behind_a_proxy_any_name_registers(
    with_settings: Callable[..., FaultMaven], clients: Clients, settings: dict[str, object]
) -> None:
    """Where others reach the server, a proxy may pass on whatever name they used."""
    http = await clients(create_app(with_settings(**settings)), "/v1")

    assert (await http.post("/auth/register", json=ACCOUNT, headers={"Host": "fm.lan"})).status_code == 201


async def test_a_page_of_strangers_sends_no_json_unasked(anyone: AsyncClient) -> None:
    """Browsers let any page send a body without a type: from a page it is refused, from elsewhere it is JSON."""
    body, page = b'{"username": "driveby"}', {"Origin": "https://evil.example"}

    sent = await anyone.post("/auth/dev-login", content=body, headers=page)
    assert (sent.status_code, sent.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    first = await anyone.post("/auth/dev-login", content=body)
    assert first.status_code == 200
    assert (await anyone.post("/sessions", headers=page)).status_code == 201


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "localhost"),
        ({}, "127.0.0.1:8090"),
        ({}, "127.8.9.10"),
        ({}, "[::1]:8090"),
        ({}, "LocalHost:8090"),
        ({"host": "::1"}, "[::1]:8090"),
        ({"dev_login": True, "host": "0.0.0.0"}, "faultmaven.lan:8090"),
        ({"dev_login": True, "public_url": "https://fm.example.org/"}, "fm.example.org"),
    ],
)
async def test_where_a_name_alone_signs_in(
    with_settings: Callable[..., FaultMaven], clients: Clients, settings: dict[str, object], host: str
) -> None:
    """Under loopback names on a loopback address, and wherever it is asked for."""
    http = await clients(create_app(with_settings(**settings)), "/v1")
    http.headers["Host"] = host

    assert (await http.post("/auth/dev-login", json={"username": "ana"})).status_code == 200
    assert (await http.get("/auth/config")).json()["passwordless"] is True


async def test_nobody_becomes_another_by_saying_so(
    with_settings: Callable[..., FaultMaven], clients: Clients, prefix: str
) -> None:
    """No header of forwarding or identity opens the passwordless ways where they are closed."""
    http = await clients(create_app(with_settings(host="0.0.0.0")), prefix)
    claims = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": "localhost",
        "X-Real-IP": "127.0.0.1",
        "Forwarded": "for=127.0.0.1;host=localhost",
        "X-User-ID": "usr_1",
        "X-User-Roles": "admin",
    }

    assert (await http.post("/auth/dev-login", json={"username": "admin"}, headers=claims)).status_code == 404
    assert (await http.get("/auth/me", headers=claims)).status_code == 401


async def test_roles_in_a_body_are_not_looked_at(anyone: AsyncClient) -> None:
    """Who registers or signs in says a name, not what they may."""
    claims = {"roles": ["admin"], "is_admin": True, "user_id": "usr_1", "is_dev_user": False}

    answer = await anyone.post("/auth/dev-login", json={"username": "ana", **claims})

    assert (answer.json()["user"]["roles"], answer.json()["user"]["is_dev_user"]) == (["user"], True)


async def test_signing_in_without_a_session_store(fm: FaultMaven, clients: Clients) -> None:
    """While sessions cannot be kept one still signs in, and out; only then is the session's id null."""
    services = {**fm.services, SessionService: Out(Out(fm.sessions, "open"), "get")}
    http = await clients(create_app(evolve(fm, services=services)), "/v1")

    signed_in = (await http.post("/auth/dev-login", json={"username": "ana"})).json()

    assert signed_in["session_id"] is None
    headers = {"Authorization": f"Bearer {signed_in['access_token']}", "X-Session-Id": "ses_1"}
    assert (await http.post("/auth/logout", headers=headers)).json()["all_sessions_ended"] is True


@pytest.mark.parametrize("mode", AuthMode)
async def test_how_to_sign_in_is_told_to_anyone(
    with_settings: Callable[..., FaultMaven], clients: Clients, prefix: str, mode: AuthMode
) -> None:
    """Without a token: the mode, whether one may register, and where everything is."""
    http = await clients(create_app(with_settings(auth_mode=mode)), prefix)

    config = (await http.get("/auth/config")).json()

    assert (config["auth_mode"], config["supports_registration"]) == (mode.value, True)
    assert config["login_endpoint"] == f"http://localhost:8090{prefix}/auth/login"
    assert (await http.post(config["login_endpoint"], json={"username": "ana"})).status_code == 200


@pytest.mark.parametrize("username", ["", "an", "a\tb", "a\u0000b", 7, None, ["ana"]])
async def test_what_is_no_name(app: ASGIApp, clients: Clients, prefix: str, invalid: int, username: object) -> None:
    """The field is named, and no account is opened."""
    http = await clients(app, prefix)

    answer = await http.post("/auth/dev-login", json={"username": username})

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] == "username"
