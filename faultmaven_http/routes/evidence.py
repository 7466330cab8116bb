from attrs import frozen

from faultmaven_domain.evidence import EvidenceType
from faultmaven_domain.kernel.paging import check_paging
from faultmaven_domain.kernel.principal import Principal

from ..adding import added
from ..limits import Group
from ..operation import Bytes, Call, Operation, Reply
from ..wire import ListOf, Upload, page_of
from ..wire.evidence import EvidenceFile, EvidenceListOut, EvidenceOut
from .paging import Paging


@frozen(kw_only=True)
class EvidenceUpload:
    """Without an ``evidence_type`` the file's name decides."""

    file: Upload
    case_id: str
    evidence_type: EvidenceType | None = None
    description: str | None = None


@frozen(kw_only=True)
class WhichEvidence(Paging):
    case_id: str | None = None


async def upload(call: Call, *, principal: Principal, body: EvidenceUpload) -> Reply:
    """Put a file into an open case. It is stored when this answers, and read soon after."""
    case = await call.fm.cases.get(principal=principal, case_id=body.case_id)
    evidence = await added(
        call,
        principal=principal,
        case_id=body.case_id,
        upload=body.file,
        evidence_type=body.evidence_type,
        description=body.description or "",
        metadata={"source_type": "file_upload", "turn_number": case.current_turn},
    )
    location = f"{call.base}/evidence/{evidence.evidence_id}"
    return Reply(value=evidence, status=201, headers={"Location": location})


async def list_evidence(call: Call, *, principal: Principal, query: WhichEvidence) -> Reply:
    """The caller's evidence, or that of one case, newest first."""
    if query.case_id is not None:
        return await _of_case(call, principal, query.case_id, query)
    limit, offset = query.window()
    page = await call.fm.evidence.list(principal=principal, limit=limit, offset=offset)
    return Reply(value=ListOf(name="evidence", page=page))


async def list_of_case(call: Call, *, principal: Principal, case_id: str, query: Paging) -> Reply:
    """A case's evidence, newest first."""
    return await _of_case(call, principal, case_id, query)


async def get_evidence(call: Call, *, principal: Principal, evidence_id: str) -> Reply:
    """The file itself on ``/v1``, its record on ``/api/v1`` or for ``Accept: application/json``."""
    record = await call.fm.evidence.get(principal=principal, evidence_id=evidence_id)
    return Reply(value=EvidenceFile(record=record, content=lambda: call.fm.files.stream(record.file_key)))


async def get_record(call: Call, *, principal: Principal, evidence_id: str) -> Reply:
    """What is known about a file."""
    return Reply(value=await call.fm.evidence.get(principal=principal, evidence_id=evidence_id))


async def delete_evidence(call: Call, *, principal: Principal, evidence_id: str) -> Reply:
    """Delete a piece of evidence and its file."""
    await call.fm.evidence.delete(principal=principal, evidence_id=evidence_id)
    return Reply(status=204)


async def _of_case(call: Call, principal: Principal, case_id: str, query: Paging) -> Reply:
    limit, offset = query.window(usual=100)
    check_paging(limit, offset)
    evidence = await call.fm.evidence.of_case(principal=principal, case_id=case_id)
    return Reply(value=ListOf(name="evidence", page=page_of(evidence, limit=limit, offset=offset)))


ONE = "/evidence/{evidence_id}"
OPERATIONS = (
    *(
        Operation(
            method="POST",
            path=path,
            handler=upload,
            answers={201: EvidenceOut},
            group=Group.UPLOADS,
            errors=(404, 409, 507),
            creates=True,
        )
        for path in ("/evidence/upload", "/evidence")
    ),
    Operation(
        method="GET",
        path="/evidence",
        handler=list_evidence,
        answers={200: EvidenceListOut},
        group=Group.READS,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/evidence/case/{case_id}",
        handler=list_of_case,
        answers={200: EvidenceListOut},
        group=Group.READS,
    ),
    Operation(method="GET", path=f"{ONE}/metadata", handler=get_record, answers={200: EvidenceOut}, group=Group.READS),
    Operation(
        method="GET", path=ONE, handler=get_evidence, answers={200: (Bytes("*/*"), EvidenceOut)}, group=Group.READS
    ),
    Operation(method="DELETE", path=ONE, handler=delete_evidence, answers={204: None}, group=Group.WRITES),
)
