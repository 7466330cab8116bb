from datetime import datetime

from attrs import field, frozen

from faultmaven_domain.session import Session


@frozen
class MemorySessionStore:
    _sessions: dict[str, Session] = field(factory=dict, init=False)

    async def get(self, session_id: str, *, now: datetime) -> Session | None:
        session = self._sessions.get(session_id)
        return session if session is not None and now < session.expires_at() else None

    async def latest_of(self, client_id: str, *, now: datetime) -> Session | None:
        found = [session for session in self._live(now) if session.client_id == client_id]
        return max(found, key=lambda session: session.last_seen_at, default=None)

    async def of_user(self, user_id: str, *, now: datetime) -> list[Session]:
        found = [session for session in self._live(now) if session.user_id == user_id]
        return sorted(found, key=lambda session: session.opened_at, reverse=True)

    async def put(self, session: Session, *, now: datetime) -> None:
        for lapsed in self._sessions.keys() - {live.session_id for live in self._live(now)}:
            del self._sessions[lapsed]
        self._sessions[session.session_id] = session

    async def delete(self, session_id: str) -> bool:
        return self._sessions.pop(session_id, None) is not None

    def _live(self, now: datetime) -> list[Session]:
        return [session for session in self._sessions.values() if now < session.expires_at()]
