"""On PostgreSQL too no list, count or look-up has to read a whole table.

The planner is forbidden what it would choose for tables that are empty: what it does all the same, it must.
"""

import logging
import re

import asyncpg
import pytest

from faultmaven_adapters.sql import open_sql
from tests.adapters.test_sql_plans import PAGES, QUESTIONS, Question

#: To be answered without reading a table, and in an index's own order.
INDEXED = "SET enable_seqscan = off"
ORDERED = (
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET enable_incremental_sort = off"
)


async def plans(url: str, module: str, question: Question, caplog: pytest.LogCaptureFixture, under: str) -> list[str]:
    """What PostgreSQL would do for each statement of a question, step by step, whatever its parameters."""
    async with open_sql({module: url}, lambda: None) as opened:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "faultmaven_adapters.sql.gateway"):
            async with opened[module].begin() as unit:
                await question(unit)
    statements = [record.args[0] for record in caplog.records if record.name == "faultmaven_adapters.sql.gateway"]
    assert statements
    steps = []
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"{under}; SET plan_cache_mode = force_generic_plan")
        for statement in map(str, statements):
            values = ", ".join(["NULL"] * max(int(number) for number in re.findall(r"\$(\d+)", f"$0 {statement}")))
            await connection.execute(f"PREPARE asked AS {statement}")
            explained = await connection.fetch(f"EXPLAIN EXECUTE asked{f'({values})' if values else ''}")
            await connection.execute("DEALLOCATE asked")
            steps += [str(row[0]) for row in explained]
    finally:
        await connection.close()
    return steps


@pytest.mark.parametrize(
    ("module", "number"), [(module, number) for module, asked in QUESTIONS.items() for number in range(len(asked))]
)
async def test_uses_an_index(postgres_url: str, module: str, number: int, caplog: pytest.LogCaptureFixture) -> None:
    """Each question of the ports is answered from an index."""
    steps = await plans(postgres_url, module, QUESTIONS[module][number], caplog, INDEXED)

    assert [step for step in steps if "Index" in step]
    assert not [step for step in steps if "Seq Scan" in step]


@pytest.mark.parametrize(("module", "question"), PAGES)
async def test_a_page_is_not_sorted(
    postgres_url: str, module: str, question: Question, caplog: pytest.LogCaptureFixture
) -> None:
    """A page of a long list is read in the index's own order: its cost is that of the page, not of the list."""
    steps = await plans(postgres_url, module, question, caplog, ORDERED)

    assert [step for step in steps if "Index" in step]
    assert not [step for step in steps if "Sort" in step or "Seq Scan" in step]
