"""Reads what an engine would do for each statement that the suites issue, over tables that are long.

A statement that would read a table or an index from end to end is told of, and so is a page of a list that would first
be sorted: both cost more the more there is, however little is asked for.
"""

import ast
import json
import logging
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Boolean, Double, Integer, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg as postgresql

import faultmaven_domain
from faultmaven_adapters.sql import MODULES, sqlite_path
from faultmaven_adapters.sql.columns import UtcDateTime
from faultmaven_adapters.sql.plans import Plans
from faultmaven_adapters.sql.records import Stored
from tests.adapters.sqlite_file import sqlite_file

#: How long a table is; an owner has a fiftieth of it, a case and the like a thousandth.
ROWS = 5_000
#: What a line of a statement begins with, after its first.
CLAUSES = "SELECT|FROM|WHERE|GROUP|HAVING|ORDER|LIMIT|OFFSET|UNION|EXCEPT|VALUES|SET|ON|RETURNING|FOR|WITH|AND|OR|USING"
#: What may be sorted for a page: no more than a page has.
SHORT = 50
KINDS = "SELECT parameter_types::text[] FROM pg_prepared_statements"
#: What may cost as much as a table is long, by a piece of its statement, and why.
ALLOWED = {
    "evidence_items.file_key FROM evidence_items": "the sweep of files nobody names any more, in maintenance",
    "knowledge_documents.file_key FROM knowledge_documents": "the sweep of files nobody names, in maintenance",
    "embedded_with IS": "at a start: which documents another model has embedded",
    "FROM agent_usage;": "a total of all that was ever spent is a sum over all of it",
    "_outbox": "an outbox is as long as what is being sent, and is emptied as it is",
}


@contextmanager
def issued() -> Iterator[list[str]]:
    """The statements given to a database meanwhile."""
    log, found = logging.getLogger("faultmaven_adapters.sql.gateway"), list[str]()

    class Collecting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.args:
                found.append(" ".join(str(record.args[0]).split()))  # type: ignore[index]

    handler, level = Collecting(), log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield found
    finally:
        log.setLevel(level)
        log.removeHandler(handler)


def issued_in(log: str) -> list[str]:
    """The statements that a process wrote into its log, which told everything; other words may come between them."""
    record = rf"^\S+ \S+ DEBUG faultmaven_adapters\.sql\.gateway: (.*(?:\n(?:[ (]|(?:{CLAUSES})\b).*)*)"
    return [" ".join(found.split()) for found in re.findall(record, log, re.M)]


class Planner:
    """Asks an engine once for each statement."""

    def __init__(self, url: str) -> None:
        self._url = url
        lite = url.startswith("sqlite")
        self._plans = Plans(sqlite.pysqlite.dialect(paramstyle="named") if lite else postgresql.dialect())
        self._known: set[str] = set()

    async def troubles(self, statements: list[str]) -> list[str]:
        """Those that read more than they are asked for, and what they do."""
        new = [each for each in dict.fromkeys(statements) if each not in self._known]
        self._known.update(new)
        free = whims(self._plans) if new else set()
        asked = [each for each in new if not any(piece in f"{each};" for piece in ALLOWED) and each not in free]
        if self._url.startswith("sqlite"):
            found = {each: _sqlite_troubles(self._url, each) for each in asked}
        else:
            found = await _postgres_troubles(self._url, asked)
        return [f"{each}\n  {trouble}" for each, troubles in found.items() for trouble in troubles]


def whims(plans: Plans) -> set[str]:
    """Look-ups by attributes that no use-case looks for: the suites may ask a repository for any."""
    return {
        " ".join(plans.of(statement).sql.split())
        for module in MODULES
        for name, stored in vars(import_module(f"faultmaven_adapters.sql.{module}")).items()
        if isinstance(stored, Stored)
        for shape, statement in stored._matching.items()
        if (name.lower(), tuple(column for column, _ in shape)) not in queried()
    }


