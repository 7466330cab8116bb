"""What the doctor finds in each profile."""

import asyncio
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.diagnosis import Diagnosis, State, diagnose
from faultmaven_adapters.extras import EXTRAS, missing, wanted
from faultmaven_adapters.queues import TURNS
from faultmaven_adapters.redis.embedded import EmbeddedRedis
from faultmaven_adapters.redis.serving import serving
from faultmaven_adapters.redis.worker import arq_worker, work
from faultmaven_adapters.settings import read_settings
from faultmaven_adapters.sql.migrate import pending
from tests.adapters.postgres_place import PostgresPlace
from tests.adapters.sql_engines import upgraded_to
from tests.adapters.test_settings_profiles import ENTERPRISE, SECRET, TEAM
from tests.contracts.job_queue import TURN, Recorder
from tests.contracts.rate_limiter import MINUTE
from tests.standins.serving import listening

#: No model is looked for, and a port is free.
QUICK = {"PORT": "0", "MODELS_DIR": "nowhere", "MODEL_DOWNLOAD": "false"}


def by_name(findings: list[Diagnosis]) -> dict[str, Diagnosis]:
    return {finding.what: finding for finding in findings}


async def test_what_would_be_refused_is_found(tmp_path: Path) -> None:
    """Every unsafe setting is a finding, each port says where it would point, and nothing is opened or written."""
    settings = read_settings(
        {**QUICK, **ENTERPRISE, "JWT_SECRET": "", "PUBLIC_URL": "http://fm"}, data_dir=tmp_path / "d"
    )
    findings = await diagnose(settings)

    bad = [finding.says for finding in findings if finding.state is State.BAD]
    assert len(bad) == 2
    assert "JWT_SECRET" in bad[0]
    assert "PUBLIC_URL" in bad[1]
    found = by_name(findings)
    assert found["profile"].says.startswith("enterprise")
    assert found["database"].says == "PostgreSQL at postgresql://db.example:5432/fm: not asked"
    assert found["redis"].says == "Redis at rediss://redis.example:6379: not asked"
    assert found["files"].says == "S3, s3://fm-bucket/: not asked"
    assert found["vectors"].says == "LanceDB in s3://fm-bucket/lancedb: not asked"
    assert not settings.data_dir.exists()


async def test_each_module_s_database_is_asked(
    tmp_path: Path, postgres: PostgresPlace, postgres_url: str, redis_server: EmbeddedRedis
) -> None:
    """Team on real engines: each part says where it is and that it works, and no secret is shown; a module's own
    database that goes is found, though every other answers."""
    own = tmp_path / "case"
    shared = postgres_url.replace("@", f":{SECRET}@", 1)
    given = {**QUICK, **TEAM, "DATABASE_URL": shared, "CASE_DATABASE_URL": f"sqlite:///{own}/case.db"}
    settings = read_settings({**given, "REDIS_URL": f"unix://{redis_server.socket}"}, data_dir=tmp_path / "d")
    found = by_name(await diagnose(settings))

    for name in ("database", "database case", "redis", "files", "vectors"):
        assert found[name].state is State.GOOD, found[name]
    assert found["database case"].says == f"SQLite in {own}/case.db: works"
    assert found["redis"].says == f"Redis at unix://{redis_server.socket}: works"
    assert SECRET not in str(found)
    assert (found["model"].state, "models pull" in found["model"].mend) == (State.NOTE, True)

    assert found["workers"].says == "0 for turns, 0 for evidence, 0 for ingestion, 0 for maintenance"
    assert (found["workers"].state, "faultmaven worker" in found["workers"].mend) == (State.NOTE, True)

    (own / "case.db").write_text("no database at all")
    found = by_name(await diagnose(settings))
    assert (found["database"].state, found["database case"].state) == (State.GOOD, State.BAD)


async def test_who_serves_a_queue(redis: ArqRedis, redis_server: EmbeddedRedis) -> None:
    """A worker is counted for its queue as soon as it looks at it, and no more once it has stopped."""
    worker = arq_worker(Recorder(), address=redis_server.socket, queue=TURNS, timeouts={TURN: MINUTE})
    running = asyncio.create_task(work(worker))
    while not (await serving(redis_server.socket))[TURNS]:  # noqa: ASYNC110
        await asyncio.sleep(0.002)

    assert sum((await serving(redis_server.socket)).values()) == 1
    running.cancel()
    await asyncio.wait({running})
    assert sum((await serving(redis_server.socket)).values()) == 0


