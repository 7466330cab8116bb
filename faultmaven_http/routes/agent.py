from attrs import frozen

from faultmaven_domain.agent import TurnStatus
from faultmaven_domain.kernel.principal import Principal

from ..asking import HEADERS, ended, preferred_wait, submitted, told
from ..limits import Group
from ..operation import Call, Operation, Reply
from ..views import turn_view
from ..wire import Metadata
from ..wire.agent import AnsweredOut, FailedOut, TurnOut, WaitingOut


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
    turn = await submitted(
        call, principal=principal, case_id=body.case_id, message=body.message, context=dict(body.context or {})
    )
    wait = preferred_wait(call)
    if wait is not None:
        turn = await ended(call, principal=principal, turn=turn, seconds=wait)
    return await told(call, principal=principal, turn=turn, waited=wait)


async def poll(call: Call, *, principal: Principal, job_id: str) -> Reply:
    """A turn as it stands: 202 while it is being answered, then 200 with its fields at the root."""
    turn = await call.fm.agent.result(principal=principal, job_id=job_id)
    view = await turn_view(call.fm, principal=principal, turn=turn, as_job=True)
    return Reply(value=view, status=202 if turn.status is TurnStatus.PROCESSING else 200)


OPERATIONS = (
    Operation(
        method="POST",
        path="/agent/chat",
        handler=ask,
        answers={202: WaitingOut, 200: (TurnOut, FailedOut)},
        group=Group.TURNS,
        errors=(404, 409),
        headers=HEADERS,
        creates=True,
    ),
    Operation(
        method="GET",
        path="/agent/chat/{job_id}",
        handler=poll,
        answers={200: (AnsweredOut, FailedOut), 202: WaitingOut},
        group=Group.READS,
    ),
)