@cache
def queried() -> frozenset[tuple[str, tuple[str, ...]]]:
    """What use-cases look for by equal attributes, as ``unit.reports.query(case_id=...)``: the table's and their names.

    One without attributes lists all there is, which is the operator's alone.
    """
    found = set()
    for file in Path(faultmaven_domain.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "query":
                part = node.func.value
                assert isinstance(part, ast.Attribute), ast.unparse(node)
                names = {"evidence": "items"}
                found.add((names.get(part.attr, part.attr), tuple(str(each.arg) for each in node.keywords)))
    return frozenset(shape for shape in found if shape[1])


def _sqlite_troubles(url: str, statement: str) -> list[str]:
    values = dict.fromkeys(re.findall(r":(\w+)", statement))
    with closing(sqlite3.connect(sqlite_path(url))) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    whole = [
        step
        for step in steps
        if step.startswith("SCAN")
        and not re.match(r"SCAN (\(|page|anon|\d+ CONSTANT)", step)
        and "_by_global_" not in step
        and not ("LIMIT" in statement and "WHERE" not in statement)
    ]
    sorts = [step for step in steps if "TEMP B-TREE FOR ORDER BY" in step and "LIMIT" in statement]
    return whole + (sorts[1:] if "SCAN page" in steps else sorts)  # the page itself is short


async def _postgres_troubles(url: str, statements: list[str]) -> dict[str, list[str]]:
    found = {}
    connection = await asyncpg.connect(url)
    try:
        await connection.set_type_codec("json", encoder=str, decoder=json.loads, schema="pg_catalog")
        await connection.execute("SET random_page_cost = 1.1")  # as for a disk without a moving part
        for statement in statements:
            await connection.execute(f"PREPARE asked AS {statement}")
            kinds = await connection.fetchval(f"{KINDS} WHERE name = 'asked'")
            values = ", ".join(_example(statement, number, kind) for number, kind in enumerate(kinds, 1))
            [plan] = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE asked{f'({values})' if kinds else ''}")
            await connection.execute("DEALLOCATE asked")
            found[statement] = list(_postgres_steps(plan["Plan"], [], page="LIMIT" in statement))
    finally:
        await connection.close()
    return found


def _example(statement: str, number: int, kind: str) -> str:
    """A value as it is asked for: one of many, and a time that few rows are beyond."""
    if kind.startswith("timestamp"):
        return "'2027-01-01'" if re.search(rf"> ?=? ?\${number}\b", statement) else "'2026-01-01'"
    return {"bigint": "5", "integer": "5", "boolean": "true", "double precision": "0.5"}.get(kind, "'someone_7'")


def _postgres_steps(step: Mapping[str, Any], above: list[str], *, page: bool) -> Iterator[str]:
    kind, told = step["Node Type"], f"{step['Node Type']} {step.get('Index Name') or step.get('Relation Name', '')}"
    if kind in {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"}:
        bounded = "Index Cond" in step or "_by_global_" in step.get("Index Name", "")
        first_ones = above[-1:] == ["Limit"] and "Filter" not in step
        if not bounded and not first_ones:
            yield told
    if page and "Sort" in kind and '"Limit"' not in json.dumps(step) and step["Plan Rows"] > SHORT:
        yield f"{kind} by {step['Sort Key']}"
    for below in step.get("Plans", ()):
        yield from _postgres_steps(below, [*above, kind], page=page)


def filling(engine: str) -> list[str]:
    """Statements that make every table long, and tell the planner so."""
    tables = [table for module in MODULES.values() for table in module.metadata.sorted_tables]
    return [*[_rows(table, engine) for table in tables], "ANALYZE"]


def _rows(table: Table, engine: str) -> str:
    names = [column.name for column in table.columns if column.name != "seq"]
    alone = {column.name for index in table.indexes if index.unique for column in index.columns}
    alone |= {column.name for column in table.primary_key} | {"source", "file_key"}
    values = ", ".join(_value(table, name, engine, alone) for name in names)
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})"
    return f"INSERT INTO {table.name} ({', '.join(names)}) {numbers} SELECT {values} FROM numbers"


def _value(table: Table, name: str, engine: str, alone: set[str]) -> str:
    column = table.columns[name]
    indexed = {each.name for index in table.indexes for each in index.columns}
    if isinstance(column.type, UtcDateTime):
        value = "strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', 1767268800 + n * 60, 'unixepoch')"
        if engine == "postgres":
            value = "timestamptz '2026-01-01 12:00+00' + n * interval '1 minute'"
    elif isinstance(column.type, Boolean):
        value = "n % 2 = 0"
    elif isinstance(column.type, Integer | Double):
        value = "n % 7"
    elif name in {"owner_id", "user_id"} and table.name not in {"auth_users", "auth_passwords"}:
        value = "'someone_' || (n % 50)"
    elif name in alone:
        value = "'one_' || n"
    elif name.endswith("_id"):
        value = "'of_' || (n % 1000)"
    else:
        value = "'kind_' || (n % 5)" if name in indexed else "'words of a usual length, number ' || n"
    return f"CASE WHEN n % 10 > 0 THEN {value} END" if column.nullable else value


def long_sqlite_file(directory: Path) -> str:
    """The URL of one in this directory."""
    url = sqlite_file(directory)
    with closing(sqlite3.connect(sqlite_path(url))) as connection:
        for words in filling("sqlite"):
            connection.execute(words)
        connection.commit()
    return url
