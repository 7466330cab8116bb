"""One dialect per mount: how values are written there, and which status says that the input is wrong."""

from functools import partial
from typing import Any

import cattrs
from attrs import Factory, field, frozen

from faultmaven_domain.agent import ReportAdvice, UsageReport
from faultmaven_domain.auth import Consent, Grant, SignedOut, TokenPair, User
from faultmaven_domain.case import Case, CaseMessage, Conversation, Report
from faultmaven_domain.evidence import Evidence
from faultmaven_domain.kernel.jobs import Job
from faultmaven_domain.knowledge import Added, Collection, Document, DocumentText
from faultmaven_domain.session import OpenedSession, Session

from .agent import TurnView, turn_out
from .auth import Entered, entered_out, logged_out, tokens_out, user_out
from .case import RoleOut, case_out, detail_out, message_out, report_out
from .case_reports import WrittenReports, report_advice_out, written_reports_out
from .case_ui import CaseHeader, CaseTitle, case_title_out, case_ui_out
from .common import ListOf, list_out
from .evidence import EvidenceFile, evidence_out
from .jobs import JobList, job_list_out, job_out
from .knowledge import (
    CollectionList,
    TimedSearch,
    added_out,
    collection_list_out,
    collection_out,
    document_out,
    document_text_out,
    search_out,
)
from .oauth import Denial, consent_out, denial_out, grant_out
from .oidc import Departure, departure_out
from .session import opened_session_out, session_out
from .summaries import FileView
from .uploaded_data import UploadedData, uploaded_data_out
from .uploads import FileDetail, uploaded_file_detail_out, uploaded_file_out
from .usage import usage_report_out


@frozen(kw_only=True)
class Dialect:
    """``prefix`` is where its mount is; ``agent`` what it calls whoever answers."""

    prefix: str
    invalid_status: int
    agent: RoleOut
    evidence_is_its_record: bool
    _converter: cattrs.Converter = field(
        init=False, default=Factory(lambda self: _converter(self.agent), takes_self=True)
    )

    def written(self, value: object) -> object:
        """A value as JSON can say it."""
        return self._converter.unstructure(value)


def _converter(agent: RoleOut) -> cattrs.Converter:
    converter = cattrs.Converter()
    hooks: dict[Any, Any] = {
        User: user_out,
        TokenPair: tokens_out,
        Entered: entered_out,
        Departure: departure_out,
        SignedOut: logged_out,
        Consent: consent_out,
        Grant: grant_out,
        Denial: denial_out,
        Session: session_out,
        OpenedSession: opened_session_out,
        Case: case_out,
        CaseMessage: partial(message_out, agent=agent),
        Conversation: partial(detail_out, agent=agent),
        Report: report_out,
        CaseHeader: case_ui_out,
        CaseTitle: case_title_out,
        ReportAdvice: report_advice_out,
        WrittenReports: written_reports_out,
        TurnView: partial(turn_out, agent=agent),
        UsageReport: usage_report_out,
        Document: document_out,
        DocumentText: document_text_out,
        Added: added_out,
        Collection: collection_out,
        CollectionList: collection_list_out,
        TimedSearch: search_out,
        Evidence: evidence_out,
        EvidenceFile: lambda value: evidence_out(value.record),
        FileView: uploaded_file_out,
        FileDetail: uploaded_file_detail_out,
        UploadedData: partial(uploaded_data_out, agent=agent),
        Job: job_out,
        JobList: job_list_out,
        ListOf: lambda value: list_out(value, converter.unstructure),
    }
    for kind, hook in hooks.items():
        converter.register_unstructure_hook(kind, hook)
    return converter


V1 = Dialect(prefix="/v1", invalid_status=400, agent="agent", evidence_is_its_record=False)
API_V1 = Dialect(prefix="/api/v1", invalid_status=422, agent="assistant", evidence_is_its_record=True)
DIALECTS = (V1, API_V1)
