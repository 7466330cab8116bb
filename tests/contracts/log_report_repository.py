from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.evidence import EvidenceTransactions, LogReport
from tests.contracts.data_provider import ModuleContract, any_value, undone
from tests.contracts.values import moments, values_of

#: A log's own times may have no zone.
times = st.none() | moments | st.datetimes()
reports = values_of(LogReport, first_at=times, last_at=times)


class LogReportRepositoryContract(ModuleContract):
    module, part = "evidence", "reports"

    @any_value
    @given(reports, reports)
    async def test_keeps_the_latest(
        self, transactions: EvidenceTransactions, first: LogReport, second: LogReport
    ) -> None:
        """Any report comes back equal, the one set last; times without a zone stay without."""
        async with undone(transactions) as unit:
            assert await unit.reports.get("ev_1") is None
            for report in (first, second):
                await unit.reports.set("ev_1", report)

                assert report == await unit.reports.get("ev_1")

    async def test_deletes(self, transactions: EvidenceTransactions) -> None:
        """A deleted report is gone, the others stay, and deleting twice says so."""
        report = LogReport(
            line_count=1, record_count=1, first_time=None, last_time=None, first_at=None, last_at=None, level_counts=(),
            patterns=(), dropped=0,
        )  # fmt: skip
        async with undone(transactions) as unit:
            await unit.reports.set("ev_1", report)
            await unit.reports.set("ev_2", report)

            assert [await unit.reports.delete("ev_1"), await unit.reports.delete("ev_1")] == [True, False]
            assert [None, report] == [await unit.reports.get("ev_1"), await unit.reports.get("ev_2")]
