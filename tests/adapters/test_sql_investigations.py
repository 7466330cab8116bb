"""A database from before there were investigations."""

from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_adapters.sql import migrate, open_sql
from faultmaven_domain.auth import AuthService
from faultmaven_domain.case import CaseService, Investigation, Milestone, Observed
from tests.adapters.sql_engines import new_url, upgraded_to
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.people import ANA

__all__ = ["new_url"]


async def test_an_older_database_has_cases_without_investigations(new_url: str) -> None:
    """Cases written before are read and changed as ever, and get an investigation by their next turn."""
    clock, ids = FakeClock(), FakeIds()
    auth = AuthService(
        memory_transactions("auth"), MemoryIdentityProvider(clock, ids), MemoryPasswordHasher(ids), clock, ids
    )
    await upgraded_to(new_url, "case", "case_0001")
    async with open_sql({"case": new_url}, lambda: None) as opened:
        old = await CaseService(opened["case"], auth, clock, ids).create(principal=ANA, title="Old")

    assert "case_0002" in await migrate({"case": new_url})
    async with open_sql({"case": new_url}, lambda: None) as opened:
        cases = CaseService(opened["case"], auth, clock, ids)
        fresh = await cases.overview(principal=ANA, case_id=old.case_id)
        told = Observed(turn_number=1, question="Checkout fails with 502.", failures=1, failing_records=2)
        await cases.observe(principal=ANA, case_id=old.case_id, observed=told)
        kept = await cases.overview(principal=ANA, case_id=old.case_id)

    assert (fresh.case, fresh.investigation) == (old, Investigation(case_id=old.case_id))
    assert (kept.case.title, kept.investigation.problem_statement) == ("Old", "Checkout fails with 502.")
    assert [one.milestone for one in kept.investigation.reached] == [Milestone.SYMPTOM_VERIFIED]
