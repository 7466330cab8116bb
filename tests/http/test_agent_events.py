"""A turn watched over server-sent events."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import evolve
from httpx2 import AsyncClient
from starlette.applications import Starlette

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.memory.turn_events import MemoryTurnEvents
from faultmaven_domain.agent import AgentService, EventKind, TurnEvent
from faultmaven_domain.kernel.errors import RateLimited, Unavailable
from faultmaven_http.app import create_app
from faultmaven_http.following import GONE
from faultmaven_http.pushing import Pushing
from tests.http.conftest import Someone
from tests.http.watching import Frame, answer, asked, say, served, until, unworked, watching, whole


class Emptied(MemoryTurnEvents):
    """Events of a Redis that is away."""

    async def read(self, job_id: str, **_: object) -> tuple[TurnEvent, ...]:
        raise Unavailable("Redis does not answer.")


@pytest.fixture
def fm(fm: FaultMaven) -> FaultMaven:
    return unworked(fm)


@pytest.fixture
def app(fm: FaultMaven) -> Starlette:
    return create_app(fm)


@pytest.fixture
async def http(app: Starlette, ana: Someone, prefix: str) -> AsyncIterator[AsyncClient]:
    """Ana, over a real socket."""
    async with served(app) as place:
        async with AsyncClient(
            base_url=f"http://{place}{prefix}", headers=ana.http.headers, timeout=30, verify=False
        ) as client:
            yield client


def change(app: Starlette, **pace: float) -> Pushing:
    app.state.pushing = pushing = evolve(app.state.pushing, **pace)
    return pushing


def texts(found: list[Frame]) -> str:
    return "".join(frame.data["text"] for frame in found if frame.event == "token")


async def test_a_turn_is_told_from_the_first_word_to_the_answer(
    http: AsyncClient, ana: Someone, fm: FaultMaven
) -> None:
    """Stages and words arrive in order, and last the answer as the poll gives it in this dialect."""
    turn = await asked(fm, ana)
    telling = asyncio.create_task(whole(http, f"/agent/chat/{turn.job_id}/events"))
    await answer(fm, turn)

    found = await telling

    kinds = [frame.event for frame in found]
    assert kinds[0] == "progress"
    assert found[0].data == {"stage": "reading"}
    assert "token" in kinds
    assert kinds.count("completed") == 1
    assert (found[-1].event, found[-1].id) == ("completed", "end")
    polled = (await ana.http.get(f"/agent/chat/{turn.job_id}")).json()
    assert found[-1].data == polled["result"]
    assert len({frame.id for frame in found}) == len(found)


async def test_what_the_answer_looks_like(http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """It is an event stream that nobody on the way keeps or holds back, and first says when to come again."""
    turn = await asked(fm, ana)
    await answer(fm, turn)

    response = await http.get(f"/agent/chat/{turn.job_id}/events", headers={"Origin": "https://elsewhere.example"})

    assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert "content-length" not in response.headers
    assert "x-request-id" in response.headers
    assert "Origin" in response.headers["vary"]
    assert response.text.startswith("retry: 1000\n\n")


async def test_a_head_has_no_stream(app: Starlette, http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """Who asks for the head alone gets it, and nothing stays open."""
    turn = await asked(fm, ana)

    head = await http.head(f"/agent/chat/{turn.job_id}/events")

    assert (head.status_code, head.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    await until(lambda: not app.state.pushing.taken)


async def test_each_word_comes_when_it_is_said(http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """Nothing is held back until there is more."""
    turn = await asked(fm, ana)
    async with watching(http, f"/agent/chat/{turn.job_id}/events") as (_, found):
        for text in ("Die ", "Plätte ", "is\nvoll\r\n\n", "☃ \u2028 \ud83d"):
            await say(fm, turn, text)
            frame = await anext(found)

            assert (frame.event, frame.data) == ("token", {"text": text})


@pytest.mark.parametrize("how", ["header", "query", "both"])
async def test_who_comes_again_gets_exactly_the_rest(http: AsyncClient, ana: Someone, fm: FaultMaven, how: str) -> None:
    """Whatever was the last event it saw, no event is missing and none comes twice; the header wins."""
    turn = await asked(fm, ana)
    await say(fm, turn, *"abc")
    await fm.agent.events.add(turn.job_id, EventKind.RESTART, {})
    await answer(fm, turn)
    path = f"/agent/chat/{turn.job_id}/events"
    complete = await whole(http, path)

    for place, frame in enumerate(complete[:-1]):
        headers = {"Last-Event-ID": frame.id} if how != "query" else {}
        params = {} if how == "header" else {"after": frame.id if how == "query" else complete[0].id}
        assert await whole(http, path, headers=headers, params=params) == complete[place + 1 :]


async def test_who_has_seen_the_end_is_sent_away(http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """204 for the id of the end, which stops a browser from coming again."""
    turn = await asked(fm, ana)
    await answer(fm, turn)
    path = f"/agent/chat/{turn.job_id}/events"

    by_header = await http.get(path, headers={"Last-Event-ID": "end"})
    by_query = await http.get(path, params={"after": "end"})

    assert [(one.status_code, one.content) for one in (by_header, by_query)] == [(204, b"")] * 2


@pytest.mark.parametrize("id", ["nonsense", "0-0", "99999999999999-0", "x" * 5_000, "é"])
async def test_an_id_that_is_none(http: AsyncClient, ana: Someone, fm: FaultMaven, id: str) -> None:
    """Who comes with an id that is no event's of this turn gets everything."""
    turn = await asked(fm, ana)
    await answer(fm, turn)
    path = f"/agent/chat/{turn.job_id}/events"

    assert await whole(http, path, headers={b"Last-Event-ID": id.encode()}) == await whole(http, path)


