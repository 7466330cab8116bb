from attrs import evolve

from faultmaven_domain.evidence import EvidenceNotFound
from faultmaven_domain.kernel.paging import check_paging
from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..views import file_views
from ..wire import ListOf, page_of
from ..wire.uploads import FileDetail, UploadedFileDetailOut, UploadedFileListOut
from .paging import Paging


async def list_files(call: Call, *, principal: Principal, case_id: str, query: Paging) -> Reply:
    """A case's files and what each shows in a sentence, newest first."""
    limit, offset = query.window(usual=100)
    check_paging(limit, offset)
    items = await call.fm.evidence.of_case(principal=principal, case_id=case_id)
    page = page_of(items, limit=limit, offset=offset)
    views = await file_views(call.fm, principal, page.items)
    return Reply(value=ListOf(name="files", page=evolve(page, items=views), beside={"case_id": case_id}))


async def get_file(call: Call, *, principal: Principal, case_id: str, file_id: str) -> Reply:
    """One file of a case, and the failing patterns it shows."""
    overview = await call.fm.cases.overview(principal=principal, case_id=case_id)
    evidence = await call.fm.evidence.get(principal=principal, evidence_id=file_id)
    if evidence.case_id != case_id:
        raise EvidenceNotFound(evidence_id=file_id)
    (view,) = await file_views(call.fm, principal, [evidence])
    return Reply(value=FileDetail(view=view, hypotheses=overview.investigation.hypotheses))


FILES = "/cases/{case_id}/uploaded-files"
OPERATIONS = (
    Operation(method="GET", path=FILES, handler=list_files, answers={200: UploadedFileListOut}, group=Group.READS),
    Operation(
        method="GET",
        path=f"{FILES}/{{file_id}}",
        handler=get_file,
        answers={200: UploadedFileDetailOut},
        group=Group.READS,
    ),
)
