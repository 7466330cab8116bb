from attrs import frozen
from starlette.responses import Response

from faultmaven_domain.kernel.principal import Principal

from ..following import happenings
from ..limits import Group
from ..operation import Bytes, Call, Operation, Reply
from ..pushing import Pushing
from ..stream import MEDIA_TYPE, EventStream
from ..wire.events import END


@frozen(kw_only=True)
class Since:
    """``after`` is the id of the last event that was seen; the header `Last-Event-ID` wins over it."""

    after: str | None = None


async def watch(call: Call, *, principal: Principal, job_id: str, query: Since) -> Reply | Response:
    """A turn as it is answered, as server-sent events.

    `progress` with the stage, `token` with a piece of the answer, `restart` where the pieces so far are void, and last
    `completed` with the answer or `failed` with the error. Who comes again with the id of the last event it saw gets
    the rest; 204 says that there is none. To hang up stops nothing: `DELETE /v1/jobs/{job_id}` does.
    """
    turn = await call.fm.agent.result(principal=principal, job_id=job_id)
    after = call.headers.get("last-event-id") or query.after
    if after == END:
        return Reply(status=204)
    async for _ in call.request.stream():  # a body nobody asked for would hide that its sender hangs up
        pass
    pushing: Pushing = call.request.app.state.pushing
    pushing.check_seat(principal.user_id)
    happened = happenings(call.fm, call.dialect, principal=principal, turn=turn, after=after)
    return EventStream(happened, pushing=pushing, user_id=principal.user_id)


OPERATIONS = (
    Operation(
        method="GET",
        path="/agent/chat/{job_id}/events",
        handler=watch,
        answers={200: Bytes(MEDIA_TYPE), 204: None},
        group=Group.READS,
        headers={"Last-Event-ID": "The id of the last event that was seen."},
    ),
)
