"""Every repository on SQLite, over the schema that the migrations make."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faultmaven_adapters.sql import SqlTransactions, open_sql
from tests.adapters.sqlite_file import sqlite_file
from tests.contracts.case_repository import CaseRepositoryContract
from tests.contracts.code_repository import CodeRepositoryContract
from tests.contracts.collection_repository import CollectionRepositoryContract
from tests.contracts.content_repository import ContentRepositoryContract
from tests.contracts.data_provider import ModuleContract
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


class OnSqlite(ModuleContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_file(tmp_path)

    @pytest.fixture
    async def transactions(self, url: str) -> AsyncIterator[SqlTransactions]:
        async with open_sql({self.module: url}, lambda: None) as opened:
            yield opened[self.module]


class TestSqlJobs(OnSqlite, JobRepositoryContract): ...


class TestSqlOutbox(OnSqlite, OutboxContract): ...


class TestSqlUsers(OnSqlite, UserRepositoryContract): ...


class TestSqlPasswords(OnSqlite, PasswordRepositoryContract): ...


class TestSqlFamilies(OnSqlite, FamilyRepositoryContract): ...


class TestSqlCodes(OnSqlite, CodeRepositoryContract): ...


class TestSqlCases(OnSqlite, CaseRepositoryContract): ...


class TestSqlMessages(OnSqlite, MessageRepositoryContract): ...


class TestSqlReports(OnSqlite, ReportRepositoryContract): ...


class TestSqlInvestigations(OnSqlite, InvestigationRepositoryContract): ...


class TestSqlEvidence(OnSqlite, EvidenceRepositoryContract): ...


class TestSqlLogReports(OnSqlite, LogReportRepositoryContract): ...


class TestSqlDocuments(OnSqlite, DocumentRepositoryContract): ...


class TestSqlContents(OnSqlite, ContentRepositoryContract): ...


class TestSqlCollections(OnSqlite, CollectionRepositoryContract): ...


class TestSqlTurns(OnSqlite, TurnRepositoryContract): ...


class TestSqlUsage(OnSqlite, UsageRepositoryContract): ...
