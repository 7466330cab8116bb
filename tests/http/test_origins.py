import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.settings import Profile, Settings, load_settings
from faultmaven_domain.kernel.errors import Misconfigured
from faultmaven_http.app import OPERATIONS, create_app
from faultmaven_http.middleware import METHODS
from faultmaven_http.origins import AllowedOrigins
from tests.http.conftest import Clients, SignIn

PAGE = "https://faults.example.org"
ID = "abcdefghijklmnopabcdefghijklmnop"
EXTENSION = f"chrome-extension://{ID}"
ORIGINS = (PAGE, "http://localhost:*", "chrome-extension://*")
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-user-roles"}
LAPTOP = {f"http://{host}:{port}" for host in ("localhost", "127.0.0.1") for port in (3000, 3333, 4173, 5173, 8090)} | {
    EXTENSION
}
LOOK_ALIKES = [
    "",
    "*",
    "null",
    "file://",
    "http://localhost",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://localhost:3000.evil.com",
    "http://localhost:3000@evil",
    "http://localhost:3000/",
    "http://localhost:3000\n",
    "http://localhost.evil:3000",
    "http://LOCALHOST:3000",
    "HTTP://localhost:3000",
    "http://127.0.0.2:3000",
    "http://127x0.0.1:3000",
    "chrome-extension://",
    "chrome-extension://*",
    "chrome-extension://aaa/",
    f"{EXTENSION}/",
    f"{EXTENSION}a",
    EXTENSION[:-1],
    EXTENSION.upper(),
    f"chrome-extension://{'q' * 32}",
    f"moz-extension://{ID}",
    f"https://{ID}.chromiumapp.org",
]


@pytest.fixture
def app(with_settings: Callable[..., FaultMaven]) -> ASGIApp:
    return create_app(with_settings(cors_origins=ORIGINS))


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3333", EXTENSION])
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
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.org", f"{PAGE}.evil.org", "http://localhost:80/x", "http://localhost.evil:1", "null"],
)
async def test_another_origin_is_allowed_nothing(clients: Clients, app: ASGIApp, origin: str) -> None:
    """Neither its preflight nor its request gets a header that a browser would take for a yes."""
    http = await clients(app, "/v1", held=False)
    reaching_in = {**PREFLIGHT, "Access-Control-Request-Private-Network": "true"}

    preflight = await http.options("/cases", headers={"Origin": origin, **reaching_in})
    request = await http.get("/meta/capabilities", headers={"Origin": origin})

    assert (preflight.status_code, preflight.json()["error"]["code"]) == (403, "ORIGIN_NOT_ALLOWED")
    for answer in (preflight, request):
        assert not any(name.startswith("access-control-") for name in answer.headers)
        assert "Origin" in answer.headers["vary"]


async def test_a_page_from_farther_away_may_reach_in_where_it_is_allowed(clients: Clients, app: ASGIApp) -> None:
    """A browser that asks about the private network is told so, and one that does not ask is not."""
    http = await clients(app, "/v1", held=False)
    asked = {"Access-Control-Request-Private-Network": "true"}

    silent = await http.options("/cases", headers={"Origin": PAGE, **PREFLIGHT})
    answer = await http.options("/cases", headers={"Origin": PAGE, **PREFLIGHT, **asked})

    assert "access-control-allow-private-network" not in silent.headers
    assert answer.headers["access-control-allow-private-network"] == "true"


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
    assert {"x-actual-version", "x-ratelimit-reset", "content-disposition", "idempotency-replayed"} <= exposed


async def test_limits_do_not_stand_before_a_preflight(
    with_settings: Callable[..., FaultMaven], clients: Clients
) -> None:
    """A page that has asked too much can read that it did, and its preflights are not counted."""
    http = await clients(
        create_app(with_settings(cors_origins=ORIGINS, rate_limits=True, requests_per_minute=1)), "/v1", held=False
    )

    preflights = [await http.options("/cases", headers={"Origin": PAGE, **PREFLIGHT}) for _ in range(3)]
    answers = [await http.get("/cases", headers={"Origin": PAGE}) for _ in range(2)]

    assert [answer.status_code for answer in (*preflights, *answers)] == [204, 204, 204, 401, 429]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {PAGE}
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_what_is_refused_while_it_is_sent_can_be_read(
    sign_in: SignIn, with_settings: Callable[..., FaultMaven]
) -> None:
    """An upload cut off in the middle, and a body that is no JSON, tell the page why."""
    ana = await sign_in("ana", into=create_app(with_settings(cors_origins=ORIGINS, max_upload_bytes=2048)))
    ana.http.headers["Origin"] = PAGE
    case = await ana.case()

    large = await ana.http.post(
        "/evidence/upload", files={"file": ("a.log", b"x" * 300_000)}, data={"case_id": case["case_id"]}
    )
    broken = await ana.http.post("/cases", content=b"{", headers={"Content-Type": "application/json"})

    assert [large.status_code, broken.status_code] in ([413, 400], [413, 422])
    assert {answer.headers["access-control-allow-origin"] for answer in (large, broken)} == {PAGE}


