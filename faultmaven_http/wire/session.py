from typing import Literal, TypedDict

from faultmaven_domain.session import OpenedSession, Session

from .common import Listing, Time, utc


class SessionOut(TypedDict):
    """``user_id`` is null until its client signs in; ``title`` is the one its metadata holds."""

    session_id: str
    client_id: str | None
    user_id: str | None
    session_type: str
    title: str | None
    status: Literal["active"]
    timeout_minutes: int
    metadata: dict[str, object]
    created_at: Time
    updated_at: Time
    last_activity_at: Time
    last_activity: Time
    expires_at: Time


class OpenedSessionOut(SessionOut):
    session_resumed: bool
    message: str


class SessionListOut(Listing):
    sessions: list[SessionOut]


def session_out(session: Session) -> SessionOut:
    title = session.metadata.get("title")
    seen = utc(session.last_seen_at)
    return SessionOut(
        session_id=session.session_id,
        client_id=session.client_id,
        user_id=session.user_id,
        session_type=session.session_type,
        title=title if isinstance(title, str) else None,
        status="active",
        timeout_minutes=int(session.timeout.total_seconds()) // 60,
        metadata=session.metadata,
        created_at=utc(session.opened_at),
        updated_at=seen,
        last_activity_at=seen,
        last_activity=seen,
        expires_at=utc(session.expires_at()),
    )


def opened_session_out(opened: OpenedSession) -> OpenedSessionOut:
    return OpenedSessionOut(
        **session_out(opened.session),
        session_resumed=opened.resumed,
        message="Session resumed." if opened.resumed else "Session created.",
    )
