from typing import Any

from faultmaven_domain.case import CaseTransactions, Report
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


class ReportRepositoryContract(DataProviderContract[Report]):
    module, part, key, text = "case", "reports", "report_id", "content"

    def value(self, id: str, **changes: Any) -> Report:
        fields: dict[str, Any] = {
            "report_id": id,
            "case_id": "case_1",
            "report_type": "post_mortem",
            "title": "Post-mortem",
            "content": "# What happened",
            "created_at": NOON,
            "citations": ({"number": 1, "title": "Disk full"},),
        }
        return Report(**{**fields, **changes})

    async def test_forgets_a_case(self, transactions: CaseTransactions) -> None:
        """All of one case's reports go, and nobody else's."""
        async with undone(transactions) as unit:
            for id in "abc":
                await unit.reports.save(self.value(id, case_id="case_2" if id == "b" else "case_1"))

            assert [await unit.reports.delete_of_case("case_1") for _ in range(2)] == [2, 0]
            assert [report.report_id for report in await unit.reports.query()] == ["b"]
