"""What only a PostgreSQL server can show: that it goes away and comes back, its errors, its waits and its pool."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest
from attrs import evolve
from sqlalchemy import bindparam, func, select

from faultmaven_adapters.sql import MODULES, Limits, SqlTransactions, migrate, open_sql
from faultmaven_adapters.sql.connecting import connect
from faultmaven_adapters.sql.plans import Plans
from faultmaven_adapters.sql.pool import Pool, lock_key
from faultmaven_adapters.sql.postgres import PostgresEngine
from faultmaven_adapters.sql.postgres_errors import broken, meant
from faultmaven_adapters.sql.urls import postgres_address
from faultmaven_domain.kernel.errors import (
    AlreadyExists,
    Conflict,
    FaultMavenError,
    InvalidInput,
    Misconfigured,
    StorageFull,
    TooLarge,
    Unavailable,
)
from tests.adapters.postgres_place import PostgresPlace, execute, fetched
from tests.adapters.postgres_server import PostgresServer, postgres_server
from tests.contracts.unit_of_work import a_case, ask, jobs_and_messages, titles, version

#: Short ones, for what is to be waited for in vain.
HASTY = Limits(size=2, connecting=2.0, statement=10.0, patience=0.2)


@pytest.fixture
async def transactions(postgres_url: str) -> AsyncIterator[SqlTransactions]:
    async with open_sql({"case": postgres_url}, lambda: None) as opened:
        yield opened["case"]


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that may be stopped."""
    with postgres_server() as server:
        yield server


async def save(transactions: SqlTransactions, id: str, **changes: object) -> None:
    async with transactions.begin() as unit:
        await unit.cases.save(a_case(id, title=id, **changes))


def waiting_for_a_lock(database: str) -> str:
    return f"SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{database}'"


async def until(url: str, words: str) -> list[tuple[Any, ...]]:
    while not (found := await fetched(url, words)):  # noqa: ASYNC110 - it is another program that is waited for
        await asyncio.sleep(0.01)
    return found


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
async def test_a_server_that_comes_back_is_used_again(own_server: PostgresServer, how: signal.Signals) -> None:
    """While the server is away everyone is told so; once it is back, what was committed is there and all goes on."""
    database = f"restarted_{how.name.lower()}"
    await execute(own_server.url("postgres"), f"CREATE DATABASE {database}")
    url = own_server.url(database)
    await migrate({"case": url})
    async with open_sql({"case": url}, lambda: None) as opened:
        transactions = opened["case"]
        await save(transactions, "case_1")
        await asyncio.gather(*[titles(transactions) for _ in range(5)])

        async def interrupted() -> None:
            async with transactions.begin() as unit:
                await unit.cases.save(a_case("case_2"))
                await asyncio.to_thread(own_server.stop, how)
                await unit.cases.save(a_case("case_3"))

        with pytest.raises(Unavailable):
            await interrupted()
        for _ in range(2):
            with pytest.raises(Unavailable):
                await transactions.ping()
            with pytest.raises(Unavailable):
                await save(transactions, "case_4")
        with pytest.raises(Unavailable):
            await asyncio.create_task(migrate({"case": url}))
        await asyncio.to_thread(own_server.start)

        assert await titles(transactions) == ["case_1"]
        await save(transactions, "case_5")
        assert await asyncio.gather(*[titles(transactions) for _ in range(20)]) == [["case_1", "case_5"]] * 20


async def test_connections_that_died_unnoticed_are_replaced(transactions: SqlTransactions, postgres_url: str) -> None:
    """Where the server ends idle connections, nobody who begins afterwards is told of it."""
    await save(transactions, "case_1")
    for _ in range(3):
        await asyncio.gather(*[titles(transactions) for _ in range(5)])
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND"
        await execute(postgres_url, f"{ended} pid <> pg_backend_pid() AND application_name = 'faultmaven'")
        await save(transactions, "case_2", description="x")
        assert len(await titles(transactions)) == 2
        async with transactions.begin() as unit:
            await unit.cases.delete("case_2")


