from attrs import frozen

from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..views import file_views
from ..wire.case_ui import CaseHeader, CaseTitle, CaseTitleOut, CaseUiOut
from .case import CASE

#: How many files a header looks into, the newest first.
MOST_FILES = 5
#: Whether a title was there, or was made now.
TITLE_SOURCE = "X-Title-Source"


@frozen(kw_only=True)
class NewTitle:
    """``max_words`` is 1 to 30.

    ``hint`` and ``force`` are taken and change nothing: a title is made of what was said in the case, and one that
    somebody gave it is never written over.
    """

    max_words: int = 8
    hint: str | None = None
    force: bool | None = None


async def case_ui(call: Call, *, principal: Principal, case_id: str) -> Reply:
    """A case as its header shows it, in whatever status."""
    overview = await call.fm.cases.overview(principal=principal, case_id=case_id)
    evidence = await call.fm.evidence.of_case(principal=principal, case_id=case_id)
    files = await file_views(call.fm, principal, evidence[:MOST_FILES])
    return Reply(value=CaseHeader(overview=overview, file_count=len(evidence), files=files))


async def entitle(call: Call, *, principal: Principal, case_id: str, body: NewTitle) -> Reply:
    """Name a case after its problem, unless somebody has named it; `X-Title-Source` says which, `existing` or
    `generated`.

    The title is empty, and the case keeps its name, where too little was said for one.
    """
    titled = await call.fm.cases.entitle(principal=principal, case_id=case_id, max_words=body.max_words)
    value = CaseTitle(case_id=case_id, titled=titled)
    return Reply(value=value, headers={TITLE_SOURCE: value.source})


OPERATIONS = (
    Operation(method="GET", path=f"{CASE}/ui", handler=case_ui, answers={200: CaseUiOut}, group=Group.READS),
    Operation(
        method="POST",
        path=f"{CASE}/title",
        handler=entitle,
        answers={200: CaseTitleOut},
        group=Group.WRITES,
        errors=(409,),
    ),
)
