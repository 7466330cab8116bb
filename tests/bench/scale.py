"""Lists and cases over HTTP where there are 100,000 cases with 1,000,000 messages, on PostgreSQL, SQLite beside it."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import httpx2

from faultmaven_adapters import open as opened
from faultmaven_adapters.settings import load_settings
from tests.adapters.postgres_server import LASTING, postgres_server
from tests.e2e.server import Server

from .row import Row

LIMIT = 0.100  # seconds, at p95
OTHERS = 500
#: Of each case's conversation; the first case's is longer.
MESSAGES, LONGEST = 10, 1_000
PASSWORD = "correct horse battery"
QUIET = {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive", "REQUESTS_PER_MINUTE": "1000000"}
#: So many seconds after noon on the first of January, in each engine's words.
MOMENT = {
    "postgres": "timestamptz '2026-01-01 12:00+00' + ({}) * interval '1 second'",
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%S.000000+00:00', 1767268800 + ({}), 'unixepoch')",
}
# Of two in turn one is the owner's, the other one of the crowd's. They are changed in another order than made.
CASES = """
INSERT INTO case_cases (case_id, owner_id, title, description, status, priority, created_at, updated_at, version,
                        message_count, current_turn, metadata)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {cases} - 1)
SELECT 'case_' || i, CASE WHEN i % 2 = 0 THEN '{owner}' WHEN i % {others} = 1 THEN '{other}'
       ELSE 'usr_other_' || (i % {others}) END,
       'Checkout answers 503, number ' || i, 'Since 09:14 UTC the gateway answers 503 to a third of all requests.',
       CASE i / 2 % 4 WHEN 0 THEN 'consulting' WHEN 1 THEN 'investigating' WHEN 2 THEN 'resolved' ELSE 'closed' END,
       'medium', {created}, {updated}, 1, {messages}, {messages} / 2, '{{}}' FROM n
"""
SAID = """
INSERT INTO case_messages (message_id, case_id, role, content, turn_number, created_at, metadata)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count} - 1)
SELECT 'msg_{kind}_' || i, 'case_' || (i % {cases}), CASE WHEN i / {cases} % 2 = 0 THEN 'user' ELSE 'agent' END,
       'The pool of connections is exhausted; see [1] and [2], and the graph of 09:14. Number ' || i || '.',
       i / {cases} / 2 + 1, {created}, '{{}}' FROM n
