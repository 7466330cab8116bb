"""Turns asked and watched over a WebSocket."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, get_args

import pytest
from attrs import evolve, frozen
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.addresses import Addresses
from faultmaven_http.app import create_app
from faultmaven_http.conversation import BROKEN, ENDING, LARGEST, LATER, MOST_FOLLOWED, NOBODY, TOO_SLOW
from faultmaven_http.limits import Limits, rates_of
from faultmaven_http.origins import AllowedOrigins
from faultmaven_http.pushing import Pushing
from faultmaven_http.routes.agent_socket import AgentSocket
from faultmaven_http.wire import V1
from faultmaven_http.wire.events import SAYABLE, Kind
from tests.http.conftest import Someone
from tests.http.watching import ASKED, answer, asked, say, served, until, unworked

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fm(fm: FaultMaven) -> FaultMaven:
    return unworked(fm)


@pytest.fixture
def app(fm: FaultMaven) -> Starlette:
    return create_app(fm)


@frozen
class Client:
    """A client that reads and writes JSON and never waits for ever."""

    socket: ClientConnection

    async def say(self, type: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            found: dict[str, Any] = json.loads(await self.socket.recv())
        return found

    async def error(self) -> str:
        heard = await self.hear()
        assert heard["type"] == "error"
        assert heard["detail"] == heard["error"]["message"]
        code: str = heard["error"]["code"]
        return code

    async def closed(self) -> int:
        """The code it is closed with, whatever comes before."""
        async with asyncio.timeout(30):
            with pytest.raises(ConnectionClosed) as caught:
                await self._drained()
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code

    async def _drained(self) -> None:
        while True:
            await self.socket.recv()

    async def ended(self, job_id: str) -> list[dict[str, Any]]:
        """All that comes of a turn until its end; of others, nothing may."""
        found = []
        while not found or found[-1]["type"] not in {"completed", "failed"}:
            found.append(await self.hear())
            assert found[-1]["job_id"] == job_id
        return found


Opens = Callable[..., Awaitable[Client]]


@pytest.fixture
async def opens(app: Starlette, prefix: str) -> AsyncIterator[Opens]:
    """Opens sockets to a real server, and closes them when the test ends."""
    async with AsyncExitStack() as stack:
        places = {app: await stack.enter_async_context(served(app))}

        async def opened(who: Someone | None = None, *, to: Starlette = app, path: str = "", **options: Any) -> Client:
            if to not in places:
                places[to] = await stack.enter_async_context(served(to))
            if who is not None:
                options["additional_headers"] = {"Authorization": who.http.headers["Authorization"]}
            url = f"ws://{places[to]}{path or f'{prefix}/agent/ws'}"
            return Client(await stack.enter_async_context(connect(url, **options)))

        yield opened


@pytest.fixture
async def client(opens: Opens, ana: Someone) -> Client:
    return await opens(ana)


def other(fm: FaultMaven, **pace: Any) -> Starlette:
    """The application with a socket at /quick whose pace is another."""
    limits = Limits(fm.limiter, fm.clock, rates_of(fm.settings))
    pushing = Pushing(**{"heartbeat": 15.0, **pace})
    origins = AllowedOrigins.among(())
    addresses = Addresses.of(fm.settings)
    socket = AgentSocket(dialect=V1, fm=fm, limits=limits, pushing=pushing, origins=origins, addresses=addresses)
    app = create_app(fm, beside=[WebSocketRoute("/quick", socket)])
    app.state.quick = pushing
    return app


async def test_a_question_is_asked_accepted_and_told(client: Client, ana: Someone, fm: FaultMaven) -> None:
    """From the question over the words to the answer, which is the poll's in this dialect."""
    case = await ana.case()
    await client.say("ask", case_id=case["case_id"], message=ASKED, request_id="r1", context={"session_id": "ses_1"})
    accepted = await client.hear()
    job_id = accepted["job_id"]
    await answer(fm, await fm.agent.result(principal=ana.principal, job_id=job_id))

    told = await client.ended(job_id)

    assert accepted == {"type": "accepted", "job_id": job_id, "request_id": "r1"}
    kinds = [message["type"] for message in told]
    assert kinds[0] == "progress"
    assert "token" in kinds
    polled = (await ana.http.get(f"/agent/chat/{job_id}")).json()
    assert told[-1] == {"type": "completed", "job_id": job_id, "id": "end", "data": polled["result"]}
    assert polled["result"]["session_id"] == "ses_1"


