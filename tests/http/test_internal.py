"""Modules that call each other over HTTP: what is let through, what comes back, and what goes wrong on the way."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum

import httpx2
import pytest
from attrs import frozen
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from faultmaven_adapters.remote import RemoteModule, error_body, error_from, internal_key
from faultmaven_domain.agent import LLMRateLimited
from faultmaven_domain.auth import UserExists
from faultmaven_domain.kernel.errors import AlreadyExists, FaultMavenError, InvalidInput, RateLimited, Unavailable
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_http.routes.internal import internal_routes
from tests.fakes.clock import FakeClock

KEY = internal_key("a secret that both processes share")


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


@frozen
class CoffeeService:
    """A room of its own, for these tests."""

    beans: int = 7

    async def brew(self, *, size: Size, cups: int = 1, notes: dict[str, object] | None = None) -> str:
        return f"{cups} {size.value} {notes}"

    async def echo(self, *, text: str, number: float) -> tuple[str, float]:
        return (text, number)

    async def fail(self, *, how: str) -> None:
        raise {
            "limited": RateLimited("Slowly.", retry_after=7, bucket="coffee"),
            "model": LLMRateLimited(retry_after=2.5, provider="beans"),
            "exists": UserExists(email="ana@example.com"),
        }[how]

    async def break_down(self) -> None:
        raise RuntimeError("steam everywhere")

    async def _grind(self) -> int:
        return self.beans


@pytest.fixture
def app() -> Starlette:
    return Starlette(routes=internal_routes({CoffeeService: CoffeeService()}, KEY))


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://coffee", headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        yield client


@pytest.fixture
def coffee(http: httpx2.AsyncClient) -> CoffeeService:
    service = RemoteModule("http://coffee", KEY, http).service(CoffeeService)
    return service  # type: ignore[return-value]


def answering(*routes: Route) -> CoffeeService:
    """The stand-in of a room whose process answers with these routes."""
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(Starlette(routes=list(routes))))
    return RemoteModule("http://coffee/", KEY, http).service(CoffeeService)  # type: ignore[return-value]


class TestWire:
    async def test_a_call_and_its_answer(self, http: httpx2.AsyncClient) -> None:
        """Keywords go in as a JSON object, the result comes back under its name; what has a default may be left out."""
        answer = await http.post("/internal/http/brew", json={"size": "large"})

        assert (answer.status_code, answer.json()) == (200, {"result": "1 large None"})
        assert answer.headers["content-type"] == "application/json"

    @pytest.mark.parametrize(
        "header", [None, "Bearer ", f"Bearer {KEY}x", f"bearer {KEY}", KEY, f"Basic {KEY}", "Bearer café"]
    )
    async def test_without_the_key(self, http: httpx2.AsyncClient, header: str | None) -> None:
        """Nothing is done and nothing is told, not even which use-cases there are."""
        del http.headers["Authorization"]
        headers = {} if header is None else {b"Authorization": header.encode()}
        answers = [
            await http.post(path, json={"size": "large"}, headers=headers)
            for path in ("/internal/http/brew", "/internal/none/such")
        ]

        assert [answer.status_code for answer in answers] == [401, 401]
        assert answers[0].json() == answers[1].json()
        assert answers[0].json()["error"]["code"] == "UNAUTHORIZED"

    @pytest.mark.parametrize(
        "path", ["http/none", "http/_grind", "http/beans", "http/__init__", "http/__class__", "tea/brew", "kernel/list"]
    )
    async def test_only_public_use_cases(self, http: httpx2.AsyncClient, path: str) -> None:
        """No field, nothing private, nothing of Python's own, and no other module."""
        answer = await http.post(f"/internal/{path}", json={})

        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")

    async def test_nothing_of_the_kernel(self) -> None:
        """The jobs of this process are no room's use-cases."""
        jobs = JobService(JobBooks(), FakeClock())
        app = Starlette(routes=internal_routes({JobService: jobs}, KEY))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://x") as http:
            answer = await http.post("/internal/kernel/relay", json={}, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "coffee",
            "[]",
            "null",
            "{}",
            '{"size": "huge"}',
            '{"size": 1}',
            '{"size": null}',
            '{"size": "small", "cups": "2"}',
            '{"size": "small", "cups": true}',
            '{"size": "small", "cups": 1.5}',
            '{"size": "small", "milk": true}',
            '{"size": "small", "notes": "none"}',
        ],
    )
    async def test_arguments_that_do_not_fit(self, http: httpx2.AsyncClient, body: str) -> None:
        """Nothing is bent into shape: a wrong type, a missing or an unknown keyword is refused."""
        answer = await http.post("/internal/http/brew", content=body)

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")

    async def test_only_post(self, http: httpx2.AsyncClient) -> None:
        """A use-case is never run by looking at it."""
        assert (await http.get("/internal/http/brew")).status_code == 405

    async def test_what_nobody_expected(self, http: httpx2.AsyncClient) -> None:
        """Our own faults are left to the shell around, which logs them."""
        with pytest.raises(RuntimeError, match="steam"):
            await http.post("/internal/http/break_down", json={})


