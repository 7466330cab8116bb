from attrs import frozen

from faultmaven_domain.case import CaseStatus, ClosureReason, Priority
from faultmaven_domain.kernel.paging import check_paging
from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire import ListOf, Metadata
from ..wire.case import CaseDetailOut, CaseListOut, CaseOut, MessageDebugOut, MessageListOut
from .paging import Paging

LATEST = 1_000


@frozen(kw_only=True)
class NewCase:
    """A case without a title is named Case-MMDD-N."""

    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    metadata: Metadata | None = None


@frozen(kw_only=True)
class ChangedCase:
    """What is given is changed. ``expected_version`` refuses the change where someone else was quicker."""

    title: str | None = None
    description: str | None = None
    priority: Priority | None = None
    metadata: Metadata | None = None
    status: CaseStatus | None = None
    expected_version: int | None = None


@frozen(kw_only=True)
class NewStatus:
    status: CaseStatus
    reason: ClosureReason | None = None
    resolution_notes: str | None = None
    expected_version: int | None = None


@frozen(kw_only=True)
class Closure:
    """``resolution`` is another word for ``reason``."""

    reason: ClosureReason | None = None
    resolution: ClosureReason | None = None
    resolution_notes: str | None = None


@frozen(kw_only=True)
class WhichCases(Paging):
    status: CaseStatus | None = None


@frozen(kw_only=True)
class WhichMessages(Paging):
    """``limit`` is 1 to 1000 here."""

    include_debug: bool | None = None


async def create_case(call: Call, *, principal: Principal, body: NewCase) -> Reply:
    """Open a case."""
    case = await call.fm.cases.create(
        principal=principal,
        title=body.title,
        description=body.description or "",
        priority=body.priority or Priority.MEDIUM,
        metadata=body.metadata,
        case_id=call.id_for("case"),
    )
    return Reply(value=case, status=201, headers={"Location": f"{call.base}/cases/{case.case_id}"})


async def list_cases(call: Call, *, principal: Principal, query: WhichCases) -> Reply:
    """The caller's cases, last changed first."""
    limit, offset = query.window()
    page = await call.fm.cases.list(principal=principal, status=query.status, limit=limit, offset=offset)
    return Reply(value=ListOf(name="cases", page=page))


async def get_case(call: Call, *, principal: Principal, case_id: str) -> Reply:
    """A case and what was said about it."""
    return Reply(value=await call.fm.cases.conversation(principal=principal, case_id=case_id, latest=LATEST))


async def change_case(call: Call, *, principal: Principal, case_id: str, body: ChangedCase) -> Reply:
    """Change a case."""
    case = await call.fm.cases.update(
        principal=principal,
        case_id=case_id,
        title=body.title,
        description=body.description,
        priority=body.priority,
        metadata=body.metadata,
        status=body.status,
        expected_version=body.expected_version,
    )
    return Reply(value=case)


async def delete_case(call: Call, *, principal: Principal, case_id: str) -> Reply:
    """Delete a case; its messages, evidence and reports go with it."""
    await call.fm.cases.delete(principal=principal, case_id=case_id)
    return Reply(status=204)


async def set_status(call: Call, *, principal: Principal, case_id: str, body: NewStatus) -> Reply:
    """Move a case on: consulting to investigating or closed, investigating to resolved or closed."""
    case = await call.fm.cases.change_status(
        principal=principal,
        case_id=case_id,
        status=body.status,
        reason=body.reason,
        notes=body.resolution_notes,
        expected_version=body.expected_version,
    )
    return Reply(value=case)


async def close_case(call: Call, *, principal: Principal, case_id: str, body: Closure) -> Reply:
    """End a case; its post-mortem is written soon after. Closing it again changes nothing."""
    case = await call.fm.cases.close(
        principal=principal, case_id=case_id, reason=body.reason or body.resolution, notes=body.resolution_notes
    )
    return Reply(value=case)


async def list_messages(call: Call, *, principal: Principal, case_id: str, query: WhichMessages) -> Reply:
    """What was said, in its order; a thousand at once where no limit is given, as older clients never page."""
    limit, offset = query.window(usual=LATEST, largest=LATEST)
    check_paging(limit, offset, largest=LATEST)
    page = await call.fm.cases.messages(principal=principal, case_id=case_id, limit=limit, offset=offset)
    beside: dict[str, object] = {"case_id": case_id, "retrieved_count": len(page.items)}
    if query.include_debug:  # what cannot be read fails the whole request, so none is ever left out
        beside["debug_info"] = MessageDebugOut(storage_errors=[])
    return Reply(value=ListOf(name="messages", page=page, beside=beside))


CASE = "/cases/{case_id}"
OPERATIONS = (
    Operation(
        method="POST", path="/cases", handler=create_case, answers={201: CaseOut}, group=Group.WRITES, creates=True
    ),
    Operation(method="GET", path="/cases", handler=list_cases, answers={200: CaseListOut}, group=Group.CASE_LIST),
    Operation(method="GET", path=CASE, handler=get_case, answers={200: CaseDetailOut}, group=Group.READS),
    Operation(method="PUT", path=CASE, handler=change_case, answers={200: CaseOut}, group=Group.WRITES, errors=(409,)),
    Operation(method="DELETE", path=CASE, handler=delete_case, answers={204: None}, group=Group.WRITES),
    Operation(
        method="POST",
        path=f"{CASE}/status",
        handler=set_status,
        answers={200: CaseOut},
        group=Group.WRITES,
        errors=(409,),
    ),
    Operation(method="POST", path=f"{CASE}/close", handler=close_case, answers={200: CaseOut}, group=Group.WRITES),
    Operation(
        method="GET", path=f"{CASE}/messages", handler=list_messages, answers={200: MessageListOut}, group=Group.READS
    ),
)