async def test_a_turn_asked_elsewhere_is_followed(client: Client, ana: Someone, fm: FaultMaven) -> None:
    """Whoever owns a turn may follow it, from any event on, and again after its end."""
    turn = await asked(fm, ana)
    await say(fm, turn, *"abc")
    await answer(fm, turn)
    await client.say("follow", job_id=turn.job_id)
    complete = await client.ended(turn.job_id)

    for place, message in enumerate(complete[:-1]):
        await client.say("follow", job_id=turn.job_id, after=message["id"])
        assert await client.ended(turn.job_id) == complete[place + 1 :]


async def test_several_turns_over_one_socket(client: Client, ana: Someone, fm: FaultMaven) -> None:
    """Each turn's words come in their order, whatever is told of the others meanwhile."""
    turns = [await asked(fm, ana) for _ in range(5)]
    for turn in turns:
        await client.say("follow", job_id=turn.job_id)
    await asyncio.gather(*(say(fm, turn, *"abcdef") for turn in turns))
    await asyncio.gather(*(answer(fm, turn) for turn in turns))
    told: dict[str, list[dict[str, Any]]] = {turn.job_id: [] for turn in turns}
    while not all(found and found[-1]["type"] == "completed" for found in told.values()):
        message = await client.hear()
        told[message["job_id"]].append(message)

    for found in told.values():
        assert "".join(m["data"]["text"] for m in found if m["type"] == "token").startswith("abcdef")


async def test_a_turn_let_go_of_is_told_no_more(client: Client, ana: Someone, fm: FaultMaven) -> None:
    """After the word that it is let go of nothing more comes of it, and the turn goes on."""
    turn = await asked(fm, ana)
    await client.say("follow", job_id=turn.job_id)
    await say(fm, turn, "a")
    assert (await client.hear())["data"] == {"text": "a"}
    await client.say("unfollow", job_id=turn.job_id)
    assert await client.hear() == {"type": "unfollowed", "job_id": turn.job_id}

    await say(fm, turn, "b")
    await answer(fm, turn)
    await client.say("ping")

    assert await client.hear() == {"type": "pong"}
    assert (await ana.http.get(f"/agent/chat/{turn.job_id}")).json()["status"] == "completed"


async def test_a_turn_is_called_off(client: Client, ana: Someone, fm: FaultMaven) -> None:
    """Its caller is told that it is, and then that it failed."""
    turn = await asked(fm, ana)
    await client.say("follow", job_id=turn.job_id)
    await client.say("cancel", job_id=turn.job_id)

    assert await client.hear() == {"type": "cancelled", "job_id": turn.job_id}
    [failed] = await client.ended(turn.job_id)
    assert (failed["type"], failed["data"]) == ("failed", {"error": {"message": "Cancelled."}})


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_closed_socket_stops_no_turn(opens: Opens, ana: Someone, fm: FaultMaven, app: Starlette) -> None:
    """A client that goes away leaves nothing behind, and its turn is answered."""
    client = await opens(ana)
    turn = await asked(fm, ana)
    await client.say("follow", job_id=turn.job_id)
    await say(fm, turn, "a")
    first = await client.hear()
    client.socket.transport.abort()
    await until(lambda: not app.state.pushing.taken)

    await say(fm, turn, "b")
    await answer(fm, turn)
    again = await opens(ana)
    await again.say("follow", job_id=turn.job_id, after=first["id"])

    rest = await again.ended(turn.job_id)
    assert (rest[0]["data"], rest[-1]["type"]) == ({"text": "b"}, "completed")


async def test_who_cannot_set_a_header_says_who_it_is_first(opens: Opens, ana: Someone) -> None:
    """A browser signs in by its first message, and then may ask."""
    client = await opens()
    await client.say("authenticate", token=ana.tokens["access_token"])

    assert await client.hear() == {"type": "authenticated", "user_id": ana.principal.user_id}
    case = await ana.case()
    await client.say("ask", case_id=case["case_id"], message=ASKED)
    assert (await client.hear())["type"] == "accepted"


