"""Every repository on both engines, over the schema that the migrations make."""

from tests.adapters.sql_engines import OnSql, url
from tests.contracts.case_repository import CaseRepositoryContract
from tests.contracts.code_repository import CodeRepositoryContract
from tests.contracts.collection_repository import CollectionRepositoryContract
from tests.contracts.content_repository import ContentRepositoryContract
from tests.contracts.document_repository import DocumentRepositoryContract
from tests.contracts.evidence_repository import EvidenceRepositoryContract
from tests.contracts.family_repository import FamilyRepositoryContract
from tests.contracts.investigation_repository import InvestigationRepositoryContract
from tests.contracts.job_repository import JobRepositoryContract
from tests.contracts.log_report_repository import LogReportRepositoryContract
from tests.contracts.message_repository import MessageRepositoryContract
from tests.contracts.outbox import OutboxContract
from tests.contracts.password_repository import PasswordRepositoryContract
from tests.contracts.report_repository import ReportRepositoryContract
from tests.contracts.turn_repository import TurnRepositoryContract
from tests.contracts.usage_repository import UsageRepositoryContract
from tests.contracts.user_repository import UserRepositoryContract

__all__ = ["url"]


class TestSqlJobs(OnSql, JobRepositoryContract): ...


class TestSqlOutbox(OnSql, OutboxContract): ...


class TestSqlUsers(OnSql, UserRepositoryContract): ...


class TestSqlPasswords(OnSql, PasswordRepositoryContract): ...


class TestSqlFamilies(OnSql, FamilyRepositoryContract): ...


class TestSqlCodes(OnSql, CodeRepositoryContract): ...


class TestSqlCases(OnSql, CaseRepositoryContract): ...


class TestSqlMessages(OnSql, MessageRepositoryContract): ...


class TestSqlReports(OnSql, ReportRepositoryContract): ...


class TestSqlInvestigations(OnSql, InvestigationRepositoryContract): ...


class TestSqlEvidence(OnSql, EvidenceRepositoryContract): ...


class TestSqlLogReports(OnSql, LogReportRepositoryContract): ...


class TestSqlDocuments(OnSql, DocumentRepositoryContract): ...


class TestSqlContents(OnSql, ContentRepositoryContract): ...


class TestSqlCollections(OnSql, CollectionRepositoryContract): ...


class TestSqlTurns(OnSql, TurnRepositoryContract): ...


class TestSqlUsage(OnSql, UsageRepositoryContract): ...
