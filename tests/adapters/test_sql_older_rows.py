"""What an older version wrote is read by this one."""

import sqlite3

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from faultmaven_adapters.sql import MODULES, migrate, open_sql, sqlite_path, sqlite_url
from faultmaven_domain.agent import SourceKind, TurnStatus

ANSWER = """{"message_id": "m_1", "case_id": "case_1", "content": "The disk is full [1].", "turn_number": 1,
"created_at": "2026-03-14T12:00:00+00:00", "model": "m", "provider": "p", "citations": [{"number": 1,
"kind": "evidence", "source_id": "ev_1", "title": "app.log", "section": "", "lines": [7], "quote": "full"}]}"""


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return sqlite_url(tmp_path_factory.mktemp("older") / "faultmaven.db")


def taken_back(url: str, module: str, revision: str) -> None:
    """A module's database as an older version left it."""
    engine = create_engine(url)
    with engine.begin() as connection:
        config = Config(
            attributes={
                "connection": connection,
                "metadata": MODULES[module].metadata,
                "version_table": f"{module}_version",
                "on_version_apply": lambda **_: None,
            }
        )
        config.set_main_option("script_location", "faultmaven_adapters.sql:migrations")
        config.set_main_option("path_separator", "os")
        command.downgrade(config, revision)
    engine.dispose()


async def test_turns_from_before_intents_and_progress(url: str) -> None:
    """They have no intent, no attachments and no progress; what they were asked and answered stays."""
    await migrate({"agent": url})
    taken_back(url, "agent", "agent_0002")
    with sqlite3.connect(sqlite_path(url)) as connection:
        for job_id, answer in (("old_1", ANSWER), ("old_2", None)):
            connection.execute(
                "INSERT INTO agent_turns (job_id, case_id, user_id, message, status, submitted_at, context, answer) "
                "VALUES (?, 'case_1', 'ana', 'Why?', 'completed', '2026-03-14T11:59:00.000000+00:00', '{}', ?)",
                (job_id, answer),
            )
    connection.close()

    assert await migrate({"agent": url}) == ["agent_0003"]

    async with open_sql({"agent": url}, lambda: None) as opened, opened["agent"].view() as unit:
        answered, waits = await unit.turns.get("old_1"), await unit.turns.get("old_2")
    assert answered is not None
    assert waits is not None
    assert (answered.message, answered.status) == ("Why?", TurnStatus.COMPLETED)
    assert (answered.intent, answered.attachments, waits.attachments) == (None, (), ())
    assert answered.answer is not None
    assert answered.answer.progress is None
    assert [citation.kind for citation in answered.answer.citations] == [SourceKind.EVIDENCE]
