from datetime import timedelta
from typing import Any

from faultmaven_domain.case import CaseMessage, CaseTransactions, Role
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


class MessageRepositoryContract(DataProviderContract[CaseMessage]):
    module, part, key, text = "case", "messages", "message_id", "content"

    def value(self, id: str, **changes: Any) -> CaseMessage:
        fields: dict[str, Any] = {
            "message_id": id,
            "case_id": "case_1",
            "role": Role.USER,
            "content": "What is failing?",
            "turn_number": 1,
            "created_at": NOON,
            "metadata": {"citations": [{"number": 1, "lines": [3, 4]}]},
        }
        return CaseMessage(**{**fields, **changes})

    async def test_gives_a_conversation_in_its_order(self, transactions: CaseTransactions) -> None:
        """A case's messages come in the order they were recorded, whatever their clocks said, page by page."""
        async with undone(transactions) as unit:
            for number, id in enumerate("dbac"):
                at = NOON - timedelta(minutes=number)
                await unit.messages.save(self.value(id, created_at=at))
                await unit.messages.save(self.value(f"other {id}", case_id="case_2"))
            await unit.messages.save(self.value("d", content="Edited"))

            async def said(limit: int, offset: int) -> str:
                return "".join(m.message_id for m in await unit.messages.of_case("case_1", limit=limit, offset=offset))

            assert [await said(10, 0), await said(2, 1), await said(10, 4)] == ["dbac", "ba", ""]

    async def test_forgets_a_case(self, transactions: CaseTransactions) -> None:
        """All of one case's messages go, and nobody else's."""
        async with undone(transactions) as unit:
            for id in "abc":
                await unit.messages.save(self.value(id, case_id="case_2" if id == "b" else "case_1"))

            assert [await unit.messages.delete_of_case("case_1") for _ in range(2)] == [2, 0]
            assert [message.message_id for message in await unit.messages.query()] == ["b"]
