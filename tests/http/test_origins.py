from collections.abc import Callable

import pytest
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import create_app
from tests.http.conftest import Clients, SignIn

PAGE = "https://faults.example.org"
ORIGINS = (PAGE, "http://localhost:*", "chrome-extension://*")
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-user-roles"}


@pytest.fixture
def app(with_settings: Callable[..., FaultMaven]) -> ASGIApp:
    return create_app(with_settings(cors_origins=ORIGINS))


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3333", "chrome-extension://abcdefgh"])
async def test_a_preflight_is_answered_before_anyone_signs_in(clients: Clients, app: ASGIApp, origin: str) -> None:
    """An allowed origin is echoed, with credentials and the headers the clients send."""
    http = await clients(app, "/v1", held=False)

    answer = await http.options("/cases", headers={"Origin": origin, **PREFLIGHT})

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "x-session-id", "x-user-id", "x-user-roles", "idempotency-key"} <= allowed
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.org", f"{PAGE}.evil.org", "http://localhost:80/x", "http://localhost.evil:1", "null"],
)
async def test_another_origin_is_allowed_nothing(clients: Clients, app: ASGIApp, origin: str) -> None:
    """Neither its preflight nor its request gets a header that a browser would take for a yes."""
    http = await clients(app, "/v1", held=False)

    preflight = await http.options("/cases", headers={"Origin": origin, **PREFLIGHT})
    request = await http.get("/meta/capabilities", headers={"Origin": origin})

    assert (preflight.status_code, preflight.json()["error"]["code"]) == (403, "ORIGIN_NOT_ALLOWED")
    for answer in (preflight, request):
        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/cases", 401), ("GET", "/nothing", 404), ("PATCH", "/cases", 405)]
)
async def test_an_error_can_be_read_by_the_page(
    clients: Clients, app: ASGIApp, method: str, path: str, status: int
) -> None:
    """Errors carry the same headers, or the page would see nothing but a failed fetch."""
    http = await clients(app, "/v1")

    answer = await http.request(method, path, headers={"Origin": PAGE})

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"location", "retry-after", "x-error-code", "x-title-source", "x-expected-version"} <= exposed


async def test_any_origin_can_be_let_in(with_settings: Callable[..., FaultMaven], sign_in: SignIn) -> None:
    """A single star echoes whoever asks."""
    ana = await sign_in("ana", into=create_app(with_settings(cors_origins=("*",))))

    answer = await ana.http.get("/auth/me", headers={"Origin": "https://anywhere.example"})

    assert answer.headers["access-control-allow-origin"] == "https://anywhere.example"


async def test_by_default_no_other_origin_may_call(clients: Clients, fm: FaultMaven) -> None:
    """Unless it is set, there is no origin but one's own."""
    http = await clients(create_app(fm), "/v1")

    answer = await http.get("/meta/capabilities", headers={"Origin": PAGE})

    assert "access-control-allow-origin" not in answer.headers
