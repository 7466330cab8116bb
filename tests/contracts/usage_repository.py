from datetime import timedelta
from typing import Any

from faultmaven_domain.agent import AgentTransactions, Spent, Task, Usage
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


class UsageRepositoryContract(DataProviderContract[Usage]):
    module, part, key, text = "agent", "usage", "usage_id", "model"

    def value(self, id: str, **changes: Any) -> Usage:
        fields: dict[str, Any] = {
            "usage_id": id,
            "job_id": "job_1",
            "case_id": "case_1",
            "user_id": "ana",
            "task": Task.TURN,
            "provider": "openai",
            "model": "small",
            "input_tokens": 1_000,
            "output_tokens": 100,
            "cost": 210,
            "created_at": NOON,
        }
        return Usage(**{**fields, **changes})

    async def test_totals(self, transactions: AgentTransactions) -> None:
        """Calls add up by user, by case and from a moment on; a call without a price is counted apart."""
        async with undone(transactions) as unit:
            assert await unit.usage.total() == Spent()
            await unit.usage.save(self.value("a"))
            await unit.usage.save(self.value("b", case_id="case_2", created_at=NOON - timedelta(days=1)))
            await unit.usage.save(self.value("c", user_id="bob", cost=None))

            assert await unit.usage.total() == Spent(
                calls=3, input_tokens=3_000, output_tokens=300, cost=420, unpriced=1
            )
            assert (await unit.usage.total(user_id="ana")).calls == 2
            assert (await unit.usage.total(user_id="ana", since=NOON)).cost == 210
            assert (await unit.usage.total(case_id="case_1")).calls == 2
            assert (await unit.usage.total(since=NOON)).calls == 2
            assert (await unit.usage.total(user_id="eve")) == Spent()