async def test_one_that_is_away_hides_no_other(tmp_path: Path) -> None:
    """Where a start fails at the first dependency, the others are asked all the same, and a mend is told."""
    given = {**QUICK, **TEAM, "DATABASE_URL": "sqlite:///fm.db", "REDIS_URL": "redis://127.0.0.1:1"}
    found = by_name(await diagnose(read_settings(given, data_dir=tmp_path)))

    assert found["start"].state is found["redis"].state is State.BAD
    assert "REDIS_URL" in found["redis"].mend
    for name in ("database", "files", "vectors"):
        assert found[name].state is State.GOOD, found[name]


async def test_whatever_goes_wrong_is_a_finding(
    tmp_path: Path, redis_server: EmbeddedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """What no adapter foresaw is told by its kind alone, as its words may hold a secret, and hides no other finding."""
    database = sqlite3.connect(tmp_path / "case.db")
    database.execute("CREATE TABLE case_cases (hush)")
    database.close()
    given = {**QUICK, "HOST": "é" * 80, "REDIS_URL": f"unix://{redis_server.socket}"}
    findings = await diagnose(read_settings(given | {"CASE_DATABASE_URL": "sqlite:///case.db"}, data_dir=tmp_path))
    found = by_name(findings)

    for name, kind in (("port", "TypeError"), ("start", "OperationalError"), ("database case", "OperationalError")):
        assert (found[name].state, f"with {kind};" in found[name].says) == (State.BAD, True), found[name]
    for name in ("database", "redis", "files", "vectors"):
        assert found[name].state is State.GOOD, found[name]
    assert "already exists" not in str(findings) + caplog.text


async def test_the_queue_s_redis_is_told_from_the_other(tmp_path: Path, redis_server: EmbeddedRedis) -> None:
    """Where jobs have a Redis of their own that is away, that one is named, at the start too, and the other is well."""
    given = {**QUICK, "REDIS_URL": f"unix://{redis_server.socket}", "QUEUE_REDIS_URL": "redis://127.0.0.1:1"}
    found = by_name(await diagnose(read_settings(given, data_dir=tmp_path)))

    assert "QUEUE_REDIS_URL" in found["start"].says
    assert (found["redis"].state, found["queue"].state) == (State.GOOD, State.BAD)
    assert found["queue"].says.startswith("Redis at redis://127.0.0.1:1: ")


def test_extras_that_are_missing_are_named_with_one_command() -> None:
    """Which packages, and what adds them all at once; a choice asks for its own extra and no other."""
    brings = {**EXTRAS, "cloud": ("no_such_package", "nor_this"), "sky": ("no_third",)}

    assert missing(EXTRAS) is None
    assert missing(["s3", "cloud", "sky"], brings) == (
        "Not installed: no_such_package, nor_this, no_third. `pip install 'faultmaven[cloud,sky]'` mends that."
    )
    assert wanted(read_settings({})) == []
    assert wanted(read_settings(TEAM)) == ["postgres"]
    assert wanted(read_settings(TEAM | {"VECTOR_STORE": "chromadb", "CHROMADB_URL": "http://c"})) == ["postgres"]
    assert wanted(read_settings(ENTERPRISE | {"VECTOR_STORE": "chromadb"})) == ["postgres", "s3", "chromadb"]


async def test_a_database_that_is_behind_is_left_as_it_is(tmp_path: Path) -> None:
    """Whoever only asks upgrades nothing: what waits is named, with the command, and the other parts are asked."""
    settings = read_settings(QUICK, data_dir=tmp_path)
    url = settings.database_of("agent")
    await upgraded_to(url, "agent", "agent_0002")
    found = by_name(await diagnose(settings))

    assert (found["upgrade"].state, found["upgrade"].says.endswith(" agent_0003, agent_0004")) == (State.NOTE, True)
    assert "faultmaven migrate" in found["upgrade"].mend
    assert {found[name].state for name in ("redis", "files", "vectors")} == {State.GOOD}
    assert await pending({"agent": url}) == ["agent_0003", "agent_0004"]


async def test_its_own_server_may_have_the_port(tmp_path: Path) -> None:
    """A port is well that a server of the same kind answers at; one that says anything else is in the way."""
    for word, state in (("alive", State.GOOD), ("well", State.BAD)):
        with listening() as sock, ThreadPoolExecutor() as other:
            sock.settimeout(5)
            other.submit(_answer, sock, f'{{"status":"{word}"}}')
            given = {**TEAM, "JWT_SECRET": "", "PORT": str(sock.getsockname()[1])}
            assert by_name(await diagnose(read_settings(given, data_dir=tmp_path)))["port"].state is state


def _answer(sock: socket.socket, body: str) -> None:
    caller, _ = sock.accept()
    with caller:
        caller.recv(10_000)
        caller.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