class TestStandIn:
    async def test_is_called_like_the_service(self, coffee: CoffeeService) -> None:
        """The same method, the same values, the same result."""
        brewed = await coffee.brew(size=Size.LARGE, cups=2, notes={"sugar": [1, None]})

        assert brewed == "2 large {'sugar': [1, None]}"

    @pytest.mark.parametrize("text", ["", "\0", "\ud800", "Zürich 你好 \N{COFFIN}", "</script>", "x" * 200_000])
    async def test_carries_any_text(self, coffee: CoffeeService, text: str) -> None:
        """Whatever a user managed to type, half a character too."""
        assert await coffee.echo(text=text, number=1e300) == (text, 1e300)

    async def test_refuses_what_the_service_does_not_take(self, coffee: CoffeeService) -> None:
        """A wrong call is the caller's own fault, found before anything is sent."""
        with pytest.raises(TypeError, match="milk"):
            await coffee.brew(size=Size.SMALL, milk=True)  # type: ignore[call-arg]
        with pytest.raises(AttributeError, match="no roast"):
            _ = coffee.roast  # type: ignore[attr-defined]

    async def test_raises_what_the_service_raises(self, coffee: CoffeeService) -> None:
        """The same class, although others share its code; the same message, details and time to wait."""
        with pytest.raises(UserExists) as exists:
            await coffee.fail(how="exists")
        assert (exists.value.message, exists.value.details) == (UserExists().message, {"email": "ana@example.com"})

        with pytest.raises(RateLimited, match="Slowly") as limited:
            await coffee.fail(how="limited")
        assert (limited.value.retry_after, limited.value.details) == (7, {"bucket": "coffee"})

        with pytest.raises(LLMRateLimited) as model:
            await coffee.fail(how="model")
        assert (model.value.retry_after, model.value.details) == (2.5, {"provider": "beans"})

    async def test_with_another_key(self, http: httpx2.AsyncClient) -> None:
        """Two installations with different secrets do not serve each other."""
        stranger = RemoteModule("http://coffee", internal_key("another secret"), http).service(CoffeeService)

        with pytest.raises(FaultMavenError, match="Sign in"):
            await stranger.brew(size=Size.SMALL)  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        "answer",
        [
            PlainTextResponse("<html>Bad gateway", 502),
            PlainTextResponse("", 200),
            PlainTextResponse("[]"),
            PlainTextResponse("{}"),
            PlainTextResponse('{"result": 7}'),
            PlainTextResponse('{"detail": "Not Found"}', 404),
            PlainTextResponse('{"error": "server_error"}', 500),
            PlainTextResponse('{"error": {"code": "RATE_LIMITED", "details": {}}}', 429),
            PlainTextResponse('{"error": {"code": "X", "details": {"message": "twice"}}}', 400),
        ],
    )
    async def test_an_answer_that_is_none(self, answer: Response) -> None:
        """Whatever answers there instead of the module, its callers hear that it is unavailable, and may try again."""

        async def anything(_: Request) -> Response:
            return answer

        coffee = answering(Route("/internal/http/brew", anything, methods=["POST"]))

        with pytest.raises(Unavailable):
            await coffee.brew(size=Size.SMALL)

    async def test_a_module_that_is_not_there(self) -> None:
        """A refused connection is an outage."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        module = RemoteModule(f"http://127.0.0.1:{port}", KEY)

        with pytest.raises(Unavailable):
            await module.service(CoffeeService).brew(size=Size.SMALL)  # type: ignore[attr-defined]
        with pytest.raises(Unavailable):
            await module.ping()
        await module.close()

    async def test_a_module_that_says_nothing(self, silent_port: int) -> None:
        """Who takes the call and never answers is not waited for for ever."""
        http = httpx2.AsyncClient(timeout=0.05)
        module = RemoteModule(f"http://127.0.0.1:{silent_port}", KEY, http)

        async with asyncio.timeout(30):
            with pytest.raises(Unavailable):
                await module.service(CoffeeService).brew(size=Size.SMALL)  # type: ignore[attr-defined]
        await module.close()

    @pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
    async def test_its_ping(self, status: int, well: bool) -> None:
        """A module is well when its process says that it lives."""

        async def live(_: Request) -> Response:
            return Response(status_code=status)

        app = Starlette(routes=[Route("/health/live", live)])
        module = RemoteModule("http://coffee", KEY, httpx2.AsyncClient(transport=httpx2.ASGITransport(app)))

        if well:
            await module.ping()
        else:
            with pytest.raises(Unavailable, match="503"):
                await module.ping()
        await module.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def _all_errors(cls: type[FaultMavenError] = FaultMavenError) -> Iterator[type[FaultMavenError]]:
    yield cls
    for kind in cls.__subclasses__():
        if kind.__module__.startswith("faultmaven_"):
            yield from _all_errors(kind)


class TestErrors:
    @pytest.mark.parametrize("kind", sorted(set(_all_errors()), key=repr), ids=lambda kind: kind.__name__)
    def test_every_error_survives(self, kind: type[FaultMavenError]) -> None:
        """Each of the domain's errors comes back as itself."""
        more = {"retry_after": 3} if kind is RateLimited else {}
        error = kind("No coffee.", field="cups", allowed=[1, 2], **more)

        back = error_from(json.loads(json.dumps(error_body(error))))

        assert type(back) is kind
        assert (back.message, back.details, back.code) == (error.message, error.details, error.code)
        assert getattr(back, "retry_after", None) == getattr(error, "retry_after", None)

    def test_details_that_are_no_json_are_said_in_words(self) -> None:
        """An error must not fail for what it carries."""
        body = error_body(InvalidInput(sizes={Size.SMALL}, by={1: (FakeClock().now(), None)}))

        assert json.loads(json.dumps(body))["details"] == {
            "sizes": ["small"],
            "by": {"1": ["2026-03-14 12:00:00+00:00", None]},
        }

    def test_an_error_of_a_newer_version(self) -> None:
        """A class not known here is its nearest relative by the code; without one it is just an error."""
        body = {"kind": "TableTaken", "code": "ALREADY_EXISTS", "message": "Taken.", "details": {}}

        assert type(error_from(body)) is AlreadyExists
        assert type(error_from({**body, "code": "TABLE_TAKEN"})) is FaultMavenError
        assert error_from(body).message == "Taken."

    def test_the_key_tells_nothing_of_the_secret(self) -> None:
        """It is the same for the same secret, another for another, and the secret is not in it."""
        assert internal_key("s" * 40) == internal_key("s" * 40) != internal_key("s" * 41)
        assert "ssss" not in internal_key("s" * 40)
