"""A client library that others wrote, against the real routes: it makes the requests and reads the answers."""

from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import AsyncClient, Response
from oauthlib.oauth2 import InvalidGrantError, WebApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidScopeError

from tests.http.conftest import Someone

BACK = "http://127.0.0.1:51004/back"
SECURE = "https://faultmaven.example.org"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def consented(who: Someone, uri: str) -> dict[str, str]:
    """What a page does that asks its user: the client's own query there, and the user's yes back."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(uri).query).items()}
    asked = await who.http.get("/auth/oauth/authorize", params=query)
    answer = await who.http.post("/auth/oauth/authorize", json={**asked.json(), "approved": True})
    granted: dict[str, str] = answer.json()
    return granted


async def token(http: AsyncClient, body: str) -> Response:
    return await http.post("/auth/oauth/token", content=body, headers=FORM)


async def test_a_library_signs_in_goes_on_and_leaves(ana: Someone, anyone: AsyncClient) -> None:
    """Code with PKCE, refresh and revocation, each as the library writes and reads it."""
    client = WebApplicationClient("desk")
    verifier = client.create_code_verifier(64)
    challenge = client.create_code_challenge(verifier, "S256")
    uri = client.prepare_request_uri(
        f"{SECURE}/auth/authorize",
        redirect_uri=BACK,
        scope=["openid", "cases:read"],
        state="xyz",
        code_challenge=challenge,
        code_challenge_method="S256",
    )
    granted = await consented(ana, uri)
    code = client.parse_request_uri_response(
        f"{SECURE}/back?code={granted['code']}&state={granted['state']}", state="xyz"
    )["code"]

    body = client.prepare_request_body(code=code, redirect_uri=BACK, code_verifier=verifier)
    tokens = client.parse_request_body_response((await token(anyone, body)).text, scope=["openid", "cases:read"])
    assert set(tokens.scopes) == {"openid", "cases:read"}
    _, headers, _ = client.add_token(f"{SECURE}/cases", headers={})
    assert (await anyone.get("/cases", headers=headers)).status_code == 200

    again = await token(anyone, client.prepare_refresh_body(refresh_token=tokens["refresh_token"]) + "&client_id=desk")
    later = client.parse_request_body_response(again.text)
    assert later["refresh_token"] != tokens["refresh_token"]

    _, headers, body = client.prepare_token_revocation_request(
        f"{SECURE}/revoke", later["refresh_token"], token_type_hint="refresh_token"
    )
    assert (await anyone.post("/auth/oauth/revoke", content=body, headers=headers)).status_code == 200
    with pytest.raises(InvalidGrantError):
        client.parse_request_body_response(
            (await token(anyone, client.prepare_refresh_body(refresh_token=later["refresh_token"]))).text
        )


async def test_a_library_understands_a_refusal(ana: Someone) -> None:
    """What is wrong with a request comes out as the library's own error for it."""
    client = WebApplicationClient("desk")
    challenge = client.create_code_challenge(client.create_code_verifier(64), "S256")
    refused = await ana.http.get(
        "/auth/oauth/authorize",
        params={
            "response_type": "code",
            "client_id": "desk",
            "redirect_uri": BACK,
            "scope": "root",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        },
    )

    with pytest.raises(InvalidScopeError):
        client.parse_request_body_response(refused.text)