"""
Ask = Callable[[int], str]


def run(*, quick: bool) -> list[Row]:
    cases, requests = (2_000, 10) if quick else (100_000, 200)
    engines = ("postgres",) if quick else ("postgres", "sqlite")
    with tempfile.TemporaryDirectory() as folder:
        return [row for engine in engines for row in _on(engine, Path(folder, engine), cases, requests)]


def _on(engine: str, data: Path, cases: int, requests: int) -> list[Row]:
    with _database(engine) as url:
        environment = QUIET | ({"DATABASE_URL": url} if url else {})
        owner, other = asyncio.run(_accounts(data, environment))
        began = time.perf_counter()
        words = _filling(engine, cases, owner, other)
        if url:
            asyncio.run(_filled(url, words))
        else:
            _filled_file(data / "faultmaven.db", words)
        took = time.perf_counter() - began
        rows = [
            Row(f"{engine}: {cases:,} cases with {cases * MESSAGES:,} messages, in bulk", f"{took:.0f} s", "", True)
        ]
        if url:
            rows.append(asyncio.run(_bare_commits(url, requests)))
        server = Server(data, environment).start()
        try:
            return rows + list(_measured(engine, server.url, cases, requests))
        finally:
            server.kill()


def _measured(engine: str, url: str, cases: int, requests: int) -> Iterator[Row]:
    own, deep = cases // 2, cases * 9 // 20 // 50 * 50
    asked: list[tuple[str, Ask]] = [
        (f"the first 50 of {own:,} cases", lambda n: "?limit=50"),
        ("50 of those resolved", lambda n: "?limit=50&status=resolved"),
        (f"50 from the {deep:,}th on", lambda n: f"?limit=50&offset={deep}"),
        ("open a case, each time another", lambda n: f"/case_{_even(n, cases)}"),
        ("its messages", lambda n: f"/case_{_even(n, cases)}/messages"),
        (f"a page of {LONGEST + MESSAGES:,} messages", lambda n: f"/case_0/messages?limit=50&offset={n % 20 * 50}"),
    ]
    with httpx2.Client(base_url=url, timeout=30) as client:
        for what, ask in asked:
            _sign_in(client, "ana")
            yield _timed(client, f"{engine}: {what}", ask, requests, of_ours=engine == "postgres")
        yield _written(client, engine, requests)
        _sign_in(client, "bob")
        few = f"{engine}: the {cases // OTHERS} cases of one of {OTHERS // 2} others"
        yield _timed(client, few, lambda n: "?limit=50", requests, of_ours=engine == "postgres")


def _even(n: int, cases: int) -> int:
    """The number of one of the owner's, far from the one before."""
    return n * 7919 % (cases // 2) * 2


def _sign_in(client: httpx2.Client, name: str) -> None:
    answer = client.post("/v1/auth/login", json={"email": f"{name}@example.com", "password": PASSWORD})
    client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"


def _timed(client: httpx2.Client, what: str, ask: Ask, requests: int, *, of_ours: bool) -> Row:
    """The bar is PostgreSQL's; SQLite is there to compare."""
    times = []
    for n in range(requests + 5):
        began = time.perf_counter()
        answer = client.get(f"/v1/cases{ask(n)}").raise_for_status().json()
        times.append(time.perf_counter() - began)
        assert answer.get("cases") or answer.get("messages") or answer.get("case_id"), answer
    p95 = statistics.quantiles(times[5:], n=20)[-1]
    what = f"{what} (p50 {statistics.median(times[5:]) * 1000:.1f} ms), p95"
    if not of_ours:
        return Row(what, f"{p95 * 1000:.1f} ms", "", True)
    return Row(what, f"{p95 * 1000:.1f} ms", f"{LIMIT * 1000:.0f} ms", p95 <= LIMIT)


def _written(client: httpx2.Client, engine: str, requests: int) -> Row:
    times = []
    for n in range(requests):
        began = time.perf_counter()
        client.post("/v1/cases", json={"title": f"Another one, number {n}"}).raise_for_status()
        times.append(time.perf_counter() - began)
    return Row(f"{engine}: create a case, p50", f"{statistics.median(times) * 1000:.1f} ms", "", True)


@contextmanager
def _database(engine: str) -> Iterator[str]:
    """An empty one that keeps what it was told when the power is cut; no URL is the data directory's own file."""
    if engine == "sqlite":
        yield ""
        return
    with postgres_server(LASTING) as server:
        yield server.url("postgres")


async def _accounts(data: Path, environment: dict[str, str]) -> tuple[str, str]:
    async with opened(settings=load_settings(environment, data_dir=data)) as fm:
        users = [await fm.auth.register(email=f"{name}@example.com", password=PASSWORD) for name in ("ana", "bob")]
    return users[0].user_id, users[1].user_id


def _filling(engine: str, cases: int, owner: str, other: str) -> list[str]:
    """Straight into the tables: through the service it would take hours of commits."""
    moment = MOMENT[engine].format
    every = SAID.format(kind="all", count=cases * MESSAGES, cases=cases, created=moment("i"))
    long = SAID.format(kind="long", count=LONGEST, cases=1, created=moment("i"))
    made = CASES.format(
        cases=cases,
        owner=owner,
        other=other,
        others=OTHERS,
        messages=MESSAGES,
        created=moment("i"),
        updated=moment(f"2592000 + i * 7919 % {cases} / 2"),
    )
    return [made, every, long]


async def _filled(url: str, words: list[str]) -> None:
    connection = await asyncpg.connect(url)
    for one in words:
        await connection.execute(one)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _filled_file(database: Path, words: list[str]) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for one in words:
            connection.execute(one)
        connection.commit()
        connection.execute("ANALYZE")
        connection.commit()


async def _bare_commits(url: str, count: int) -> Row:
    """What the disk takes: one row and a commit that waits for it, by the driver alone."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE bare (n int)")
    times = []
    for n in range(count):
        began = time.perf_counter()
        await connection.execute("INSERT INTO bare VALUES ($1)", n)
        times.append(time.perf_counter() - began)
    await connection.close()
    return Row(
        "postgres: a bare row and its synchronised commit, p50", f"{statistics.median(times) * 1000:.1f} ms", "", True
    )
