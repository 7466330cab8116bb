from typing import Protocol

from ..auth import User
from ..kernel.data import DataProvider
from ..kernel.unit_of_work import Transactions, UnitOfWork
from .investigation import Investigation
from .models import Case, CaseMessage, CaseStatus, Report


class CaseRepository(DataProvider[Case], Protocol):
    """``save`` writes a new case (version 1) or one whose stored version is one less. Raises: CaseVersionConflict."""

    async def of_owner(self, owner_id: str, *, status: CaseStatus | None, limit: int, offset: int) -> list[Case]:
        """Last changed first."""
        ...

    async def count(self, owner_id: str, *, status: CaseStatus | None) -> int: ...


class MessageRepository(DataProvider[CaseMessage], Protocol):
    async def of_case(self, case_id: str, *, limit: int, offset: int) -> list[CaseMessage]:
        """In the order they were said."""
        ...

    async def delete_of_case(self, case_id: str) -> int: ...


class ReportRepository(DataProvider[Report], Protocol):
    async def delete_of_case(self, case_id: str) -> int: ...


class InvestigationRepository(DataProvider[Investigation], Protocol):
    """By the id of their case; a case that nothing was established about yet has none."""


class CaseUnitOfWork(UnitOfWork, Protocol):
    @property
    def cases(self) -> CaseRepository: ...

    @property
    def messages(self) -> MessageRepository: ...

    @property
    def reports(self) -> ReportRepository: ...

    @property
    def investigations(self) -> InvestigationRepository: ...


class CaseTransactions(Transactions[CaseUnitOfWork], Protocol): ...


class Users(Protocol):
    """What this room asks of the auth room, wherever that runs."""

    async def get_user(self, *, user_id: str) -> User:
        """Raises: UserNotFound."""
        ...
