"""A page of 50 cases where the caller has 100,000 and as many belong to a thousand others: how long it takes."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from faultmaven_adapters import open as opened
from faultmaven_adapters.settings import load_settings
from tests.e2e.server import Server

from .row import Row

LIMIT = 0.050  # seconds, at p95
OTHERS = 1_000
PASSWORD = "correct horse battery"
QUIET = {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"}
STATUSES = ("consulting", "investigating", "resolved", "closed")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
INSERT = """INSERT INTO case_cases (case_id, owner_id, title, description, status, created_at, updated_at, priority,
            version, message_count, current_turn, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, 'medium', 1, 4, 2, '{}')"""


def run(*, quick: bool) -> list[Row]:
    """The first page of all (the aim), then pages that cost more: by status, and deep in the list."""
    cases, requests = (2_000, 20) if quick else (100_000, 200)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        owner, other = asyncio.run(_accounts(data))
        began = time.perf_counter()
        _fill(data / "faultmaven.db", cases, owner, other)
        rows = [Row(f"writing 2 x {cases:,} cases in bulk", f"{time.perf_counter() - began:.1f} s", "", True)]
        server = Server(data, QUIET).start()
        try:
            deep = cases * 9 // 10
            asked = [
                (f"50 of {cases:,} cases, the first page", "ana", "", True),
                (f"50 of {cases:,} cases, those of one status", "ana", "&status=resolved", False),
                (f"50 of {cases:,} cases, from the {deep:,}th on", "ana", f"&offset={deep}", False),
                (f"the {cases // OTHERS} cases of one of {OTHERS:,} others", "bob", "", False),
            ]
            return rows + [_timed(server.url, *each, requests=requests) for each in asked]
        finally:
            server.kill()


def _timed(url: str, what: str, name: str, more: str, aim: bool, *, requests: int) -> Row:
    with httpx2.Client(base_url=url, timeout=30) as client:
        tokens = client.post("/v1/auth/login", json={"email": f"{name}@example.com", "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        times = []
        for _ in range(requests + 5):
            began = time.perf_counter()
            page = client.get(f"/v1/cases?limit=50{more}").raise_for_status().json()
            times.append(time.perf_counter() - began)
            assert len(page["cases"]) == min(50, page["total"])
    p95 = statistics.quantiles(times[5:], n=20)[-1]
    what = f"{what} (p50 {statistics.median(times[5:]) * 1000:.1f} ms), p95"
    return Row(what, f"{p95 * 1000:.1f} ms", f"{LIMIT * 1000:.0f} ms", p95 <= LIMIT, aim=aim)


async def _accounts(data: Path) -> tuple[str, str]:
    async with opened(settings=load_settings(QUIET, data_dir=data)) as fm:
        users = [await fm.auth.register(email=f"{name}@example.com", password=PASSWORD) for name in ("ana", "bob")]
    return users[0].user_id, users[1].user_id


def _fill(database: Path, cases: int, owner: str, other: str) -> None:
    """Straight into the table: the service would take an hour of commits. The owners' cases lie mixed."""
    connection = sqlite3.connect(database)
    with connection:
        connection.executemany(INSERT, _rows(cases, owner, other))
    connection.close()


def _rows(cases: int, owner: str, other: str) -> Iterator[tuple[str, ...]]:
    crowd = [other, *[f"usr_other_{n}" for n in range(1, OTHERS)]]
    for n in range(cases):
        for whose, id in ((owner, f"case_a{n}"), (crowd[n % OTHERS], f"case_b{n}")):
            # changed in another order than made, and with times that tie now and then
            created, updated = BEGAN + timedelta(seconds=n), BEGAN + timedelta(days=30, seconds=n * 7919 % cases // 2)
            title, description = f"Checkout answers 503, number {n}", "Since 09:14 UTC the gateway answers 503. " * 5
            status = STATUSES[n // OTHERS % len(STATUSES)]
            times = [f"{at.isoformat(timespec='microseconds')}" for at in (created, updated)]
            yield id, whose, title, description, status, *times
