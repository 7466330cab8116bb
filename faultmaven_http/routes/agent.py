import asyncio
import re
import time
from datetime import timedelta

from attrs import frozen

from faultmaven_domain.agent import EventKind, Turn, TurnEvent, TurnStatus
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire import Metadata
from ..wire.agent import AnsweredOut, FailedOut, TurnOut, TurnView, WaitingOut

#: The longest a request waits for its turn, in seconds.
LONGEST_WAIT = 100
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=[,;]|$)", re.IGNORECASE)
#: How long to wait for news of a turn before the turn itself is looked at: that it failed is no news.
LOOK = timedelta(milliseconds=250)


@frozen(kw_only=True)
class Question:
    """``context`` is the caller's own and kept with the turn."""

    case_id: str
    message: str
    context: Metadata | None = None


async def ask(call: Call, *, principal: Principal, body: Question) -> Reply:
    """Ask about a case. The turn is stored before it is acknowledged, and answered by a job.

    202 with the job's address in ``Location``. With ``Prefer: wait=N`` (RFC 7240, at most 100 seconds) a turn that ends
    in time is answered right away.
    """
    context: dict[str, object] = dict(body.context or {})
    session_id = call.headers.get("x-session-id")
    if session_id and len(session_id) <= 200:
        context.setdefault("session_id", session_id)
    turn = await call.fm.agent.submit(principal=principal, case_id=body.case_id, message=body.message, context=context)
    headers: dict[str, str] = {}
    wait = _wait(call.headers.getlist("prefer"))
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait}"
        turn = await _ended(call, principal, turn, wait)
    if turn.status is TurnStatus.PROCESSING:
        headers["Location"] = f"{call.base}/agent/chat/{turn.job_id}"
        return Reply(value=await _view(call, principal, turn), status=202, headers=headers)
    return Reply(value=await _view(call, principal, turn), headers=headers)


async def poll(call: Call, *, principal: Principal, job_id: str) -> Reply:
    """A turn as it stands: 202 while it is being answered, then 200 with its fields at the root."""
    turn = await call.fm.agent.result(principal=principal, job_id=job_id)
    view = await _view(call, principal, turn, as_job=True)
    return Reply(value=view, status=202 if turn.status is TurnStatus.PROCESSING else 200)


async def _view(call: Call, principal: Principal, turn: Turn, *, as_job: bool = False) -> TurnView:
    answered = turn.answer is not None
    case = await call.fm.cases.get(principal=principal, case_id=turn.case_id) if answered else None
    return TurnView(turn=turn, case=case, as_job=as_job)


async def _ended(call: Call, principal: Principal, turn: Turn, seconds: int) -> Turn:
    """The turn once it has ended, or as it is when the time is up or its caller has gone; it goes on all the same."""
    last: str | None = None
    deadline = time.monotonic() + seconds
    while turn.status is TurnStatus.PROCESSING and not await call.request.is_disconnected():
        left = timedelta(seconds=deadline - time.monotonic())
        if left <= timedelta(0):
            break
        events = await _told(call, principal, turn, last, min(left, LOOK))
        if events:
            last = events[-1].id
        if not events or events[-1].kind is EventKind.ENDED:
            turn = await call.fm.agent.result(principal=principal, job_id=turn.job_id)
    return turn


async def _told(
    call: Call, principal: Principal, turn: Turn, after: str | None, wait: timedelta
) -> tuple[TurnEvent, ...]:
    """What happened to the turn since; nothing after a while, or where it cannot be heard."""
    try:
        return await call.fm.agent.follow(principal=principal, job_id=turn.job_id, after=after, wait=wait)
    except Unavailable:
        await asyncio.sleep(wait.total_seconds())
        return ()


def _wait(preferences: list[str]) -> int | None:
    """The seconds of ``Prefer: wait=N``, at most LONGEST_WAIT; None where nobody asked to wait."""
    match = _WAIT.search(",".join(preferences))
    return min(int(match[1]), LONGEST_WAIT) if match and int(match[1]) > 0 else None


OPERATIONS = (
    Operation(
        method="POST",
        path="/agent/chat",
        handler=ask,
        answers={202: WaitingOut, 200: (TurnOut, FailedOut)},
        group=Group.TURNS,
        errors=(404, 409),
        headers={
            "Prefer": f"`wait=N`: how many seconds to wait for the answer, at most {LONGEST_WAIT}.",
            "X-Session-Id": "The session this is asked in; never checked.",
        },
    ),
    Operation(
        method="GET",
        path="/agent/chat/{job_id}",
        handler=poll,
        answers={200: (AnsweredOut, FailedOut), 202: WaitingOut},
        group=Group.READS,
    ),
)