async def test_who_may_not_watch(http: AsyncClient, ana: Someone, bob: Someone, fm: FaultMaven) -> None:
    """Another's turn and an unknown one are not found, an admin's own eyes included; nobody is to sign in."""
    turn = await asked(fm, bob)
    path = f"/agent/chat/{turn.job_id}/events"

    answers = [
        await ana.http.get(path),
        await ana.http.get(path, headers={"Last-Event-ID": "end"}),
        await ana.http.get("/agent/chat/none/events"),
        await ana.http.get(path, headers={"Authorization": "Bearer nonsense"}),
    ]
    del ana.http.headers["Authorization"]
    answers.append(await ana.http.get(path))

    assert [one.status_code for one in answers] == [404, 404, 404, 401, 401]
    assert all("error" in one.json() for one in answers)


async def test_a_turn_that_fails_says_so(http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """A turn called off in the middle ends its stream with the error, though nobody told of it."""
    turn = await asked(fm, ana)
    await say(fm, turn, "a")
    telling = asyncio.create_task(whole(http, f"/agent/chat/{turn.job_id}/events"))
    await ana.http.delete(f"/jobs/{turn.job_id}")

    first, last = await telling

    polled = (await ana.http.get(f"/agent/chat/{turn.job_id}")).json()
    assert first.data == {"text": "a"}
    assert (last.event, last.id, last.data) == ("failed", "end", {"error": polled["error"]})


async def test_what_was_told_before_the_end_is_told_before_the_end(
    http: AsyncClient, ana: Someone, fm: FaultMaven
) -> None:
    """Thousands of words of a turn that has ended long ago all come, and then its end."""
    turn = await asked(fm, ana)
    await say(fm, turn, *(f"{n} " for n in range(3_000)))
    await answer(fm, turn)

    found = await whole(http, f"/agent/chat/{turn.job_id}/events")

    assert texts(found).startswith("".join(f"{n} " for n in range(3_000)))
    assert found[-1].event == "completed"


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_stream_without_news_shows_that_it_lives(
    app: Starlette, http: AsyncClient, ana: Someone, fm: FaultMaven
) -> None:
    """Comments come while nothing happens."""
    change(app, heartbeat=0.02)
    turn = await asked(fm, ana)
    async with watching(http, f"/agent/chat/{turn.job_id}/events") as (_, found):
        assert [await anext(found) for _ in range(3)] == [Frame()] * 3


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_without_redis_the_end_is_told_all_the_same(
    http: AsyncClient, ana: Someone, fm: FaultMaven, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be told on the way, the stream lives on and ends with the answer."""
    deaf = evolve(fm.agent, events=Emptied())
    app = create_app(evolve(fm, services={**fm.services, AgentService: deaf}))
    change(app, heartbeat=0.02)
    turn = await asked(fm, ana)
    async with served(app) as place:
        async with AsyncClient(
            base_url=f"http://{place}/v1", headers=ana.http.headers, timeout=30, verify=False
        ) as client:
            async with watching(client, f"/agent/chat/{turn.job_id}/events") as (_, found):
                assert await anext(found) == Frame()
                await answer(fm, turn)
                last = [frame async for frame in found if frame.event]

    assert [frame.event for frame in last] == ["completed"]
    assert caplog.text.count("cannot be followed, only looked at") == 1


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_case_deleted_in_the_middle(http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """The turn goes with its case, and its stream says so."""
    turn = await asked(fm, ana)
    async with watching(http, f"/agent/chat/{turn.job_id}/events") as (_, found):
        await say(fm, turn, "a")
        assert (await anext(found)).event == "token"
        async with fm.agent.transactions.begin() as unit:
            await unit.turns.delete_of_case(turn.case_id)

        last = [frame async for frame in found if frame.event]

    assert [(frame.event, frame.data) for frame in last] == [("failed", {"error": {"message": GONE}})]


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_to_hang_up_stops_nothing_and_leaves_nothing(
    app: Starlette, http: AsyncClient, ana: Someone, fm: FaultMaven
) -> None:
    """A reader that goes away frees its place at once, and finds the rest when it comes again."""
    pushing = change(app, seats=1)
    turn = await asked(fm, ana)
    path = f"/agent/chat/{turn.job_id}/events"
    async with watching(http, path) as (_, found):
        await say(fm, turn, "a")
        first = await anext(found)
        with pytest.raises(RateLimited):
            pushing.check_seat(ana.principal.user_id)
    await until(lambda: not pushing.taken)

    await say(fm, turn, "b")
    await answer(fm, turn)
    rest = await whole(http, path, headers={"Last-Event-ID": first.id})

    assert rest[0].data == {"text": "b"}
    assert rest[-1].event == "completed"


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_one_user_opens_so_many_and_no_more(
    app: Starlette, http: AsyncClient, ana: Someone, bob: Someone, fm: FaultMaven
) -> None:
    """Past the most a user may have open the next is refused for a while; another user's is not."""
    change(app, seats=2)
    mine, his = await asked(fm, ana), await asked(fm, bob)
    await answer(fm, his)
    path = f"/agent/chat/{mine.job_id}/events"
    async with watching(http, path), watching(http, path):
        refused = await ana.http.get(path)
        allowed = await bob.http.get(f"/agent/chat/{his.job_id}/events")

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert int(refused.headers["retry-after"]) > 0
    assert allowed.status_code == 200


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_stop_ends_streams_at_once(fm: FaultMaven, ana: Someone) -> None:
    """A server that is told to end lets go of its readers, who find the rest on another one."""
    turn = await asked(fm, ana)
    path = f"/agent/chat/{turn.job_id}/events"
    app = create_app(fm)
    async with served(app) as place:
        async with AsyncClient(
            base_url=f"http://{place}/v1", headers=ana.http.headers, timeout=30, verify=False
        ) as client:
            async with watching(client, path) as (_, found):
                await say(fm, turn, "a")
                first = await anext(found)
                app.state.pushing.stopping.set()
                async with asyncio.timeout(20):
                    assert [frame async for frame in found if frame.event] == []
    await say(fm, turn, "b")
    await answer(fm, turn)

    async with served(create_app(fm)) as place:
        async with AsyncClient(
            base_url=f"http://{place}/v1", headers=ana.http.headers, timeout=30, verify=False
        ) as client:
            rest = await whole(client, path, headers={"Last-Event-ID": first.id})

    assert rest[0].data == {"text": "b"}
    assert rest[-1].event == "completed"


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_stream_ends_before_its_token_is_too_old(
    app: Starlette, http: AsyncClient, ana: Someone, fm: FaultMaven
) -> None:
    """After a while a stream ends by itself, in one piece, and its reader says again who it is."""
    change(app, longest_stream=0.05)
    turn = await asked(fm, ana)

    assert await whole(http, f"/agent/chat/{turn.job_id}/events") == []


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_who_reads_nothing_is_hung_up_on(app: Starlette, http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """What a reader does not take is not piled up for it, and after a while its place is another's."""
    pushing = change(app, patience=0.3)
    turn = await asked(fm, ana)
    _, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port, limit=1024)
    request = f"GET /v1/agent/chat/{turn.job_id}/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
    writer.write(f"{request}{ana.http.headers['authorization']}\r\n\r\n".encode())
    await until(lambda: bool(pushing.taken))
    await say(fm, turn, *["x" * 100_000] * 300)

    await until(lambda: not pushing.taken)

    writer.close()


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_two_readers_hear_the_same(http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """A turn may be watched from several windows."""
    turn = await asked(fm, ana)
    telling = [asyncio.create_task(whole(http, f"/agent/chat/{turn.job_id}/events")) for _ in range(5)]
    await say(fm, turn, *"abcdef")
    await answer(fm, turn)

    found = await asyncio.gather(*telling)

    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_body_nobody_asked_for_is_no_hindrance(http: AsyncClient, ana: Someone, fm: FaultMaven) -> None:
    """A GET with a body, declared or in pieces, is told the same."""
    turn = await asked(fm, ana)
    await answer(fm, turn)
    path = f"/agent/chat/{turn.job_id}/events"

    async def pieces() -> AsyncIterator[bytes]:
        yield b"a" * 1000

    assert (
        await whole(http, path, content=b"{}") == await whole(http, path, content=pieces()) == await whole(http, path)
    )
