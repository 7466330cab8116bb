"""No list, count or look-up reads a whole table, however long: what the suites' statements are held to."""

from itertools import product

import pytest

from faultmaven_adapters.sql import open_sql
from faultmaven_domain.kernel.jobs import JobState
from tests.adapters.sql_engines import planner_for, url
from tests.adapters.sql_plans import issued

__all__ = ["url"]

TOLD = {
    "SELECT title FROM case_cases WHERE title = 'x'": "not looked for by an index",
    "SELECT title FROM case_cases ORDER BY title LIMIT 5": "a page in no index's order",
    "SELECT count(*) FROM case_messages": "a count of all",
    "UPDATE case_cases SET title = 'x' WHERE description = 'x'": "a change of what is in no index",
    "DELETE FROM agent_turns WHERE user_id = 'x'": "nor what is to be deleted",
}
FINE = [
    "SELECT title FROM case_cases WHERE case_id = 'x'",
    "SELECT count(*) FROM case_cases WHERE owner_id = 'someone_7'",
    "SELECT title FROM case_cases WHERE owner_id = 'someone_7' ORDER BY updated_at DESC, seq DESC LIMIT 5",
    "SELECT user_id FROM auth_passwords LIMIT 1",
]


async def test_what_reads_too_much_is_told_of(url: str, request: pytest.FixtureRequest) -> None:
    """A statement that would read a table from end to end, or sort it for a page, is found out on either engine."""
    planner = planner_for(url, request)
    for statement, why in TOLD.items():
        assert await planner.troubles([statement]) != [], why
    assert await planner.troubles(FINE) == []


async def test_every_way_to_ask_for_a_list(url: str, request: pytest.FixtureRequest) -> None:
    """Whatever combination of filters a list is asked for with, an index answers."""
    with issued() as statements:
        async with open_sql({"knowledge": url}, lambda: None) as opened, opened["knowledge"].view() as unit:
            for owner, kind, collection in product(("ana", None), ("runbook", None), ("disks", None)):
                filters = {"document_type": kind, "collection": collection}
                await unit.documents.of_owner(owner, **filters, limit=50, offset=100)
                await unit.documents.count(owner, **filters)
            for who, states in product(("ana", None), ((), (JobState.RUNNING,), (JobState.QUEUED, JobState.RUNNING))):
                await unit.jobs.of_owner(who, states=states, limit=50)

    assert len(set(statements)) == 22
    assert await planner_for(url, request).troubles(statements) == []
