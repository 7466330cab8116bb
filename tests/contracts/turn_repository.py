from typing import Any

from faultmaven_domain.agent import AgentTransactions, Turn, TurnStatus
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


class TurnRepositoryContract(DataProviderContract[Turn]):
    module, part, key, text = "agent", "turns", "job_id", "message"

    def value(self, id: str, **changes: Any) -> Turn:
        fields: dict[str, Any] = {
            "job_id": id,
            "case_id": "case_1",
            "user_id": "ana",
            "message": "What is failing?",
            "status": TurnStatus.PROCESSING,
            "submitted_at": NOON,
            "context": {"page": "timeline"},
        }
        return Turn(**{**fields, **changes})

    async def test_a_turn_without_anything_with_it(self, transactions: AgentTransactions) -> None:
        """Words alone have no intent and no attachments."""
        async with undone(transactions) as unit:
            await unit.turns.save(self.value("a"))
            turn = await unit.turns.get("a")

        assert turn is not None
        assert (turn.intent, turn.attachments, turn.answer) == (None, (), None)

    async def test_forgets_a_case(self, transactions: AgentTransactions) -> None:
        """All of one case's turns go, and nobody else's."""
        async with undone(transactions) as unit:
            for id in "abc":
                await unit.turns.save(self.value(id, case_id="case_2" if id == "b" else "case_1"))

            assert [await unit.turns.delete_of_case("case_1") for _ in range(2)] == [2, 0]
            assert [turn.job_id for turn in await unit.turns.query()] == ["b"]
