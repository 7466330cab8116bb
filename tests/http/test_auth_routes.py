from datetime import datetime

import pytest
from httpx2 import AsyncClient

from tests.http.conftest import SignIn, Someone

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
        ("password", {"email": "ana@example.org"}),
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
