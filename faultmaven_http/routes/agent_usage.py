from attrs import frozen

from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire.usage import UsageReportOut


@frozen(kw_only=True)
class Asked:
    case_id: str | None = None


async def usage(call: Call, *, principal: Principal, query: Asked) -> Reply:
    """What the caller's questions used of language models, in all and today, and what one case used."""
    return Reply(value=await call.fm.agent.usage(principal=principal, case_id=query.case_id))


OPERATIONS = (
    Operation(
        method="GET",
        path="/agent/usage",
        handler=usage,
        answers={200: UsageReportOut},
        group=Group.READS,
        errors=(404,),
    ),
)
