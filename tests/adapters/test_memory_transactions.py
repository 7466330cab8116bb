import pytest

from faultmaven_adapters.memory.transactions import MemoryTransactions, memory_transactions
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
from tests.contracts.unit_of_work import UnitOfWorkContract
from tests.contracts.usage_repository import UsageRepositoryContract
from tests.contracts.user_repository import UserRepositoryContract


class TestMemoryUnitOfWork(UnitOfWorkContract):
    @pytest.fixture
    def transactions(self, told: list[None]) -> MemoryTransactions:
        return memory_transactions("case", lambda: told.append(None))


class InMemory(ModuleContract):
    @pytest.fixture
    def transactions(self) -> MemoryTransactions:
        return memory_transactions(self.module)


class TestMemoryJobs(InMemory, JobRepositoryContract): ...


class TestMemoryOutbox(InMemory, OutboxContract): ...


class TestMemoryUsers(InMemory, UserRepositoryContract): ...


class TestMemoryPasswords(InMemory, PasswordRepositoryContract): ...


class TestMemoryFamilies(InMemory, FamilyRepositoryContract): ...


class TestMemoryCodes(InMemory, CodeRepositoryContract): ...


class TestMemoryCases(InMemory, CaseRepositoryContract): ...


class TestMemoryMessages(InMemory, MessageRepositoryContract): ...


class TestMemoryReports(InMemory, ReportRepositoryContract): ...


class TestMemoryInvestigations(InMemory, InvestigationRepositoryContract): ...


class TestMemoryEvidence(InMemory, EvidenceRepositoryContract): ...


class TestMemoryLogReports(InMemory, LogReportRepositoryContract): ...


class TestMemoryDocuments(InMemory, DocumentRepositoryContract): ...


class TestMemoryContents(InMemory, ContentRepositoryContract): ...


class TestMemoryCollections(InMemory, CollectionRepositoryContract): ...


class TestMemoryTurns(InMemory, TurnRepositoryContract): ...


class TestMemoryUsage(InMemory, UsageRepositoryContract): ...
