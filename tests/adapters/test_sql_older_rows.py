"""What an older version wrote is read by this one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, inspect, select

from faultmaven_adapters.sql import MODULES, Gateway, migrate, open_sql
from faultmaven_adapters.sql.columns import UtcDateTime
from faultmaven_adapters.sql.records import SqlRecords, Stored
from faultmaven_domain.agent import SourceKind, TurnStatus
from tests.adapters import test_sql_repositories as suites
from tests.adapters.sql_engines import OnSql, inside, new_url, scripted, upgraded_to
from tests.adapters.test_sql_migrations import HISTORY
from tests.contracts.data_provider import DataProviderContract

__all__ = ["new_url"]

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
Rows = dict[str, list[dict[str, Any]]]


def stored_in(module: str) -> dict[str, Stored[Any]]:
    """The module's tables of values, by their names."""
    ours = vars(import_module(f"faultmaven_adapters.sql.{module}")).values()
    return {each.table.name: each for each in ours if isinstance(each, Stored)}


def examples() -> Iterator[Any]:
    """A value of each class that is kept, as its contract makes them, by the number that its id ends in."""
    for suite in vars(suites).values():
        if isinstance(suite, type) and issubclass(suite, OnSql) and issubclass(suite, DataProviderContract):
            yield from (suite().value(f"old_{number}") for number in (1, 2))


def filled(connection: Connection, module: str) -> Rows:
    """Two rows for each table there is, without the columns that are yet to come."""
    there, stored, written = inspect(connection), stored_in(module), Rows()
    for table in MODULES[module].metadata.sorted_tables:
        if not there.has_table(table.name):
            continue
        known = {column["name"] for column in there.get_columns(table.name)} - {"seq"}
        if table.name in stored:
            codec = stored[table.name].codec
            rows = [codec.to_row(value) for value in examples() if type(value) is codec._cls]
        else:
            times = {column.name for column in table.columns if isinstance(column.type, UtcDateTime)}
            rows = [{name: NOON if name in times else f"{name} {n}" for name in known} for n in (1, 2)]
        assert len(rows) == 2, table.name
        written[table.name] = [{name: row[name] for name in sorted(known)} for row in rows]
        for row in written[table.name]:
            connection.execute(table.insert().values(row))
    return written


def found(connection: Connection, written: Rows, module: str) -> Rows:
    tables = MODULES[module].metadata.tables
    return {
        name: [
            dict(row)
            for row in connection.execute(select(*[tables[name].c[column] for column in rows[0]])).mappings().all()
        ]
        for name, rows in written.items()
    }


def apart(url: str, revision: str) -> str:
    """A place beside the others in the same database, or the same folder."""
    if url.startswith("sqlite"):
        return url.replace("faultmaven.db", f"{revision}.db")
    return f"{url}&search_path={revision}"


async def test_rows_of_every_older_version_are_kept_and_read(new_url: str) -> None:
    """What lay in each table at each step of the history is there after the upgrade, and the repositories read it."""
    for module, revisions in HISTORY.items():
        for revision in revisions[:-1]:
            url = apart(new_url, revision)
            if url.startswith("postgres"):
                await scripted(new_url, f"CREATE SCHEMA {revision}")
            await upgraded_to(url, module, revision)
            written = await inside(url, lambda connection, _, module=module: filled(connection, module))
            assert written

            assert await migrate({module: url}) == revisions[revisions.index(revision) + 1 :]

            assert written == await inside(
                url, lambda connection, _, module=module, written=written: found(connection, written, module)
            )
            gateway = Gateway(url, module=module)
            await gateway.open()
            async with gateway.transaction(readonly=True) as connection:
                for name, stored in stored_in(module).items():
                    values = await SqlRecords(connection, stored).query()
                    assert len(values) == len(written.get(name, ()))
                    for value, row in zip(values, written.get(name, ()), strict=True):
                        assert row.items() <= stored.codec.to_row(value).items()
            await gateway.close()


ANSWER = """{"message_id": "m_1", "case_id": "case_1", "content": "The disk is full [1].", "turn_number": 1,
"created_at": "2026-03-14T12:00:00+00:00", "model": "m", "provider": "p", "citations": [{"number": 1,
"kind": "evidence", "source_id": "ev_1", "title": "app.log", "section": "", "lines": [7], "quote": "full"}]}"""


async def test_turns_from_before_intents_and_progress(new_url: str) -> None:
    """They have no intent, no attachments and no progress; what they were asked and answered stays."""
    await upgraded_to(new_url, "agent", "agent_0002")
    for job_id, answer in (("old_1", f"'{ANSWER}'"), ("old_2", "NULL")):
        await scripted(
            new_url,
            "INSERT INTO agent_turns (job_id, case_id, user_id, message, status, submitted_at, context, answer) VALUES "
            f"('{job_id}', 'case_1', 'ana', 'Why?', 'completed', '2026-03-14T11:59:00.000000+00:00', '{{}}', {answer})",
        )

    assert await migrate({"agent": new_url}) == ["agent_0003", "agent_0004"]

    async with open_sql({"agent": new_url}, lambda: None) as opened, opened["agent"].view() as unit:
        answered, waits = await unit.turns.get("old_1"), await unit.turns.get("old_2")
    assert answered is not None
    assert waits is not None
    assert (answered.message, answered.status) == ("Why?", TurnStatus.COMPLETED)
    assert (answered.intent, answered.attachments, waits.attachments) == (None, (), ())
    assert answered.answer is not None
    assert answered.answer.progress is None
    assert [citation.kind for citation in answered.answer.citations] == [SourceKind.EVIDENCE]
