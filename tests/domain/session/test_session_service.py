from datetime import timedelta

import pytest

from faultmaven_adapters.memory.session_store import MemorySessionStore
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.session import SessionNotFound, SessionService
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.reach import Reach

MINUTE = timedelta(minutes=1)


@pytest.fixture
def sessions(reach: Reach, clock: FakeClock, ids: FakeIds) -> SessionService:
    return reach(SessionService(MemorySessionStore(), clock, ids))


async def test_a_client_opens_a_session(sessions: SessionService) -> None:
    """Nobody has to be signed in for it, and what the client says of itself is kept."""
    opened = await sessions.open(client_id="c1", session_type="browser", metadata={"tab": 3})

    session = opened.session
    assert not opened.resumed
    assert (session.client_id, session.user_id, session.session_type) == ("c1", None, "browser")
    assert (session.opened_at, session.expires_at()) == (NOON, NOON + 180 * MINUTE)
    assert await sessions.get(session_id=session.session_id, user_id=None) == session


async def test_a_client_resumes_its_session(sessions: SessionService, clock: FakeClock) -> None:
    """The same client id within the timeout gets the same session back, now its user's."""
    first = (await sessions.open(client_id="c1")).session
    clock.advance(179 * MINUTE)

    again = await sessions.open(client_id="c1", user_id="ana")

    assert again.resumed
    assert (again.session.session_id, again.session.user_id) == (first.session_id, "ana")
    assert again.session.last_seen_at == clock.now()


async def test_a_signed_in_session_outlives_a_moment_without_a_user(sessions: SessionService, clock: FakeClock) -> None:
    """A client that asks before it has signed in again does not take the session over, nor lose its own."""
    anas = (await sessions.open(client_id="c1", user_id="ana")).session

    anonymous = await sessions.open(client_id="c1")

    assert not anonymous.resumed
    assert await sessions.get(session_id=anas.session_id, user_id="ana") == anas


async def test_without_a_client_id_each_is_new(sessions: SessionService) -> None:
    """Who does not say who it is gets nothing back."""
    first, second = await sessions.open(), await sessions.open()

    assert first.session.session_id != second.session.session_id
    assert not second.resumed


async def test_another_users_session_is_not_resumed(sessions: SessionService) -> None:
    """A client id is no credential: someone else gets a session of their own, and cannot reach the first."""
    anas = (await sessions.open(client_id="c1", user_id="ana")).session

    bobs = await sessions.open(client_id="c1", user_id="bob")

    assert bobs.session.session_id != anas.session_id
    for call in (sessions.get, sessions.touch, sessions.update, sessions.close):
        with pytest.raises(SessionNotFound) as refused:
            await call(session_id=anas.session_id, user_id="bob")
        assert refused.value.details == {"session_id": anas.session_id}


async def test_silence_ends_it(sessions: SessionService, clock: FakeClock) -> None:
    """Past its timeout a session is gone, and its client opens another."""
    first = (await sessions.open(client_id="c1")).session
    clock.advance(180 * MINUTE)

    with pytest.raises(SessionNotFound):
        await sessions.touch(session_id=first.session_id, user_id=None)
    assert not (await sessions.open(client_id="c1")).resumed


async def test_a_heartbeat_keeps_it_alive(sessions: SessionService, clock: FakeClock) -> None:
    """The timeout runs from the last sign of life."""
    first = (await sessions.open(client_id="c1", timeout=60 * MINUTE)).session
    for _ in range(3):
        clock.advance(59 * MINUTE)
        await sessions.touch(session_id=first.session_id, user_id=None)

    kept = await sessions.get(session_id=first.session_id, user_id=None)

    assert kept.expires_at() == clock.now() + 60 * MINUTE


async def test_a_heartbeat_signs_it_in(sessions: SessionService) -> None:
    """An anonymous session becomes the user's who touches it first."""
    first = (await sessions.open()).session
    await sessions.touch(session_id=first.session_id, user_id="ana")

    with pytest.raises(SessionNotFound):
        await sessions.touch(session_id=first.session_id, user_id="bob")
    assert (await sessions.get(session_id=first.session_id, user_id="ana")).user_id == "ana"


async def test_a_user_lists_their_own(sessions: SessionService, clock: FakeClock) -> None:
    """Newest first, nobody else's, none that has lapsed."""
    await sessions.open(client_id="old", user_id="ana", timeout=60 * MINUTE)
    clock.advance(61 * MINUTE)
    older = (await sessions.open(client_id="c1", user_id="ana")).session
    clock.advance(MINUTE)
    newer = (await sessions.open(client_id="c2", user_id="ana")).session
    await sessions.open(client_id="c3", user_id="bob")
    await sessions.open(client_id="c4")

    assert await sessions.list(user_id="ana") == (newer, older)


async def test_what_is_given_changes(sessions: SessionService, clock: FakeClock) -> None:
    """An update changes the one thing it names, keeps the other, and counts as a sign of life."""
    session_id = (await sessions.open(metadata={"a": 1})).session.session_id
    at = clock.advance(MINUTE)

    longer = await sessions.update(session_id=session_id, user_id=None, timeout=480 * MINUTE)
    named = await sessions.update(session_id=session_id, user_id=None, metadata={"b": [None, 2.5]})

    assert (longer.timeout, longer.metadata, longer.last_seen_at) == (480 * MINUTE, {"a": 1}, at)
    assert (named.timeout, named.metadata) == (480 * MINUTE, {"b": [None, 2.5]})
    assert await sessions.get(session_id=session_id, user_id=None) == named


async def test_a_closed_session_is_gone(sessions: SessionService) -> None:
    """Closing it twice says that it is gone."""
    session_id = (await sessions.open(client_id="c1", user_id="ana")).session.session_id

    await sessions.close(session_id=session_id, user_id="ana")

    with pytest.raises(SessionNotFound):
        await sessions.close(session_id=session_id, user_id="ana")
    assert await sessions.list(user_id="ana") == ()


@pytest.mark.parametrize("minutes", [59, 481, 0, -60])
async def test_a_timeout_has_bounds(sessions: SessionService, minutes: int) -> None:
    """60 to 480 minutes, when opening and when changing, and a refused change changes nothing."""
    session = (await sessions.open()).session

    for refused in (
        sessions.open(timeout=minutes * MINUTE),
        sessions.update(session_id=session.session_id, user_id=None, timeout=minutes * MINUTE, metadata={"x": 1}),
    ):
        with pytest.raises(InvalidInput) as error:
            await refused
        assert error.value.details == {"field": "timeout_minutes"}
    assert await sessions.get(session_id=session.session_id, user_id=None) == session


@pytest.mark.parametrize("minutes", [60, 480])
async def test_the_bounds_themselves_are_taken(sessions: SessionService, minutes: int) -> None:
    """Both ends of the range belong to it."""
    assert (await sessions.open(timeout=minutes * MINUTE)).session.timeout == minutes * MINUTE


@pytest.mark.parametrize("client_id", ["", "x" * 201])
async def test_a_client_id_has_a_size(sessions: SessionService, client_id: str) -> None:
    """An empty one would be everybody's."""
    with pytest.raises(InvalidInput) as refused:
        await sessions.open(client_id=client_id)
    assert refused.value.details == {"field": "client_id"}
