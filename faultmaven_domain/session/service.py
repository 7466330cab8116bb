from datetime import timedelta

from attrs import evolve, frozen

from ..kernel.clock import Clock
from ..kernel.errors import InvalidInput
from ..kernel.ids import IdSource
from .errors import SessionNotFound
from .models import DEFAULT_TIMEOUT, OpenedSession, Session, checked_timeout
from .ports import SessionStore


@frozen
class SessionService:
    store: SessionStore
    clock: Clock
    ids: IdSource

    async def open(
        self,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        session_type: str = "troubleshooting",
        timeout: timedelta = DEFAULT_TIMEOUT,
        metadata: dict[str, object] | None = None,
    ) -> OpenedSession:
        """Resume the client's live session, or open a new one.

        Raises: InvalidInput when the timeout is out of range or an id too long.
        """
        now = self.clock.now()
        timeout = checked_timeout(timeout)
        if client_id is not None and not 1 <= len(client_id) <= 200:
            raise InvalidInput("client_id has 1 to 200 characters.", field="client_id")
        live = await self.store.latest_of(client_id, now=now) if client_id else None
        resumed = live is not None and live.may_be_used(by=user_id)
        if live is not None and resumed:
            session = live.touched(at=now, by=user_id)
        else:
            session = Session(
                session_id=self.ids.new("ses"),
                client_id=client_id,
                user_id=user_id,
                session_type=session_type,
                opened_at=now,
                last_seen_at=now,
                timeout=timeout,
                metadata=metadata or {},
            )
        await self.store.put(session, now=now)
        return OpenedSession(session=session, resumed=resumed)

    async def get(self, *, session_id: str, user_id: str | None) -> Session:
        """Raises: SessionNotFound, also for another user's."""
        session = await self.store.get(session_id, now=self.clock.now())
        if session is None or not session.may_be_used(by=user_id):
            raise SessionNotFound(session_id=session_id)
        return session

    async def list(self, *, user_id: str) -> tuple[Session, ...]:
        """A user's live sessions, newest first."""
        return tuple(await self.store.of_user(user_id, now=self.clock.now()))

    async def touch(self, *, session_id: str, user_id: str | None) -> Session:
        """Keep a session alive. Raises: SessionNotFound."""
        session = await self.get(session_id=session_id, user_id=user_id)
        now = self.clock.now()
        session = session.touched(at=now, by=user_id)
        await self.store.put(session, now=now)
        return session

    async def update(
        self,
        *,
        session_id: str,
        user_id: str | None,
        timeout: timedelta | None = None,
        metadata: dict[str, object] | None = None,
    ) -> Session:
        """Change what is given and keep it alive. Raises: SessionNotFound; InvalidInput."""
        session = await self.get(session_id=session_id, user_id=user_id)
        now = self.clock.now()
        session = evolve(
            session.touched(at=now, by=user_id),
            timeout=checked_timeout(timeout) if timeout is not None else session.timeout,
            metadata=session.metadata if metadata is None else metadata,
        )
        await self.store.put(session, now=now)
        return session

    async def close(self, *, session_id: str, user_id: str | None) -> None:
        """Raises: SessionNotFound."""
        await self.get(session_id=session_id, user_id=user_id)
        await self.store.delete(session_id)
