"""Turns of a case that are waited for: words, files, pasted text and what a click means, and a file alone."""

from attrs import frozen

from faultmaven_domain.case import Case
from faultmaven_domain.evidence import EvidenceNotFound
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.principal import Principal

from ..adding import added, check
from ..asking import HEADERS, LONGEST_SESSION_ID, answered, ended, preferred_wait, submitted
from ..limits import Group
from ..operation import Call, Operation, Reply
from ..turn_form import TurnForm, context_of, message_of, origin_of, uploads_of
from ..views import file_views, turn_view
from ..wire import Metadata, Upload
from ..wire.agent import TurnOut, WaitingOut
from ..wire.intents import intent_of
from ..wire.summaries import SOURCE_TYPES
from ..wire.uploaded_data import UploadedData, UploadedDataOut

#: How long an uploaded file waits to be read and talked about, in seconds.
UPLOAD_WAIT = 25
MOST_ATTACHMENTS = 20


@frozen(kw_only=True)
class AttachedFile:
    file_id: str


@frozen(kw_only=True)
class CaseQuery:
    """``attachments`` are files of the case already. ``context`` is the caller's own and kept with the turn."""

    message: str
    attachments: tuple[AttachedFile, ...] | None = None
    context: Metadata | None = None


@frozen(kw_only=True)
class DataForm:
    """``source_metadata`` is a JSON object: ``source_type`` (file_upload, text_paste or page_capture), ``source_url``,
    ``captured_at``."""

    file: Upload
    session_id: str | None = None
    source_metadata: Metadata | None = None
    description: str | None = None


async def query(call: Call, *, principal: Principal, case_id: str, body: CaseQuery) -> Reply:
    """Ask about a case and wait for the answer.

    An answer that takes longer than 100 seconds, or than ``Prefer: wait=N`` says, is 202, with the address to ask for
    it at in ``Location``; a turn that fails is 503 with the reason.
    """
    files = tuple(one.file_id for one in body.attachments or ())
    if len(files) > MOST_ATTACHMENTS:
        raise InvalidInput(f"attachments are at most {MOST_ATTACHMENTS}.", field="attachments")
    for id in files:
        evidence = await call.fm.evidence.get(principal=principal, evidence_id=id)
        if evidence.case_id != case_id:
            raise EvidenceNotFound(evidence_id=id)
    turn = await submitted(
        call,
        principal=principal,
        case_id=case_id,
        message=body.message,
        context=dict(body.context or {}),
        attachments=files,
    )
    return await answered(call, principal=principal, turn=turn)


async def take_turn(call: Call, *, principal: Principal, case_id: str, body: TurnForm) -> Reply:
    """Say something about a case, with files, pasted text or a click, and wait for the answer.

    It is given once the files are read. One that takes longer than 100 seconds, or than ``Prefer: wait=N`` says, is
    202, with the address to ask for it at in ``Location``; a turn that fails is 503 with the reason. Either all files
    are taken or, where one cannot be by its name or for being empty, none.
    """
    intent = intent_of(body.intent_type, body.intent_data)
    origin, uploads = origin_of(body), uploads_of(body, now=call.fm.clock.now())
    names = check((file for file, _ in uploads), field="files")
    message = message_of(body, intent, names)
    attachments: list[str] = []
    if uploads:
        case = await _open_case(call, principal, case_id)
        for nth, (file, source) in enumerate(uploads):
            metadata = {**origin, "source_type": source, "turn_number": case.current_turn + 1}
            evidence = await added(call, principal=principal, case_id=case_id, upload=file, nth=nth, metadata=metadata)
            attachments.append(evidence.evidence_id)
    turn = await submitted(
        call,
        principal=principal,
        case_id=case_id,
        message=message,
        context=context_of(body),
        intent=intent,
        attachments=tuple(attachments),
    )
    return await answered(call, principal=principal, turn=turn)


async def add_data(call: Call, *, principal: Principal, case_id: str, body: DataForm) -> Reply:
    """Put a file into a case and have it looked at: it is stored when this answers, and usually read and talked about.

    What takes longer than 25 seconds, or than ``Prefer: wait=N`` says, goes on without the caller: the file is
    ``processing`` then, or the turn about it is not there yet.
    """
    check([body.file], field="file")
    case = await _open_case(call, principal, case_id)
    given = dict(body.source_metadata or {})
    source = next((known for known in SOURCE_TYPES if known == given.get("source_type")), "file_upload")
    evidence = await added(
        call,
        principal=principal,
        case_id=case_id,
        upload=body.file,
        description=body.description or "",
        metadata={**given, "source_type": source, "turn_number": case.current_turn + 1},
    )
    turn = await submitted(
        call,
        principal=principal,
        case_id=case_id,
        message=f"I added {evidence.filename}. What does it show?",
        context={"session_id": body.session_id} if 0 < len(body.session_id or "") <= LONGEST_SESSION_ID else {},
        attachments=(evidence.evidence_id,),
    )
    wait = preferred_wait(call)
    turn = await ended(call, principal=principal, turn=turn, seconds=min(wait or UPLOAD_WAIT, UPLOAD_WAIT))
    evidence = await call.fm.evidence.get(principal=principal, evidence_id=evidence.evidence_id)
    (view,) = await file_views(call.fm, principal, [evidence])
    told = await turn_view(call.fm, principal=principal, turn=turn)
    applied = {} if wait is None else {"Preference-Applied": f"wait={min(wait, UPLOAD_WAIT)}"}
    return Reply(value=UploadedData(view=view, turn=told), status=201, headers=applied)


async def _open_case(call: Call, principal: Principal, case_id: str) -> Case:
    """Raises: CaseNotFound; CaseClosed, before anything is stored."""
    case = await call.fm.cases.get(principal=principal, case_id=case_id)
    case.require_open()
    return case


CASE = "/cases/{case_id}"
_ANSWERS = {200: TurnOut, 202: WaitingOut}
OPERATIONS = (
    Operation(
        method="POST",
        path=f"{CASE}/queries",
        handler=query,
        answers=_ANSWERS,
        group=Group.TURNS,
        errors=(409,),
        headers=HEADERS,
        creates=True,
    ),
    Operation(
        method="POST",
        path=f"{CASE}/turns",
        handler=take_turn,
        answers=_ANSWERS,
        group=Group.TURNS,
        errors=(409, 507),
        headers=HEADERS,
        creates=True,
    ),
    Operation(
        method="POST",
        path=f"{CASE}/data",
        handler=add_data,
        answers={201: UploadedDataOut},
        group=Group.UPLOADS,
        errors=(409, 507),
        headers=HEADERS,
        creates=True,
    ),
)