async def test_a_primary_that_became_a_standby_keeps_no_writer(own_server: PostgresServer) -> None:
    """A connection that cannot write any more is given up, so that the next one finds the primary, which may be new."""
    await execute(own_server.url("postgres"), "CREATE DATABASE demoted")
    url = own_server.url("demoted")
    await migrate({"case": url})
    ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'faultmaven' AND datname = current_database()"
    async with open_sql({"case": url}, lambda: None) as opened:
        transactions = opened["case"]
        own_server.stop()
        (own_server.data / "standby.signal").touch()
        own_server.start()
        assert await titles(transactions) == []
        [kept] = await fetched(url, ours)
        with pytest.raises(Unavailable, match="cannot be written"):
            await save(transactions, "case_1")

        assert await titles(transactions) == []
        assert kept != (await fetched(url, f"{ours} ORDER BY backend_start DESC LIMIT 1"))[0]
        await execute(url, "SELECT pg_promote()")
        await save(transactions, "case_1")
        assert await titles(transactions) == ["case_1"]


#: Of the locks of the server that the test processes share.
HERE = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


async def test_a_connection_lost_at_the_commit_is_told_of(transactions: SqlTransactions, postgres_url: str) -> None:
    """A transaction whose connection is gone is not said to be committed, and leaves nothing."""

    async def write() -> None:
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
            [[pid]] = await fetched(postgres_url, f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND {HERE}")
            await execute(postgres_url, f"SELECT pg_terminate_backend({pid}, 5000)")

    with pytest.raises(Unavailable):
        await write()

    assert await titles(transactions) == []


SLOW = """
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON case_cases DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION dawdle()
"""


async def test_a_slow_commit_is_not_stopped(postgres: PostgresPlace) -> None:
    """Who is cancelled while the server takes its time to commit has committed, and is let go after that."""
    url = postgres.made()
    await execute(url, SLOW)
    async with open_sql({"case": url}, lambda: None) as opened:
        writing = asyncio.create_task(save(opened["case"], "case_1"))
        await until(url, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
        writing.cancel()
        await asyncio.wait([writing])

        assert writing.cancelled()
        assert await titles(opened["case"]) == ["case_1"]


async def test_a_failed_transaction_is_not_taken_for_committed(transactions: SqlTransactions) -> None:
    """Who goes on after an error the database undid it for is refused, and at the latest by the commit."""

    async def write(*, more: bool) -> None:
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
            with pytest.raises(InvalidInput):
                await unit.cases.save(a_case("case_2", title="\0"))
            if more:
                await unit.cases.save(a_case("case_3"))

    for more in (True, False):
        with pytest.raises(Unavailable):
            await write(more=more)

    assert await titles(transactions) == []
    await save(transactions, "case_1")


async def test_modules_write_beside_each_other(postgres_url: str) -> None:
    """A writer of one module waits for none of another's, in one process and in one database."""
    async with open_sql({"case": postgres_url, "agent": postgres_url}, lambda: None) as opened:
        async with opened["case"].begin() as unit:
            await unit.cases.save(a_case())
            async with opened["agent"].begin() as other:
                await ask(opened["agent"], other)

        assert await jobs_and_messages(opened["agent"]) == (1, 1)


async def test_a_writer_elsewhere_is_waited_for_and_not_for_ever(postgres_url: str) -> None:
    """While another process's transaction of the module is open one waits, and after its patience is told so."""
    other = await asyncpg.connect(postgres_url)
    begun = other.transaction()
    await begun.start()
    await other.execute(f"SELECT pg_advisory_xact_lock({lock_key('writes case')})")
    async with (
        open_sql({"case": postgres_url}, lambda: None, HASTY) as hasty,
        open_sql({"case": postgres_url}, lambda: None) as patient,
    ):
        with pytest.raises(Unavailable):
            await save(hasty["case"], "case_1")
        assert await titles(hasty["case"]) == []
        cancelled, writing = [asyncio.create_task(save(patient["case"], id)) for id in ("case_2", "case_3")]
        await until(postgres_url, waiting_for_a_lock(postgres_url.partition("@/")[2].partition("?")[0]))
        cancelled.cancel()
        await asyncio.wait([cancelled])
        assert cancelled.cancelled()
        await begun.rollback()
        await writing

        assert await titles(patient["case"]) == ["case_3"]
    await other.close()


async def test_readers_are_so_many_at_most(postgres_url: str) -> None:
    """More readers than the pool has wait, and after their patience are told; a writer has a connection of its own."""
    async with open_sql({"case": postgres_url}, lambda: None, HASTY) as opened:
        async with opened["case"].view(), opened["case"].view():
            with pytest.raises(Unavailable):
                await titles(opened["case"])
            await save(opened["case"], "case_1")
    async with open_sql({"case": postgres_url}, lambda: None, Limits(size=2)) as opened:
        await save(opened["case"], "case_2")
        assert await asyncio.gather(*[titles(opened["case"]) for _ in range(50)]) == [["case_1", "case_2"]] * 50

        there = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        [[count]] = await fetched(postgres_url, f"{there} AND application_name = 'faultmaven'")
        assert count <= 3


async def test_handles_share_a_pool(postgres_url: str) -> None:
    """The modules of one database share its connections; those are closed with the last handle."""
    urls = dict.fromkeys(MODULES, postgres_url)
    async with open_sql(urls, lambda: None) as opened:
        for transactions in opened.values():
            await transactions.ping()
        there = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'faultmaven'"
        assert len(await fetched(postgres_url, there)) == 1
    assert await fetched(postgres_url, there) == []


async def test_only_what_is_to_last_waits_for_the_disk(transactions: SqlTransactions) -> None:
    """A commit that need not survive a power cut is not synchronised; the next one that must is."""
    levels = []
    for lasting in (True, False, False, True):
        async with transactions.begin(lasting=lasting) as unit:
            [row] = await unit.cases._connection._backend.session._connection.fetch("SHOW synchronous_commit")
            levels.append(row[0])

    assert levels == ["on", "off", "off", "on"]


async def test_the_server_itself_keeps_a_view_from_writing(transactions: SqlTransactions) -> None:
    """A view is begun as one picture that is only read, whatever is asked in it."""
    async with transactions.view() as unit:
        session = unit.cases._connection._backend.session
        assert (await session._connection.fetchval("SHOW transaction_isolation")) == "repeatable read"
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await session._connection.execute("DELETE FROM case_cases")


async def test_a_cancelled_reader_costs_at_most_its_connection(transactions: SqlTransactions) -> None:
    """Whenever readers are cancelled, no seat is lost and no open transaction is left to the next one."""
    await save(transactions, "case_1")
    tasks = [asyncio.create_task(titles(transactions)) for _ in range(200)]
    for number, task in enumerate(tasks):
        await asyncio.sleep(0.0003 * (number % 5))
        if number % 2:
            task.cancel()
    await asyncio.wait(tasks)

    assert all(task.cancelled() or task.result() == ["case_1"] for task in tasks)
    pool: Pool = transactions.gateway._database._backend._engine._pool
    for _ in range(pool.limits.size):
        await pool.take_seat()
    for _ in range(pool.limits.size):
        pool.give_seat()
    assert not any(connection.is_in_transaction() for _, connection in pool._idle)
    await save(transactions, "case_1", version=2)


async def test_counting_up_from_many_tasks(transactions: SqlTransactions, postgres_url: str) -> None:
    """Two pools of one process are as two processes: they take turns by the server's lock and lose no change."""
    await save(transactions, "case_1")

    async def one_more(handle: SqlTransactions) -> None:
        async with handle.begin() as unit:
            case = await unit.cases.get("case_1")
            assert case is not None
            await unit.cases.save(evolve(case, version=case.version + 1))

    async with open_sql({"case": postgres_url}, lambda: None, Limits(size=3)) as other:
        await asyncio.gather(*[one_more(handle) for handle in (transactions, other["case"]) * 20])

    assert await version(transactions) == 41


async def test_a_silent_transaction_is_ended(postgres_url: str) -> None:
    """The server is told to end what holds others up without a word, to take no statement for ever, and to use UTC."""
    connection = await connect(postgres_address(postgres_url), Limits(statement=7.0, patience=3.0))
    names = ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout", "TimeZone")
    shown = [await connection.fetchval(f"SHOW {name}") for name in names]
    await connection.close()

    assert shown == ["1min", "7s", "3s", "UTC"]


@pytest.fixture
async def raw(postgres: PostgresPlace) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Within a transaction that is undone."""
    connection = await connect(postgres_address(postgres.server.url("postgres")), Limits())
    await connection.execute("BEGIN")
    await connection.execute(
        "CREATE TABLE t (id text PRIMARY KEY, name text UNIQUE, age bigint NOT NULL CHECK (age > 0))"
    )
    await connection.execute("INSERT INTO t VALUES ('a', 'ana', 1)")
    yield connection
    await connection.close()


def raised(state: str) -> Callable[["asyncpg.Connection[Any]"], Awaitable[object]]:
    """Where a test cannot bring about the real thing, the server itself says it."""
    return lambda c: c.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (lambda c: c.execute("INSERT INTO t VALUES ('a', 'bob', 1)"), AlreadyExists),
        (lambda c: c.execute("INSERT INTO t VALUES ('b', 'ana', 1)"), AlreadyExists),
        (lambda c: c.execute("INSERT INTO t VALUES ('b', 'bob', 0)"), Conflict),
        (lambda c: c.execute("INSERT INTO t VALUES ('b', 'bob', NULL)"), Conflict),
        (lambda c: c.execute("SELECT * FROM elsewhere"), Misconfigured),
        (lambda c: c.execute("SELECT height FROM t"), Misconfigured),
        (lambda c: c.fetch("SELECT $1::text", "\0"), InvalidInput),
        (lambda c: c.fetch("SELECT $1::text", "\ud800"), InvalidInput),
        (lambda c: c.fetch("SELECT $1::bigint", 2**63), InvalidInput),
        (lambda c: c.execute("SELECT 9223372036854775807 + 1"), InvalidInput),
        (lambda c: c.execute("INSERT INTO t SELECT string_agg(md5(n::text), ''), '', 1 FROM generate_series(1, 999) n"),
         TooLarge),
        (lambda c: c.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)"), Unavailable),
        (lambda c: c.execute("SELECT pg_terminate_backend(pg_backend_pid())"), Unavailable),
        (lambda c: c.execute("SET TRANSACTION READ ONLY; DELETE FROM t"), Unavailable),
        (raised("53100"), StorageFull),
        (raised("53200"), Unavailable),
        (raised("53300"), Unavailable),
        (raised("57P03"), Unavailable),
        (raised("40001"), Unavailable),
        (raised("40P01"), Unavailable),
        (raised("58030"), Unavailable),
        (raised("XX001"), Unavailable),
        (raised("26000"), Misconfigured),
        (raised("42501"), Misconfigured),
    ],
)  # fmt: skip
async def test_errors_are_the_domains(
    raw: "asyncpg.Connection[Any]",
    cause: Callable[["asyncpg.Connection[Any]"], Awaitable[object]],
    error: type[FaultMavenError],
) -> None:
    """Each of the engine's errors is raised as the domain's word for it, without the driver's text in the message."""
    with pytest.raises(Exception) as caught:
        await cause(raw)
    found = meant(caught.value)

    assert type(found) is error
    assert str(caught.value) not in str(found)


async def test_a_mistake_of_ours_stays_one(raw: "asyncpg.Connection[Any]") -> None:
    """Wrong SQL and wrong parameters are not dressed up as a trouble of the database."""
    for words, values in (("SELEKT 1", ()), ("SELECT $1::bigint", ("one",)), ("SELECT $1::text", ())):
        with pytest.raises(Exception) as caught:
            await raw.fetch(words, *values)
        assert meant(caught.value) is caught.value
        assert not broken(caught.value)
        await raw.execute("ROLLBACK")
        await raw.execute("BEGIN")


async def test_a_table_that_came_later_is_told_of(postgres: PostgresPlace) -> None:
    """A statement over what a migration has yet to make says what to do."""
    async with open_sql({"case": postgres.made("template1")}, lambda: None) as opened:
        with pytest.raises(Misconfigured, match="migrate"):
            await titles(opened["case"])


async def test_an_end_that_is_called_off_keeps_no_connection(postgres_url: str) -> None:
    """Who is cancelled at the end of a view, while a question of a child's is under way, gives the connection back."""
    engine = PostgresEngine(postgres_url, "case", evolve(HASTY, size=1))
    engine.open()
    plan = Plans(engine.dialect).of(select(func.pg_sleep(bindparam("seconds"))))
    view = engine.session()
    await view.begin(readonly=True, lasting=True)
    child = asyncio.create_task(view.rows(plan, {"seconds": 0.3}, reads=True))
    await asyncio.sleep(0)
    end = asyncio.create_task(view.commit())
    await asyncio.sleep(0)

    end.cancel()
    await asyncio.wait({child, end})
    another = engine.session()
    await another.begin(readonly=True, lasting=True)

    assert end.cancelled()
    assert isinstance(child.exception(), Unavailable)
    await another.commit()
    await engine.close()
