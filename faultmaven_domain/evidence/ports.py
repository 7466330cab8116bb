from typing import Protocol

from ..case import Case
from ..kernel.data import DataProvider
from ..kernel.principal import Principal
from ..kernel.unit_of_work import Transactions, UnitOfWork
from .analysis import LogReport
from .models import Evidence


class EvidenceRepository(DataProvider[Evidence], Protocol):
    async def of_case(self, case_id: str, *, owner_id: str) -> list[Evidence]:
        """Newest first."""
        ...

    async def of_owner(self, owner_id: str, *, limit: int, offset: int) -> list[Evidence]:
        """Newest first."""
        ...

    async def count(self, owner_id: str) -> int: ...

    async def keys(self) -> set[str]:
        """Every file key a record refers to, text keys not among them."""
        ...


class LogReportRepository(Protocol):
    """What the analysis found, by evidence id."""

    async def get(self, evidence_id: str) -> LogReport | None: ...

    async def set(self, evidence_id: str, report: LogReport) -> None: ...

    async def delete(self, evidence_id: str) -> bool: ...


class EvidenceUnitOfWork(UnitOfWork, Protocol):
    @property
    def evidence(self) -> EvidenceRepository: ...

    @property
    def reports(self) -> LogReportRepository: ...


class EvidenceTransactions(Transactions[EvidenceUnitOfWork], Protocol): ...


class Cases(Protocol):
    """What this room asks of the case room, wherever that runs."""

    async def get(self, *, principal: Principal, case_id: str) -> Case:
        """Raises: CaseNotFound, also for another user's."""
        ...
