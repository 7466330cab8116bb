from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ..case import Case, CaseMessage, Decision, Intent, Observed, Overview, Report, TurnProgress
from ..evidence import CaseFindings, Finding
from ..evidence import Evidence as EvidenceFile
from ..kernel.data import DataProvider
from ..kernel.paging import Page
from ..kernel.principal import Principal
from ..kernel.unit_of_work import Transactions, UnitOfWork
from ..knowledge import Added, SearchMode, SearchResult, Section
from .models import ChatResponse, EventKind, Message, Spent, Turn, TurnEvent, Usage


class LLMProvider(Protocol):
    """A language model behind some vendor's wire. No vendor's words reach the message of an error."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str:
        """Which model answers where none is named."""
        ...

    @property
    def address(self) -> str:
        """Where it answers; empty inside this process. Two servers may serve different models under one name."""
        ...

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> ChatResponse:
        """One answer. Raises: LLMError and its kinds; LLMRefused."""
        ...

    def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> AsyncGenerator[str | ChatResponse, None]:
        """The answer while it is made: its pieces, none of them empty, and last the whole as ``chat`` gives it.

        Closing it hangs up. Raises as ``chat`` does, in the middle too: a stream that is cut is an LLMError.
        """
        ...


class TurnEvents(Protocol):
    """What happens while a turn is answered, for whoever watches from whichever process. May be lost: the row is the
    truth."""

    async def add(self, job_id: str, kind: EventKind, data: dict[str, object]) -> None:
        """Raises: Unavailable."""
        ...

    async def read(self, job_id: str, *, after: str | None = None, wait: timedelta) -> tuple[TurnEvent, ...]:
        """What came after an event's id, or from the beginning, oldest first; where there is none yet, waits for it.

        An id that is none of this turn's counts as None. Kept for an hour after the last. Raises: Unavailable.
        """
        ...


class TurnRepository(DataProvider[Turn], Protocol):
    async def delete_of_case(self, case_id: str) -> int: ...


class UsageRepository(DataProvider[Usage], Protocol):
    async def total(
        self, *, user_id: str | None = None, case_id: str | None = None, since: datetime | None = None
    ) -> Spent:
        """What the calls of a user, a case, or all, since a moment or ever, come to."""
        ...


class AgentUnitOfWork(UnitOfWork, Protocol):
    @property
    def turns(self) -> TurnRepository: ...

    @property
    def usage(self) -> UsageRepository: ...


class AgentTransactions(Transactions[AgentUnitOfWork], Protocol): ...


class Cases(Protocol):
    """What this room asks of the case room, wherever that runs."""

    async def get(self, *, principal: Principal, case_id: str) -> Case: ...

    async def overview(self, *, principal: Principal, case_id: str) -> Overview: ...

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

    async def decide(
        self, *, principal: Principal, case_id: str, turn_number: int, message: str, intent: Intent | None
    ) -> Decision: ...

    async def observe(self, *, principal: Principal, case_id: str, observed: Observed) -> TurnProgress: ...

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

    async def of_case(self, *, principal: Principal, case_id: str) -> tuple[EvidenceFile, ...]: ...

    async def findings(self, *, principal: Principal, case_id: str, query: str, limit: int = 12) -> CaseFindings: ...

    async def passages(
        self, *, principal: Principal, case_id: str, query: str, limit: int = 4
    ) -> tuple[Finding, ...]: ...


class Knowledge(Protocol):
    """What this room asks of the knowledge room, wherever that runs."""

    async def search(
        self, *, principal: Principal, query: str, limit: int = 10, mode: SearchMode = SearchMode.HYBRID
    ) -> SearchResult: ...

    async def sections(self, *, principal: Principal, document_id: str) -> tuple[Section, ...]: ...

    async def add(
        self, *, principal: Principal, title: str, content: str, document_type: str = "other", source: str | None = None
    ) -> Added: ...