@pytest.mark.parametrize("prefix", ["/v1"])
@pytest.mark.parametrize(
    "first",
    ['{"type":"authenticate","token":"nonsense"}', '{"type":"ping"}', "", "{", b"\x00", '{"type":"authenticate"}'],
)
async def test_nobody_is_let_in(opens: Opens, first: str | bytes) -> None:
    """Whatever else the first message is, the socket is closed and says why."""
    client = await opens()
    await client.socket.send(first)

    assert await client.error() in {"INVALID_TOKEN", "UNAUTHORIZED", "VALIDATION_ERROR"}
    assert await client.closed() == 4401


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_who_says_nothing_is_not_waited_for(opens: Opens, fm: FaultMaven) -> None:
    """A socket that nobody signs in at is closed after a while."""
    client = await opens(to=other(fm, signing_in=0.05), path="/quick")

    assert await client.closed() == 4401


async def test_a_bad_token_in_the_header(opens: Opens) -> None:
    """The handshake is refused with the same answer as any route's."""
    for value in ("Bearer nonsense", "Basic YTpi"):
        with pytest.raises(InvalidStatus) as caught:
            await opens(additional_headers={"Authorization": value})

        response = caught.value.response
        assert response.status_code == 401
        assert json.loads(response.body or b"")["error"]["code"] == "INVALID_TOKEN"


@pytest.mark.parametrize("prefix", ["/v1"])
@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        ("https://faults.example.org", True),
        ("https://public.example.org", True),
        ("own", True),
        ("https://evil.example.org", False),
        ("http://localhost:1", False),
        ("null", False),
        ("", False),
        ("http://[", False),
    ],
)
async def test_pages_of_other_origins(opens: Opens, fm: FaultMaven, ana: Someone, origin: str, let_in: bool) -> None:
    """A page opens a socket if its origin is allowed or is this server's own; who is no page has none."""
    settings = evolve(
        fm.settings, cors_origins=("https://faults.example.org",), public_url="https://public.example.org/app"
    )
    app = create_app(evolve(fm, settings=settings))
    client = await opens(ana, to=app)
    host, port = client.socket.remote_address[:2]
    origin = f"http://{host}:{port}" if origin == "own" else origin

    if let_in:
        client = await opens(ana, to=app, origin=origin)
        await client.say("ping")
        assert await client.hear() == {"type": "pong"}
    else:
        with pytest.raises(InvalidStatus) as caught:
            await opens(ana, to=app, origin=origin)
        assert caught.value.response.status_code == 403
        assert json.loads(caught.value.response.body or b"")["error"]["code"] == "ORIGIN_NOT_ALLOWED"


@pytest.mark.parametrize("prefix", ["/v1"])
@pytest.mark.parametrize("message", ["ask", "follow", "cancel"])
async def test_a_sign_in_that_was_ended(opens: Opens, ana: Someone, message: str) -> None:
    """A token that no longer holds does nothing more: the socket says so and is closed."""
    client = await opens(ana)
    await ana.http.post("/auth/logout")

    await client.say(message, case_id="case_1", message=ASKED, job_id="job_1")

    assert await client.error() == "INVALID_TOKEN"
    assert await client.closed() == 4401


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_token_is_looked_at_from_time_to_time(opens: Opens, fm: FaultMaven, ana: Someone) -> None:
    """Who says nothing is not told for ever either: when the token no longer holds the socket is closed."""
    client = await opens(ana, to=other(fm, identity_check=0.03), path="/quick")
    await client.say("ping")
    assert await client.hear() == {"type": "pong"}
    await ana.http.post("/auth/logout")

    assert await client.error() == "INVALID_TOKEN"
    assert await client.closed() == 4401


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_new_token_takes_the_place_of_the_old(opens: Opens, fm: FaultMaven, ana: Someone, bob: Someone) -> None:
    """A socket goes on past its first token's end with another of the same user's, and with nobody else's."""
    client = await opens(ana)
    turn = await asked(fm, ana)
    await client.say("follow", job_id=turn.job_id)
    await client.say("authenticate", token="nonsense")
    assert await client.error() == "INVALID_TOKEN"
    await client.say("authenticate", token=bob.tokens["access_token"])
    assert await client.error() == "FORBIDDEN"
    account = {"email": "ana@example.org", "password": "correct horse"}
    fresh = (await ana.http.post("/auth/login", json=account)).json()["access_token"]
    await client.say("authenticate", token=fresh)
    assert (await client.hear())["type"] == "authenticated"
    await ana.http.post("/auth/logout")

    await answer(fm, turn)

    assert (await client.ended(turn.job_id))[-1]["type"] == "completed"


