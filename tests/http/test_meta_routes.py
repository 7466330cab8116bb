import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from httpx2 import AsyncClient
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.settings import Profile
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_http.app import create_app
from tests.fakes.clock import FakeClock
from tests.http.conftest import Clients

SERVICES = {"auth", "session", "case", "knowledge", "evidence", "agent"}


async def well() -> None:
    """A ping that comes back."""


async def ill() -> None:
    raise Unavailable("password=hunter2 was refused by 10.0.0.7")


async def hanging() -> None:
    await asyncio.Event().wait()


@pytest.fixture
def over(fm: FaultMaven) -> Callable[..., ASGIApp]:
    """The application over dependencies in a given state."""
    return lambda **pings: create_app(evolve(fm, pings=pings))


async def test_health_names_every_service(clients: Clients, over: Callable[..., ASGIApp]) -> None:
    """All is well: the words the clients look for."""
    http = await clients(over(database=well, redis=well, model=well))

    health = (await http.get("/health")).json()

    assert health["status"] == "healthy"
    assert set(health["services"]) == SERVICES
    assert set(health["services"].values()) == {"healthy"}
    assert health["dependencies"] == {"database": "healthy", "redis": "healthy", "model": "healthy"}
    assert health["timestamp"].endswith("Z")


async def test_health_is_degraded_while_a_helper_is_down(clients: Clients, over: Callable[..., ASGIApp]) -> None:
    """Without its model the knowledge module still answers, and says that it does so less well."""
    http = await clients(over(database=well, model=ill))

    health, ready = await http.get("/health"), await http.get("/health/ready")

    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["services"]["knowledge"] == "degraded"
    assert health.json()["services"]["case"] == "healthy"
    assert ready.status_code == 200


async def test_nothing_is_ready_without_the_database(clients: Clients, over: Callable[..., ASGIApp]) -> None:
    """A required dependency takes its modules with it; live stays live; nobody learns what was refused and where."""
    http = await clients(over(database=ill, redis=well))

    health, ready, live = [await http.get(f"/health{path}") for path in ("", "/ready", "/live")]

    assert (health.status_code, health.json()["status"]) == (200, "unhealthy")
    assert health.json()["services"]["case"] == "unhealthy"
    assert health.json()["services"]["session"] == "healthy"
    assert (ready.status_code, ready.json()["error"]["details"]) == (503, {"dependencies": ["database"]})
    assert live.status_code == 200
    assert "hunter2" not in health.text + ready.text


async def test_a_module_s_own_database_is_its_own_alone(clients: Clients, over: Callable[..., ASGIApp]) -> None:
    """A module with a database of its own hangs on that one, and no other module does."""
    http = await clients(over(**{"database": well, "database case": ill, "redis": well}))

    health, ready = await http.get("/health"), await http.get("/health/ready")

    services = health.json()["services"]
    assert [name for name, how in services.items() if how != "healthy"] == ["case"]
    assert (ready.status_code, ready.json()["error"]["details"]) == (503, {"dependencies": ["database case"]})


async def test_health_is_asked_once_a_second(fm: FaultMaven, clients: Clients) -> None:
    """Any number of callers within a second, together or in turn, cost the dependencies one ping."""
    clock, pings = FakeClock(), 0

    async def counted() -> None:
        nonlocal pings
        pings += 1

    http = await clients(create_app(evolve(fm, clock=clock, pings={"database": counted})))

    await asyncio.gather(*[http.get("/health") for _ in range(20)])
    clock.advance(timedelta(seconds=1))
    await http.get("/health")
    assert pings == 1

    clock.advance(timedelta(milliseconds=1))
    await http.get("/health")
    assert pings == 2


async def test_health_answers_while_a_dependency_hangs(fm: FaultMaven, clients: Clients) -> None:
    """Once something is known, a caller hears it rather than wait for a ping that does not come back."""
    clock, pings = FakeClock(), {"database": well}
    app = create_app(evolve(fm, clock=clock, pings=pings))
    http = await clients(app)
    await http.get("/health")
    pings["database"] = hanging
    clock.advance(timedelta(seconds=2))

    health = await http.get("/health")
    await app.state.probe.close()

    assert health.json()["status"] == "healthy"


async def test_an_error_in_a_ping_is_no_error_of_health(clients: Clients, over: Callable[..., ASGIApp]) -> None:
    """Even a ping that fails in a way nobody foresaw leaves an answer."""

    async def broken() -> None:
        raise ZeroDivisionError

    http = await clients(over(database=broken))

    health = await http.get("/health")

    assert (health.status_code, health.json()["status"]) == (200, "unhealthy")


@pytest.mark.parametrize(
    ("profile", "mode"),
    [(Profile.CORE, "self-hosted"), (Profile.TEAM, "self-hosted"), (Profile.ENTERPRISE, "enterprise")],
)
async def test_capabilities_tell_what_is_there(
    with_settings: Callable[..., FaultMaven], clients: Clients, prefix: str, profile: Profile, mode: str
) -> None:
    """The documented payload and what the extension types, without a token; absent features are told as absent."""
    http = await clients(create_app(with_settings(profile=profile, max_upload_bytes=2048)), prefix)

    told = (await http.get("/meta/capabilities")).json()

    assert (told["deploymentMode"], told["kbManagement"]) == (mode, "dashboard")
    assert told["features"]["chat"] is told["features"]["caseHistory"] is True
    assert told["features"]["organizations"] is told["features"]["sso"] is False
    assert told["auth"] == {"type": "local", "loginUrl": "http://localhost:8090/login"}
    assert told["dashboardUrl"] == "http://localhost:8090"
    assert told["limits"]["maxFileBytes"] == 2048
    assert ".log" in told["limits"]["allowedExtensions"]


@pytest.mark.parametrize(
    ("host", "settings", "dashboard"),
    [
        ("127.0.0.1:8090", {}, "http://localhost:8090"),
        ("faults.lan:81", {"host": "0.0.0.0"}, "http://faults.lan:81"),
        ("inner:8090", {"public_url": "https://faults.example.org/app/"}, "https://faults.example.org/app"),
        ("127.0.0.1:8090", {"dashboard_url": "http://localhost:3333/"}, "http://localhost:3333"),
    ],
)
async def test_capabilities_tell_where_to_sign_in(
    with_settings: Callable[..., FaultMaven], clients: Clients, host: str, settings: dict[str, Any], dashboard: str
) -> None:
    """On this server's own page, under the name an extension's bridge knows, unless a dashboard is set."""
    http = await clients(create_app(with_settings(**settings)), "/v1")

    told = (await http.get("/meta/capabilities", headers={"Host": host})).json()

    assert (told["dashboardUrl"], told["auth"]["loginUrl"]) == (dashboard, f"{dashboard}/login")


async def test_head_is_get_without_a_body(anyone: AsyncClient) -> None:
    """Probes that ask for the head alone get it."""
    answer = await anyone.head("/meta/capabilities")

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0
