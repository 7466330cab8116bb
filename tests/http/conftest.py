"""The whole application over everything in memory, and callers who are signed in to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import cache
from typing import Any

import pytest
from attrs import evolve, frozen
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp

from faultmaven_adapters.bootstrap import open as open_faultmaven
from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.kernel.principal import Principal
from faultmaven_http.app import create_app
from tests.http.contract import Contract

HOST = "http://localhost:8090"


@cache
def contract() -> Contract:
    return Contract()


async def held_to_contract(response: Response) -> None:
    await response.aread()
    request = response.request
    contract().check(request.method, request.url.path, response)


def a_client(app: ASGIApp, prefix: str = "", *, address: str = "203.0.113.9", held: bool = True) -> AsyncClient:
    """A caller whose every answer is held against the OpenAPI document, unless it brings about what cannot happen."""
    transport = ASGITransport(app=app, client=(address, 4711))
    hooks = {"response": [held_to_contract]} if held else {}
    return AsyncClient(transport=transport, base_url=HOST + prefix, event_hooks=hooks)


@frozen(kw_only=True)
class Someone:
    """A signed-in caller."""

    http: AsyncClient
    principal: Principal
    tokens: dict[str, Any]

    async def case(self, **fields: object) -> dict[str, Any]:
        answer = await self.http.post("/cases", json={"title": "Checkout fails", **fields})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def fm() -> AsyncIterator[FaultMaven]:
    async with open_faultmaven(None) as opened:
        yield opened


@pytest.fixture
def with_settings(fm: FaultMaven) -> Callable[..., FaultMaven]:
    """The same, under other settings."""

    def changed(**settings: Any) -> FaultMaven:
        return evolve(fm, settings=evolve(fm.settings, **settings))

    return changed


@pytest.fixture
def app(fm: FaultMaven) -> ASGIApp:
    return create_app(fm)


@pytest.fixture(params=["/v1", "/api/v1"])
def prefix(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


Clients = Callable[..., Awaitable[AsyncClient]]


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    """Makes callers, and lets them go when the test ends."""
    async with AsyncExitStack() as stack:

        async def made(app: ASGIApp, prefix: str = "", **options: Any) -> AsyncClient:
            return await stack.enter_async_context(a_client(app, prefix, **options))

        yield made


SignIn = Callable[..., Awaitable[Someone]]


@pytest.fixture
def sign_in(clients: Clients, app: ASGIApp, prefix: str) -> SignIn:
    """Registers a name and signs it in; the first is an admin."""

    async def signed_in(name: str, *, into: ASGIApp | None = None, **options: Any) -> Someone:
        http = await clients(into or app, prefix, **options)
        account = {"email": f"{name}@example.org", "password": "correct horse"}
        registered = await http.post("/auth/register", json={**account, "full_name": name.title()})
        assert registered.status_code == 201, registered.text
        tokens = (await http.post("/auth/login", json=account)).json()
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        user = tokens["user"]
        return Someone(
            http=http, tokens=tokens, principal=Principal(user_id=user["user_id"], roles=tuple(user["roles"]))
        )

    return signed_in


@pytest.fixture
async def anyone(clients: Clients, app: ASGIApp, prefix: str) -> AsyncClient:
    """A caller who has not signed in."""
    return await clients(app, prefix)


@pytest.fixture
async def root(sign_in: SignIn) -> Someone:
    """The first account, an admin."""
    return await sign_in("root")


@pytest.fixture
async def ana(root: Someone, sign_in: SignIn) -> Someone:
    return await sign_in("ana")


@pytest.fixture
async def bob(ana: Someone, sign_in: SignIn) -> Someone:
    return await sign_in("bob")


@pytest.fixture
def invalid(prefix: str) -> int:
    """The status of invalid input in this dialect."""
    return 400 if prefix == "/v1" else 422
