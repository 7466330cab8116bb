"""What every SessionStore promises. An adapter's test class inherits this and gives `store`."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from faultmaven_domain.session import Session, SessionStore

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_session(
    id: str = "ses_1", *, client_id: str | None = "c1", user_id: str | None = None, at: datetime = NOON
) -> Session:
    return Session(
        session_id=id,
        client_id=client_id,
        user_id=user_id,
        session_type="troubleshooting",
        opened_at=at,
        last_seen_at=at,
        timeout=timedelta(minutes=60),
    )


class SessionStoreContract:
    @pytest.fixture
    def store(self) -> SessionStore:
        raise NotImplementedError

    async def test_returns_what_was_put(self, store: SessionStore) -> None:
        """A session comes back equal: times to the microsecond, nested metadata and signs of any script."""
        session = evolve(
            a_session(client_id="tab*?[1] ü\ud800", at=NOON + timedelta(microseconds=123_457)),
            timeout=timedelta(minutes=90, microseconds=7),
            metadata={"page": "/käse", "depth": [1, 2.5, None, {"on": True}], "": "\ud800"},
        )
        await store.put(session, now=NOON)

        assert session == await store.get("ses_1", now=NOON)
        assert session == await store.latest_of("tab*?[1] ü\ud800", now=NOON)

    async def test_replaces_the_one_with_the_same_id(self, store: SessionStore) -> None:
        """The second put is what is found, and only it."""
        await store.put(a_session(), now=NOON)
        later = a_session().touched(at=NOON + MINUTE, by="ana")
        await store.put(later, now=NOON + MINUTE)

        assert later == await store.get("ses_1", now=NOON + MINUTE)
        assert [later] == await store.of_user("ana", now=NOON + MINUTE)

    async def test_knows_nothing_of_what_never_was(self, store: SessionStore) -> None:
        """An unknown session, client or user is absent, not an error."""
        assert await store.get("ses_9", now=NOON) is None
        assert await store.latest_of("c9", now=NOON) is None
        assert await store.of_user("nobody", now=NOON) == []

    @pytest.mark.parametrize(
        "id", ["", "*", "client:c1", ":client:c1", "s:client:c1", "user:ana", "\x00\r\n", "\ud800"]
    )
    async def test_any_text_may_be_asked_for(self, store: SessionStore, id: str) -> None:
        """Whatever a client sends as a session's id is an id that there is not, whatever else is stored."""
        await store.put(a_session(user_id="ana"), now=NOON)

        assert await store.get(id, now=NOON) is None
        assert not await store.delete(id)
        assert await store.latest_of("c1", now=NOON) == a_session(user_id="ana")

    async def test_lapses_at_its_timeout_exactly(self, store: SessionStore) -> None:
        """A microsecond before its end a session is there by all three ways, at its end by none."""
        session = a_session(user_id="ana")
        await store.put(session, now=NOON)
        before, end = session.expires_at() - timedelta(microseconds=1), session.expires_at()

        assert session == await store.get("ses_1", now=before)
        assert session == await store.latest_of("c1", now=before)
        assert [session] == await store.of_user("ana", now=before)
        assert await store.get("ses_1", now=end) is None
        assert await store.latest_of("c1", now=end) is None
        assert await store.of_user("ana", now=end) == []

    async def test_finds_the_clients_latest(self, store: SessionStore) -> None:
        """A client with two sessions resumes the one it used last, however they were opened."""
        await store.put(a_session("ses_1"), now=NOON)
        await store.put(a_session("ses_2", at=NOON + MINUTE), now=NOON + MINUTE)
        await store.put(a_session("ses_1").touched(at=NOON + 2 * MINUTE, by=None), now=NOON + 2 * MINUTE)

        latest = await store.latest_of("c1", now=NOON + 2 * MINUTE)

        assert latest is not None
        assert latest.session_id == "ses_1"

    async def test_falls_back_to_the_clients_other_session(self, store: SessionStore) -> None:
        """When the latest is deleted or has lapsed, the one before it is the latest."""
        long = evolve(a_session("ses_1"), timeout=timedelta(minutes=480))
        await store.put(long, now=NOON)
        await store.put(a_session("ses_2", at=NOON + MINUTE), now=NOON + MINUTE)
        await store.put(a_session("ses_3", at=NOON + 2 * MINUTE), now=NOON + 2 * MINUTE)
        await store.delete("ses_3")

        second = await store.latest_of("c1", now=NOON + 3 * MINUTE)
        after_all_others = await store.latest_of("c1", now=NOON + 100 * MINUTE)

        assert second is not None
        assert second.session_id == "ses_2"
        assert long == after_all_others

    async def test_keeps_clients_apart(self, store: SessionStore) -> None:
        """One client's session is never another's, nor that of those without a client."""
        await store.put(a_session("ses_1", client_id="c1"), now=NOON)
        await store.put(a_session("ses_2", client_id=None), now=NOON)

        assert await store.latest_of("c2", now=NOON) is None
        assert await store.latest_of("None", now=NOON) is None
        assert await store.latest_of("", now=NOON) is None

    async def test_lists_a_users_sessions_newest_first(self, store: SessionStore) -> None:
        """Those opened last come first, whatever was used last; other people's and anonymous ones do not."""
        for minute, user in enumerate(["ana", "bob", "ana", None, "ana"]):
            at = NOON + minute * MINUTE
            await store.put(a_session(f"ses_{minute}", user_id=user, at=at), now=at)
        await store.put(
            a_session("ses_0", user_id="ana").touched(at=NOON + 9 * MINUTE, by="ana"), now=NOON + 9 * MINUTE
        )

        listed = await store.of_user("ana", now=NOON + 9 * MINUTE)

        assert [session.session_id for session in listed] == ["ses_4", "ses_2", "ses_0"]

    async def test_follows_a_session_to_its_new_user(self, store: SessionStore) -> None:
        """A session put under another user is listed there and no longer where it was."""
        await store.put(a_session(user_id="ana"), now=NOON)
        await store.put(a_session(user_id="bob"), now=NOON)

        assert await store.of_user("ana", now=NOON) == []
        assert [a_session(user_id="bob")] == await store.of_user("bob", now=NOON)

    async def test_follows_a_session_to_its_new_client(self, store: SessionStore) -> None:
        """A session put under another client is resumed by that one only."""
        await store.put(a_session(client_id="c1"), now=NOON)
        await store.put(a_session(client_id="c2"), now=NOON)

        assert await store.latest_of("c1", now=NOON) is None
        assert await store.latest_of("c2", now=NOON) == a_session(client_id="c2")

    async def test_forgets_what_was_deleted(self, store: SessionStore) -> None:
        """Deleting twice is not an error, and says so."""
        await store.put(a_session(user_id="ana"), now=NOON)

        assert [await store.delete("ses_1"), await store.delete("ses_1")] == [True, False]
        assert await store.get("ses_1", now=NOON) is None
        assert await store.latest_of("c1", now=NOON) is None
        assert await store.of_user("ana", now=NOON) == []

    async def test_one_already_lapsed_is_not_kept(self, store: SessionStore) -> None:
        """Putting a session past its end leaves none."""
        late = NOON + timedelta(days=2)
        await store.put(a_session(), now=NOON)
        await store.put(a_session(), now=late)

        assert await store.get("ses_1", now=late) is None

    async def test_many_at_once(self, store: SessionStore) -> None:
        """Sessions of one user put concurrently are all there, and one deleted concurrently by many is deleted once."""
        sessions = [a_session(f"ses_{n:02}", user_id="ana", at=NOON + n * MINUTE) for n in range(40)]
        await asyncio.gather(*(store.put(session, now=NOON) for session in sessions))

        assert sessions[::-1] == await store.of_user("ana", now=NOON)
        assert sessions[-1] == await store.latest_of("c1", now=NOON)
        assert sum(await asyncio.gather(*(store.delete("ses_00") for _ in range(10)))) == 1
