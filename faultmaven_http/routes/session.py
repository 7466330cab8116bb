from datetime import timedelta

from attrs import frozen

from faultmaven_domain.kernel.paging import check_paging
from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire import ListOf, Metadata, page_of
from ..wire.session import OpenedSessionOut, SessionListOut, SessionOut
from .paging import Paging


@frozen(kw_only=True)
class OpenSession:
    """Whoever sends the same ``client_id`` again gets its live session back. One lasts 60 to 480 minutes."""

    client_id: str | None = None
    session_type: str | None = None
    timeout_minutes: int | None = None
    metadata: Metadata | None = None


@frozen(kw_only=True)
class ChangeSession:
    """``metadata`` replaces what was there; ``title`` and ``context`` are put into it."""

    title: str | None = None
    context: Metadata | None = None
    metadata: Metadata | None = None
    timeout_minutes: int | None = None


async def open_session(call: Call, *, principal: Principal | None, body: OpenSession) -> Reply:
    """Open a session, or resume the client's. No token is needed; with one the session is its user's."""
    minutes = 180 if body.timeout_minutes is None else body.timeout_minutes
    opened = await call.fm.sessions.open(
        client_id=body.client_id,
        user_id=_user(principal),
        session_type=body.session_type or "troubleshooting",
        timeout=_minutes(minutes),
        metadata=body.metadata,
    )
    return Reply(value=opened, status=200 if opened.resumed else 201)


async def list_sessions(call: Call, *, principal: Principal, query: Paging) -> Reply:
    """The caller's live sessions, newest first."""
    limit, offset = query.window()
    check_paging(limit, offset)
    sessions = await call.fm.sessions.list(user_id=principal.user_id)
    return Reply(value=ListOf(name="sessions", page=page_of(sessions, limit=limit, offset=offset)))


async def get_session(call: Call, *, principal: Principal | None, session_id: str) -> Reply:
    """A session as it stands; to look does not keep it alive."""
    return Reply(value=await call.fm.sessions.get(session_id=session_id, user_id=_user(principal)))


async def change_session(call: Call, *, principal: Principal | None, session_id: str, body: ChangeSession) -> Reply:
    """Change what is given, and keep the session alive."""
    user_id = _user(principal)
    metadata: dict[str, object] | None = body.metadata
    added = {name: value for name, value in (("title", body.title), ("context", body.context)) if value is not None}
    if added:
        if metadata is None:
            metadata = (await call.fm.sessions.get(session_id=session_id, user_id=user_id)).metadata
        metadata = metadata | added
    session = await call.fm.sessions.update(
        session_id=session_id,
        user_id=user_id,
        timeout=None if body.timeout_minutes is None else _minutes(body.timeout_minutes),
        metadata=metadata,
    )
    return Reply(value=session)


async def close_session(call: Call, *, principal: Principal | None, session_id: str) -> Reply:
    """End a session."""
    await call.fm.sessions.close(session_id=session_id, user_id=_user(principal))
    return Reply(status=204)


async def heartbeat(call: Call, *, principal: Principal | None, session_id: str) -> Reply:
    """Keep a session alive."""
    return Reply(value=await call.fm.sessions.touch(session_id=session_id, user_id=_user(principal)))


def _user(principal: Principal | None) -> str | None:
    return principal.user_id if principal else None


def _minutes(minutes: int) -> timedelta:
    """Of any number, so that one no session could last is refused and not too large to be told."""
    return timedelta(minutes=max(-1, min(minutes, 10_000)))


OPERATIONS = (
    Operation(
        method="POST",
        path="/sessions",
        handler=open_session,
        answers={201: OpenedSessionOut, 200: OpenedSessionOut},
        group=Group.WRITES,
        creates=True,
    ),
    Operation(method="GET", path="/sessions", handler=list_sessions, answers={200: SessionListOut}, group=Group.READS),
    Operation(
        method="GET", path="/sessions/{session_id}", handler=get_session, answers={200: SessionOut}, group=Group.READS
    ),
    Operation(
        method="PUT",
        path="/sessions/{session_id}",
        handler=change_session,
        answers={200: SessionOut},
        group=Group.WRITES,
    ),
    Operation(
        method="DELETE", path="/sessions/{session_id}", handler=close_session, answers={204: None}, group=Group.WRITES
    ),
    Operation(
        method="POST",
        path="/sessions/{session_id}/heartbeat",
        handler=heartbeat,
        answers={200: SessionOut},
        group=Group.WRITES,
    ),
)
