"""Taking a turn and waiting for its answer: what the routes have in common that do."""

import asyncio
import re
import time
from datetime import timedelta
from uuid import UUID, uuid5

from faultmaven_domain.agent import EventKind, Turn, TurnEvent, TurnStatus
from faultmaven_domain.case import Intent
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.principal import Principal

from .operation import Call, Reply
from .views import turn_view

#: The longest a request waits for its turn, in seconds.
LONGEST_WAIT = 100
#: How long to wait for news of a turn before the turn itself is looked at: that it failed is no news.
LOOK = timedelta(milliseconds=250)
LONGEST_SESSION_ID = 200
#: How often a question may be asked anew under one Idempotency-Key, after it was not answered.
TRIES = 10
HEADERS = {
    "Prefer": f"`wait=N`: how many seconds to wait for the answer, at most {LONGEST_WAIT}.",
    "X-Session-Id": "The session this is asked in; never checked.",
}
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=[,;]|$)", re.IGNORECASE)


class TurnFailed(Unavailable):
    """The question was not answered."""

    code = "TURN_FAILED"


async def submitted(
    call: Call,
    *,
    principal: Principal,
    case_id: str,
    message: str,
    context: dict[str, object],
    intent: Intent | None = None,
    attachments: tuple[str, ...] = (),
) -> Turn:
    """The turn a request asks for, stored. A request that comes again finds its turn, and asks anew if that failed.

    Raises: InvalidInput; CaseNotFound; CaseClosed.
    """
    session_id = call.headers.get("x-session-id", "").strip()
    if session_id and len(session_id) <= LONGEST_SESSION_ID:
        context.setdefault("session_id", session_id)
    job_id = call.job_id()
    ids = [job_id] if job_id is None else [job_id, *(str(uuid5(UUID(job_id), str(n))) for n in range(1, TRIES))]
    for id in ids:
        turn = await call.fm.agent.submit(
            principal=principal,
            case_id=case_id,
            message=message,
            context=context,
            intent=intent,
            attachments=attachments,
            job_id=id,
        )
        if turn.status is not TurnStatus.FAILED:
            break
    return turn


async def answered(call: Call, *, principal: Principal, turn: Turn) -> Reply:
    """The turn once it has ended; 202 after LONGEST_WAIT seconds, or the fewer its caller prefers to wait.

    Raises: TurnFailed with the reason why it was not answered.
    """
    seconds = preferred_wait(call)
    turn = await ended(call, principal=principal, turn=turn, seconds=seconds or LONGEST_WAIT)
    if turn.status is TurnStatus.FAILED:
        raise TurnFailed(turn.error, job_id=turn.job_id)
    return await told(call, principal=principal, turn=turn, waited=seconds)


async def told(call: Call, *, principal: Principal, turn: Turn, waited: int | None) -> Reply:
    """A turn as it is: 202 while it is being answered, with the address to go on asking at, and then 200.

    ``waited`` is what its caller preferred, None where nothing was said of it.
    """
    headers = {} if waited is None else {"Preference-Applied": f"wait={waited}"}
    view = await turn_view(call.fm, principal=principal, turn=turn)
    if turn.status is not TurnStatus.PROCESSING:
        return Reply(value=view, headers=headers)
    headers["Location"] = f"{call.base}/agent/chat/{turn.job_id}"
    return Reply(value=view, status=202, headers=headers)


def preferred_wait(call: Call) -> int | None:
    """The seconds of ``Prefer: wait=N`` (RFC 7240), at most LONGEST_WAIT; None where nobody asked to wait."""
    match = _WAIT.search(",".join(call.headers.getlist("prefer")))
    return min(int(match[1]), LONGEST_WAIT) if match and int(match[1]) > 0 else None


async def ended(call: Call, *, principal: Principal, turn: Turn, seconds: float) -> Turn:
    """The turn once it has ended, or as it is when the time is up or its caller has gone; it goes on all the same."""
    last: str | None = None
    deadline = time.monotonic() + seconds
    while turn.status is TurnStatus.PROCESSING and not await call.request.is_disconnected():
        left = timedelta(seconds=deadline - time.monotonic())
        if left <= timedelta(0):
            break
        events = await _heard(call, principal, turn, last, min(left, LOOK))
        if events:
            last = events[-1].id
        if not events or events[-1].kind is EventKind.ENDED:
            turn = await call.fm.agent.result(principal=principal, job_id=turn.job_id)
    return turn


async def _heard(
    call: Call, principal: Principal, turn: Turn, after: str | None, wait: timedelta
) -> tuple[TurnEvent, ...]:
    """What happened to the turn since; nothing after a while, or where it cannot be heard."""
    try:
        return await call.fm.agent.follow(principal=principal, job_id=turn.job_id, after=after, wait=wait)
    except Unavailable:
        await asyncio.sleep(wait.total_seconds())
        return ()
