from collections.abc import Callable
from datetime import timedelta

import pytest
from attrs import evolve
from httpx2 import Response
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import create_app
from tests.fakes.clock import NOON, FakeClock
from tests.http.conftest import Clients, SignIn, Someone

Limited = Callable[..., ASGIApp]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limited(with_settings: Callable[..., FaultMaven], clock: FakeClock) -> Limited:
    """The application with three of everything, unless told."""

    def made(**settings: object) -> ASGIApp:
        few = {"requests_per_minute": 3, "uploads_per_hour": 3, "searches_per_minute": 3}
        return create_app(evolve(with_settings(rate_limits=True, **{**few, **settings}), clock=clock))

    return made


async def search(who: Someone) -> Response:
    return await who.http.post("/knowledge/search", json={"query": "pool"})


async def test_nothing_is_limited_in_core(ana: Someone) -> None:
    """Off by default: no answer speaks of limits."""
    answers = [await ana.http.get("/cases") for _ in range(120)]

    assert {a.status_code for a in answers} == {200}
    assert not any(name.startswith("x-ratelimit") for name in answers[0].headers)


async def test_what_is_left_is_told_with_every_answer(sign_in: SignIn, limited: Limited, clock: FakeClock) -> None:
    """The limit, what remains of it and when it is whole again, in seconds since 1970."""
    ana = await sign_in("ana", into=limited())
    clock.advance(timedelta(milliseconds=500))

    answers = [await search(ana) for _ in range(3)]

    assert [a.headers["x-ratelimit-remaining"] for a in answers] == ["2", "1", "0"]
    assert {a.headers["x-ratelimit-limit"] for a in answers} == {"3"}
    assert {a.headers["x-ratelimit-reset"] for a in answers} == {str(int(NOON.timestamp()) + 61)}


async def test_one_too_many_is_told_when_to_come_back(sign_in: SignIn, limited: Limited, clock: FakeClock) -> None:
    """429 in the one shape, the seconds in the header and in the body, the true reset beside; then it passes."""
    ana = await sign_in("ana", into=limited())
    for _ in range(3):
        await search(ana)
        clock.advance(timedelta(seconds=10))

    answer = await search(ana)

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert (answer.headers["retry-after"], answer.json()["retry_after"]) == ("30", 30)
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert answer.headers["x-ratelimit-reset"] == str(int(NOON.timestamp()) + 60)

    clock.advance(timedelta(seconds=29))
    assert (await search(ana)).status_code == 429
    clock.advance(timedelta(seconds=1))
    assert (await search(ana)).status_code == 200


async def test_one_looping_client_starves_nothing_else(sign_in: SignIn, limited: Limited) -> None:
    """Each group of routes has its own bucket, and so has each user."""
    app = limited(requests_per_minute=5)
    ana, bob = await sign_in("ana", into=app), await sign_in("bob", into=app)
    looping = [(await ana.http.get("/cases")).status_code for _ in range(8)]

    assert looping == [200] * 5 + [429] * 3
    assert (await ana.http.get("/auth/me")).status_code == 200
    case = await ana.http.post("/cases", json={})
    asked = await ana.http.post("/agent/chat", json={"case_id": case.json()["case_id"], "message": "Why?"})
    assert (case.status_code, asked.status_code) == (201, 202)
    assert (await search(ana)).status_code == 200
    assert (await bob.http.get("/cases")).status_code == 200


async def test_uploads_are_counted_by_the_hour(sign_in: SignIn, limited: Limited) -> None:
    """Evidence and documents fill one bucket, whose reset is an hour away."""
    ana = await sign_in("ana", into=limited(requests_per_minute=50))
    case = await ana.case()
    for n in range(3):
        files = {"file": (f"{n}.log", b"x")}
        added = await ana.http.post("/evidence", data={"case_id": case["case_id"]}, files=files)
        assert added.status_code == 201

    answer = await ana.http.post("/knowledge/documents", json={"title": "A", "content": "B"})

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3600"


async def test_what_is_refused_counts_too(sign_in: SignIn, limited: Limited) -> None:
    """Who tries tokens or sends nonsense is counted by address like any other."""
    http = (await sign_in("ana", into=limited(requests_per_minute=4))).http
    http.headers["Authorization"] = "Bearer nonsense"

    statuses = [(await http.get("/auth/me")).status_code for _ in range(5)]

    assert statuses == [401, 401, 401, 401, 429]


async def test_health_is_never_limited(clients: Clients, limited: Limited) -> None:
    """Probes and capabilities answer however often they are asked."""
    http = await clients(limited())

    answers = [await http.get(path) for path in ("/health", "/v1/meta/capabilities") for _ in range(5)]

    assert {a.status_code for a in answers} == {200}


@pytest.mark.parametrize(("trusted", "status"), [((), 429), (("203.0.113.0/24",), 201)])
async def test_a_forwarded_address_counts_from_trusted_proxies_only(
    clients: Clients, limited: Limited, prefix: str, trusted: tuple[str, ...], status: int
) -> None:
    """A caller cannot escape its bucket by claiming to be another; a proxy may speak for many."""
    http = await clients(limited(trusted_proxies=trusted), prefix, address="203.0.113.9")

    answers = [await http.post("/sessions", headers={"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(5)]

    assert answers[-1].status_code == status


async def test_the_published_figures_hold(sign_in: SignIn, with_settings: Callable[..., FaultMaven]) -> None:
    """Where limits are on they are, unless others are set: 100, 10 and 50."""
    ana = await sign_in("ana", into=create_app(with_settings(rate_limits=True)))

    read, found = await ana.http.get("/cases"), await search(ana)
    added = await ana.http.post("/knowledge/documents", json={"title": "A", "content": "B"})

    assert [a.headers["x-ratelimit-limit"] for a in (read, found, added)] == ["100", "50", "10"]