async def test_our_own_fault_can_be_read(clients: Clients, with_settings: Callable[..., FaultMaven]) -> None:
    """A 500 is for the page to read too."""

    async def broken(_: Request) -> Response:
        raise ZeroDivisionError

    app = create_app(with_settings(cors_origins=ORIGINS), beside=[Route("/broken", broken)])
    http = await clients(app, held=False)

    answer = await http.get("/broken", headers={"Origin": PAGE})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (500, PAGE)


async def test_any_origin_can_be_let_in(with_settings: Callable[..., FaultMaven], sign_in: SignIn) -> None:
    """A single star echoes whoever asks, but for those who have no origin."""
    ana = await sign_in("ana", into=create_app(with_settings(cors_origins=("*",))))

    answers = [await ana.http.get("/auth/me", headers={"Origin": of}) for of in ("https://anywhere.example", "null")]

    assert [answer.headers.get("access-control-allow-origin") for answer in answers] == [
        "https://anywhere.example",
        None,
    ]


def test_every_method_of_a_route_is_in_the_preflight() -> None:
    """No route is out of reach of a page."""
    assert {operation.method for operation in OPERATIONS} <= set(METHODS.split(", "))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_a_laptop_the_usual_pages_may_call(host: str) -> None:
    """In Core on a loopback address: the local ports, the server's own pages, any extension; nothing like them."""
    allowed = AllowedOrigins.of(Settings(host=host))

    assert [origin for origin in LAPTOP if origin not in allowed] == []
    assert [origin for origin in [*LOOK_ALIKES, PAGE] if origin in allowed] == []


@pytest.mark.parametrize(
    "elsewhere",
    [{"host": "0.0.0.0"}, {"host": "192.0.2.7"}, {"profile": Profile.TEAM}, {"profile": Profile.ENTERPRISE}],
)
def test_elsewhere_nobody_may_unless_it_is_said(elsewhere: dict[str, object]) -> None:
    """Another bind or profile lets in what is set and nothing else."""
    told = {"cors_origins": (PAGE,), "extension_ids": (ID,)}
    none = AllowedOrigins.of(Settings(**elsewhere))
    some = AllowedOrigins.of(Settings(**elsewhere, **told))

    assert [origin for origin in [*LAPTOP, *LOOK_ALIKES, PAGE] if origin in none] == []
    assert [origin for origin in [*LAPTOP, *LOOK_ALIKES, PAGE] if origin in some] == [EXTENSION, PAGE]


def test_what_is_set_takes_the_defaults_place() -> None:
    """Origins stand instead of all that is there by default, ids instead of any extension."""
    another = EXTENSION.replace("a", "b")
    pages = AllowedOrigins.of(load_settings({"CORS_ORIGINS": PAGE}))
    ids = AllowedOrigins.of(load_settings({"EXTENSION_IDS": ID}))

    assert [origin for origin in [*LAPTOP, another, PAGE] if origin in pages] == [PAGE]
    assert {origin for origin in [*LAPTOP, another, PAGE] if origin in ids} == LAPTOP


@pytest.mark.parametrize(
    ("written", "matched"),
    [
        ("HTTPS://Faults.Example.org/", "https://faults.example.org"),
        ("https://faults.example.org:443", "https://faults.example.org"),
        ("http://10.0.0.7:81", "http://10.0.0.7:81"),
        ("http://[::1]:*", "http://[::1]:9"),
        ("https://*.example.org", "https://a.b.example.org"),
        ("moz-extension://*", "moz-extension://f2bd1be5-6aa5-4f0e-8b2a-1c0a5d3d7e11"),
    ],
)
def test_an_origin_may_be_written_as_people_do(written: str, matched: str) -> None:
    """Capitals, a slash at the end and a port that browsers leave out do no harm; stars stay within their part."""
    allowed = AllowedOrigins.among([written])

    assert matched in allowed
    assert [f"{matched}{tail}" for tail in (".evil.com", "@evil", "/", "x:") if f"{matched}{tail}" in allowed] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"CORS_ORIGINS": "null"},
        {"CORS_ORIGINS": "localhost:3000"},
        {"CORS_ORIGINS": "https://example.org/app"},
        {"EXTENSION_IDS": "abc"},
        {"EXTENSION_IDS": "*"},
    ],
)
def test_what_would_never_match_stops_the_start(settings: dict[str, str]) -> None:
    """What no browser sends as an origin is refused with its variable, not left to be wondered about."""
    with pytest.raises(Misconfigured, match=next(iter(settings))):
        AllowedOrigins.of(load_settings(settings))


@given(st.data())
def test_a_changed_origin_is_another(data: st.DataObject) -> None:
    """Of all that is one edit or one tail away from an allowed origin, only allowed origins are allowed."""
    origin = data.draw(st.sampled_from(sorted(LAPTOP)))
    at = data.draw(st.integers(0, len(origin)))
    new = data.draw(st.text(string.ascii_letters + string.digits + "@:/.*-#?\\\n \u0660\u212a", max_size=6))
    changed = origin[:at] + new + origin[at + data.draw(st.integers(0, 3)) :]

    extension = changed.removeprefix("chrome-extension://")
    is_extension = extension != changed and len(extension) == 32 and set(extension) <= set("abcdefghijklmnop")
    assert (changed in AllowedOrigins.of(Settings())) is (changed in LAPTOP or is_extension)