@pytest.mark.parametrize("prefix", ["/v1"])
@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "type"),
        ("{", None),
        ("[]", None),
        ("null", None),
        ('{"type": 1}', "type"),
        ('{"type": ["ask"]}', "type"),
        ('{"type": "sing"}', "type"),
        ('{"type": "ask"}', "case_id"),
        ('{"type": "ask", "case_id": "c", "message": 1}', "message"),
        ('{"type": "ask", "case_id": "c", "message": "m", "context": []}', "context"),
        ('{"type": "follow"}', "job_id"),
        ('{"type": "follow", "job_id": "j", "after": 1}', "after"),
        ('{"type": "ping", "request_id": {}}', "request_id"),
        ('{"type": "ping", "request_id": "' + "x" * 201 + '"}', "request_id"),
        ('{"type": "ping", "n": NaN}', None),
        ('{"type": "ping", "n": "\\ud800"}', "n"),
        ("[" * 100_000, None),
        ('{"a":' * 100_000, None),
        (b"\x00\xff", None),
    ],
)
async def test_what_is_no_message(client: Client, text: str | bytes, field: str | None) -> None:
    """It is refused, naming the field, and the socket stays open."""
    await client.socket.send(text)

    heard = await client.hear()
    assert heard["error"]["code"] == "VALIDATION_ERROR"
    assert heard["error"]["details"].get("field") == field
    await client.say("ping")
    assert await client.hear() == {"type": "pong"}


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_refusal_names_its_request(client: Client, ana: Someone) -> None:
    """An error bears the id of the message it is about, and the words the routes have for it."""
    case = await ana.case()
    await ana.http.post(f"/cases/{case['case_id']}/close")

    for fields, code in (
        ({"case_id": "case_none", "message": ASKED}, "CASE_NOT_FOUND"),
        ({"case_id": "x" * 1_000, "message": ASKED}, "NOT_FOUND"),
        ({"case_id": case["case_id"], "message": ASKED}, "CASE_CLOSED"),
        ({"case_id": case["case_id"], "message": "  "}, "VALIDATION_ERROR"),
    ):
        await client.say("ask", request_id=code, **fields)
        heard = await client.hear()
        assert (heard["error"]["code"], heard["request_id"]) == (code, code)


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_nobody_elses_turn(client: Client, bob: Someone, fm: FaultMaven) -> None:
    """Another user's turn is neither followed nor called off."""
    turn = await asked(fm, bob)
    for message in ("follow", "cancel"):
        await client.say(message, job_id=turn.job_id)
        assert await client.error() == "JOB_NOT_FOUND"


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_message_that_is_too_large(client: Client) -> None:
    """It is not held: the socket is closed with the code for that."""
    await client.socket.send("x" * (LARGEST + 1))

    assert await client.closed() == 1009


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_questions_are_counted_as_the_route_counts_them(
    opens: Opens, ana: Someone, with_settings: Callable[..., FaultMaven], fm: FaultMaven
) -> None:
    """One bucket for both: what is asked over the socket is missing at the route."""
    app = create_app(evolve(fm, settings=evolve(fm.settings, rate_limits=True, requests_per_minute=2)))
    case = await ana.case()
    client = await opens(ana, to=app)
    for _ in range(2):
        await client.say("ask", case_id=case["case_id"], message=ASKED)
        assert (await client.hear())["type"] == "accepted"

    await client.say("ask", case_id=case["case_id"], message=ASKED, request_id="third")

    heard = await client.hear()
    assert (heard["error"]["code"], heard["request_id"]) == ("RATE_LIMITED", "third")
    assert heard["retry_after"] > 0


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_so_many_turns_are_followed_and_no_more(client: Client, ana: Someone, fm: FaultMaven) -> None:
    """Past the most a socket follows, the next turn is neither followed nor asked; one let go of makes room."""
    turns = [await asked(fm, ana) for _ in range(MOST_FOLLOWED + 1)]
    for turn in turns[:-1]:
        await client.say("follow", job_id=turn.job_id)
    await client.say("follow", job_id=turns[-1].job_id)
    assert await client.error() == "RATE_LIMITED"
    await client.say("ask", case_id=turns[0].case_id, message=ASKED)
    assert await client.error() == "RATE_LIMITED"
    await client.say("unfollow", job_id=turns[0].job_id)
    assert (await client.hear())["type"] == "unfollowed"

    await client.say("follow", job_id=turns[-1].job_id)
    await say(fm, turns[-1], "a")

    assert (await client.hear())["data"] == {"text": "a"}


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_user_has_so_many_sockets(opens: Opens, fm: FaultMaven, ana: Someone, bob: Someone) -> None:
    """The next is refused for a while, signed in either way; another user's is not."""
    app = other(fm, seats=1)
    await (await opens(ana, to=app, path="/quick")).say("ping")
    await until(lambda: bool(app.state.quick.taken))

    with pytest.raises(InvalidStatus) as caught:
        await opens(ana, to=app, path="/quick")
    assert caught.value.response.status_code == 429
    late = await opens(to=app, path="/quick")
    await late.say("authenticate", token=ana.tokens["access_token"])
    assert await late.closed() == 1013
    his = await opens(bob, to=app, path="/quick")
    await his.say("ping")
    assert await his.hear() == {"type": "pong"}


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_those_who_have_not_said_who_they_are_have_so_many_sockets(
    opens: Opens, fm: FaultMaven, ana: Someone
) -> None:
    """One address has no more of them at once than one user may have; who is signed in is let in beside them."""
    app = other(fm, seats=1)
    await opens(to=app, path="/quick")
    await until(lambda: bool(app.state.quick.taken))

    with pytest.raises(InvalidStatus) as caught:
        await opens(to=app, path="/quick")
    hers = await opens(ana, to=app, path="/quick")
    await hers.say("ping")

    assert caught.value.response.status_code == 429
    assert await hers.hear() == {"type": "pong"}


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_stop_closes_sockets(client: Client, ana: Someone, fm: FaultMaven, app: Starlette) -> None:
    """A server that is told to end says so to whoever is there."""
    turn = await asked(fm, ana)
    await client.say("follow", job_id=turn.job_id)
    await client.say("ping")
    await client.hear()

    app.state.pushing.stopping.set()

    assert await client.closed() == 1012


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_who_reads_nothing_is_hung_up_on(opens: Opens, fm: FaultMaven, ana: Someone) -> None:
    """What a client does not take is not piled up for it, and after a while its place is another's."""
    app = other(fm, patience=0.3)
    client = await opens(ana, to=app, path="/quick", max_queue=1)
    turn = await asked(fm, ana)
    await client.say("follow", job_id=turn.job_id)
    await until(lambda: app.state.quick.taken[ana.principal.user_id] == 2)
    client.socket.transport.pause_reading()
    await say(fm, turn, *["x" * 100_000] * 300)

    await until(lambda: not app.state.quick.taken)

    client.socket.transport.abort()


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_there_is_no_socket_elsewhere(opens: Opens, ana: Someone) -> None:
    """Another address opens none, and a slash at the end changes nothing."""
    with pytest.raises(InvalidStatus):
        await opens(ana, path="/v1/agent/wss")

    client = await opens(ana, path="/v1/agent/ws/")
    await client.say("ping")
    assert await client.hear() == {"type": "pong"}


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_socket_covers_what_its_token_does(opens: Opens, fm: FaultMaven, ana: Someone) -> None:
    """A program that may only read follows turns, and neither asks nor cancels any."""
    reading = (await fm.auth.issue(name=ana.principal.user_id, scope="cases:read")).tokens
    turn = await asked(fm, ana)
    client = await opens()
    await client.say("authenticate", token=reading.access_token)
    assert (await client.hear())["type"] == "authenticated"

    await client.say("cancel", job_id=turn.job_id)
    assert await client.error() == "INSUFFICIENT_SCOPE"
    await client.say("ask", case_id=turn.case_id, message="Why?")
    assert await client.error() == "INSUFFICIENT_SCOPE"
    await client.say("follow", job_id=turn.job_id)
    await client.say("ping")
    assert await client.hear() == {"type": "pong"}


def test_the_protocol_is_written_down() -> None:
    """Every message a client may send, and every code it is closed with, is in the documentation."""
    text = (ROOT / "docs" / "push.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `?(\w+)`? \|", text, re.MULTILINE))

    assert {*SAYABLE, *get_args(Kind), *map(str, (NOBODY, TOO_SLOW, 1009, BROKEN, ENDING, LATER))} <= named
