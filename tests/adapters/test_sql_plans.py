"""No list, count or look-up reads a whole table, however large it grows."""

import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from faultmaven_adapters.sql import open_sql, sqlite_path
from faultmaven_domain.case import CaseStatus
from faultmaven_domain.kernel.jobs import JobState
from tests.adapters.sqlite_file import sqlite_file

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
PAGE = {"limit": 50, "offset": 100}
Question = Callable[[Any], Awaitable[object]]

QUESTIONS: dict[str, list[Question]] = {
    "auth": [
        lambda u: u.users.get("x"),
        lambda u: u.users.named("ana"),
        lambda u: u.passwords.get("x"),
        lambda u: u.families.get("x"),
        lambda u: u.families.live_of("ana", at=NOON),
        lambda u: u.families.delete_expired(before=NOON),
        lambda u: u.codes.get("x"),
        lambda u: u.codes.delete_expired(before=NOON),
    ],
    "case": [
        lambda u: u.cases.get("x"),
        lambda u: u.cases.of_owner("ana", status=None, **PAGE),
        lambda u: u.cases.of_owner("ana", status=CaseStatus.CLOSED, **PAGE),
        lambda u: u.cases.count("ana", status=None),
        lambda u: u.cases.count("ana", status=CaseStatus.CLOSED),
        lambda u: u.messages.get("x"),
        lambda u: u.messages.of_case("x", **PAGE),
        lambda u: u.messages.delete_of_case("x"),
        lambda u: u.reports.get("x"),
        lambda u: u.reports.query(case_id="x"),
        lambda u: u.reports.delete_of_case("x"),
        lambda u: u.investigations.get("x"),
        lambda u: u.investigations.delete("x"),
    ],
    "evidence": [
        lambda u: u.evidence.get("x"),
        lambda u: u.evidence.of_case("x", owner_id="ana"),
        lambda u: u.evidence.of_owner("ana", **PAGE),
        lambda u: u.evidence.count("ana"),
        lambda u: u.evidence.keys(),
        lambda u: u.reports.get("x"),
    ],
    "knowledge": [
        lambda u: u.documents.get("x"),
        lambda u: u.documents.by_ids(["x", "y"]),
        lambda u: u.documents.revisions(["x", "y"], owner_id="ana"),
        lambda u: u.documents.by_source("ana", "x"),
        lambda u: u.documents.by_source(None, "x"),
        *[
            lambda u, owner=owner, kind=kind, collection=collection: u.documents.of_owner(
                owner, document_type=kind, collection=collection, **PAGE
            )
            for owner in ("ana", None)
            for kind in ("runbook", None)
            for collection in ("disks", None)
        ],
        *[
            lambda u, owner=owner, kind=kind: u.documents.count(owner, document_type=kind, collection=None)
            for owner in ("ana", None)
            for kind in ("runbook", None)
        ],
        lambda u: u.documents.not_embedded_with("new/1", limit=100),
        lambda u: u.documents.not_embedded_with(None, limit=100),
        lambda u: u.documents.file_keys(),
        lambda u: u.contents.get("x"),
        lambda u: u.collections.delete("ana", "x"),
    ],
    "agent": [
        lambda u: u.turns.get("x"),
        lambda u: u.turns.delete_of_case("x"),
        lambda u: u.jobs.get("x"),
        lambda u: u.jobs.of_owner("ana", states=(), limit=50),
        lambda u: u.jobs.of_owner(None, states=(), limit=50),
        lambda u: u.jobs.of_owner(None, states=(JobState.RUNNING,), limit=50),
        lambda u: u.outbox.drop("x"),
        lambda u: u.outbox.mark_sent(["x", "y"], at=NOON),
        lambda u: u.outbox.park("x"),
        lambda u: u.outbox.unpark("x"),
        lambda u: u.outbox.parked(),
        lambda u: u.outbox.drop_parked(put_before=NOON),
    ],
}


#: Those that give a page of a list.
PAGES: list[tuple[str, Question]] = [
    ("case", lambda u: u.cases.of_owner("ana", status=None, **PAGE)),
    ("case", lambda u: u.cases.of_owner("ana", status=CaseStatus.CLOSED, **PAGE)),
    ("case", lambda u: u.messages.of_case("x", **PAGE)),
    ("evidence", lambda u: u.evidence.of_owner("ana", **PAGE)),
    ("knowledge", lambda u: u.documents.of_owner("ana", document_type=None, collection=None, **PAGE)),
    ("knowledge", lambda u: u.documents.of_owner(None, document_type="runbook", collection=None, **PAGE)),
    ("knowledge", lambda u: u.documents.of_owner("ana", document_type=None, collection="disks", **PAGE)),
    ("agent", lambda u: u.jobs.of_owner("ana", states=(), limit=50)),
    ("agent", lambda u: u.jobs.of_owner(None, states=(), limit=50)),
]


async def plans(url: str, module: str, question: Question, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What SQLite would do for each statement of a question, step by step."""
    async with open_sql({module: url}, lambda: None) as opened:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "faultmaven_adapters.sql.gateway"):
            async with opened[module].begin() as unit:
                await question(unit)
    statements = [record.args[0] for record in caplog.records if record.name == "faultmaven_adapters.sql.gateway"]
    assert statements
    steps = []
    connection = sqlite3.connect(sqlite_path(url))
    for statement in statements:
        names = dict.fromkeys(re.findall(r":(\w+)", str(statement)))
        steps += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", names)]
    connection.close()
    return steps


@pytest.mark.parametrize(
    ("module", "number"), [(module, number) for module, asked in QUESTIONS.items() for number in range(len(asked))]
)
async def test_uses_an_index(tmp_path: Path, module: str, number: int, caplog: pytest.LogCaptureFixture) -> None:
    """Each question of the ports is answered from an index."""
    steps = await plans(sqlite_file(tmp_path), module, QUESTIONS[module][number], caplog)

    assert steps
    assert not [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]


@pytest.mark.parametrize(("module", "question"), PAGES)
async def test_a_page_is_not_sorted(
    tmp_path: Path, module: str, question: Question, caplog: pytest.LogCaptureFixture
) -> None:
    """A page of a long list is read in the index's own order: its cost is that of the page, not of the list."""
    steps = await plans(sqlite_file(tmp_path), module, question, caplog)

    assert [step for step in steps if step.startswith("SEARCH") or "USING INDEX" in step]
    assert not [step for step in steps if "TEMP B-TREE" in step]
