"""Facts and answers for tests, as the agent's room would tell them."""

from typing import Any

from faultmaven_domain.case import (
    Case,
    CaseService,
    Decision,
    Intent,
    IntentType,
    Observed,
    Subject,
    Suspected,
    TurnProgress,
)
from tests.fakes.people import ANA

PROBLEM = "Checkout fails with 502 since noon."
POOL = Suspected(text="connection pool exhausted", why="It fails first.", evidence_id="ev_1")
DISK = Suspected(text="no space left on device", why="It fails next.", evidence_id="ev_1")
FIX = "Raise the pool's size:\n\n`kubectl set env deploy/checkout POOL_SIZE=50`"


def seen(turn_number: int, question: str = "What do the logs say?", **facts: Any) -> Observed:
    return Observed(turn_number=turn_number, question=question, **facts)


def failing(turn_number: int, question: str = "What do the logs say?", **facts: Any) -> Observed:
    """A turn whose evidence shows twelve failing records, with when, where and what they may have begun with."""
    shown: dict[str, Any] = {
        "evidence": 1,
        "failures": 3,
        "failing_records": 12,
        "places": ("app.log", "db.log"),
        "began": "2026-03-14 11:58:02",
        "last": "2026-03-14 12:03:00",
        "onsets": 2,
        "suspects": (POOL, DISK),
    }
    return seen(turn_number, question, **{**shown, **facts})


def click(subject: Subject | None, yes: bool) -> Intent:
    return Intent(type=IntentType.CONFIRMATION, subject=subject, confirmed=yes)


class Talk:
    """One case's turns, numbered as they come."""

    def __init__(self, cases: CaseService, case: Case) -> None:
        self.cases, self.case_id, self.turn = cases, case.case_id, 0

    async def says(self, message: str, intent: Intent | None = None) -> Decision:
        self.turn += 1
        return await self.cases.decide(
            principal=ANA, case_id=self.case_id, turn_number=self.turn, message=message, intent=intent
        )

    async def clicks(self, intent: Intent) -> Decision:
        return await self.says("", intent)

    async def shows(self, question: str = "What do the logs say?", **facts: Any) -> TurnProgress:
        """A turn of the model's, whose facts are those."""
        self.turn += 1
        return await self.cases.observe(
            principal=ANA, case_id=self.case_id, observed=seen(self.turn, question, **facts)
        )

    async def shows_failures(self, question: str = "What do the logs say?", **facts: Any) -> TurnProgress:
        self.turn += 1
        return await self.cases.observe(
            principal=ANA, case_id=self.case_id, observed=failing(self.turn, question, **facts)
        )
