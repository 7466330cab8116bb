from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ..case import Case, CaseMessage, Report
from ..evidence import CaseFindings, Finding
from ..kernel.data import DataProvider
from ..kernel.paging import Page
from ..kernel.principal import Principal
from ..kernel.unit_of_work import Transactions, UnitOfWork
from ..knowledge import Added, SearchResult, Section
from .models import ChatResponse, Message, Turn


class LLMProvider(Protocol):
    @property
    def name(self) -> str: ...

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> ChatResponse:
        """One answer. Raises: LLMError and its kinds; LLMRefused. No vendor's words reach the message of an error."""
        ...


class TurnRepository(DataProvider[Turn], Protocol):
    async def delete_of_case(self, case_id: str) -> int: ...


class AgentUnitOfWork(UnitOfWork, Protocol):
    @property
    def turns(self) -> TurnRepository: ...


class AgentTransactions(Transactions[AgentUnitOfWork], Protocol): ...


class Cases(Protocol):
    """What this room asks of the case room, wherever that runs."""

    async def get(self, *, principal: Principal, case_id: str) -> Case: ...

    async def messages(
        self, *, principal: Principal, case_id: str, limit: int = 50, offset: int = 0
    ) -> Page[CaseMessage]: ...

    async def record_message(
        self,
        *,
        principal: Principal,
        case_id: str,
        message_id: str,
        role: str,
        content: str,
        created_at: datetime,
        metadata: dict[str, object] | None = None,
        turn_number: int | None = None,
    ) -> CaseMessage: ...

    async def record_report(
        self,
        *,
        principal: Principal,
        case_id: str,
        report_id: str,
        report_type: str,
        title: str,
        content: str,
        citations: tuple[dict[str, object], ...] = (),
    ) -> Report: ...


class Evidence(Protocol):
    """What this room asks of the evidence room, wherever that runs."""

    async def findings(self, *, principal: Principal, case_id: str, query: str, limit: int = 12) -> CaseFindings: ...

    async def passages(
        self, *, principal: Principal, case_id: str, query: str, limit: int = 4
    ) -> tuple[Finding, ...]: ...


class Knowledge(Protocol):
    """What this room asks of the knowledge room, wherever that runs."""

    async def search(self, *, principal: Principal, query: str, limit: int = 10) -> SearchResult: ...

    async def sections(self, *, principal: Principal, document_id: str) -> tuple[Section, ...]: ...

    async def add(
        self, *, principal: Principal, title: str, content: str, document_type: str = "other", source: str | None = None
    ) -> Added: ...
