"""A session is one client's working window. It is resumed by the client's own id and ends by silence."""

from datetime import datetime, timedelta

from attrs import evolve, field, frozen

from ..kernel.errors import InvalidInput

DEFAULT_TIMEOUT = timedelta(minutes=180)
SHORTEST, LONGEST = timedelta(minutes=60), timedelta(minutes=480)


@frozen(kw_only=True)
class Session:
    session_id: str
    client_id: str | None
    user_id: str | None  # None until the client signs in
    session_type: str
    opened_at: datetime
    last_seen_at: datetime
    timeout: timedelta
    metadata: dict[str, object] = field(factory=dict)

    def expires_at(self) -> datetime:
        return self.last_seen_at + self.timeout

    def touched(self, *, at: datetime, by: str | None) -> "Session":
        return evolve(self, last_seen_at=max(at, self.last_seen_at), user_id=by or self.user_id)

    def may_be_used(self, *, by: str | None) -> bool:
        """An anonymous session may be taken on by whoever signs in; another user's may not."""
        return self.user_id is None or self.user_id == by


@frozen(kw_only=True)
class OpenedSession:
    session: Session
    resumed: bool


def checked_timeout(timeout: timedelta) -> timedelta:
    """Raises: InvalidInput."""
    if not SHORTEST <= timeout <= LONGEST:
        raise InvalidInput("A session lasts 60 to 480 minutes.", field="timeout_minutes")
    return timeout
