"""How a PostgreSQL server is come in by: TLS, passwords, and as many connections as it has."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from faultmaven_adapters.open_durable import add_database
from faultmaven_adapters.opening import TRANSACTIONS, Opening
from faultmaven_adapters.settings import load_settings
from faultmaven_adapters.sql import Limits, migrate, open_sql
from faultmaven_adapters.sql.connecting import connect
from faultmaven_adapters.sql.urls import postgres_address
from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured, Unavailable
from tests.adapters.postgres_place import PostgresPlace, execute
from tests.adapters.postgres_server import PostgresServer
from tests.adapters.postgres_tls import door
from tests.contracts.unit_of_work import titles


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS, and the file of the authority that vouches for it."""
    made = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return context, path


async def pinged(url: str) -> None:
    async with open_sql({"case": url}, lambda: None) as opened:
        await opened["case"].ping()


async def test_over_tls(postgres: PostgresPlace, postgres_url: str, authority: tuple[ssl.SSLContext, Path]) -> None:
    """A URL may ask for TLS and for a certificate to be checked, for migrations too; a wrong one is told of."""
    context, path = authority
    database = postgres_url.partition("@/")[2].partition("?")[0]
    socket = str(postgres.server.data.parent / ".s.PGSQL.5432")
    with door(socket, context) as port:
        url = f"postgresql://postgres:hush@127.0.0.1:{port}/{database}"
        for more in ("?ssl=require", f"?sslmode=verify-full&sslrootcert={path}"):
            assert await migrate({"case": url + more}) == []
            await pinged(url + more)
        other = path.with_name("other.pem")
        trustme.CA().cert_pem.write_to_path(str(other))
        strange = url.replace("127.0.0.1", "localhost")
        for asked in (
            f"{url}?sslmode=verify-ca&sslrootcert={other}",
            f"{strange}?sslmode=verify-full&sslrootcert={path}",
        ):
            with pytest.raises(Misconfigured, match="vouched for") as raised:
                await pinged(asked)
            assert "hush" not in str(raised.value)


async def test_a_server_without_tls_is_told_of() -> None:
    """Where TLS is asked for and not to be had nothing is sent in the clear."""
    for asked in ("sslmode=require", "ssl=true"):
        with door("", None) as port, pytest.raises(Misconfigured, match="no TLS"):
            await pinged(f"postgresql+asyncpg://postgres:hush@127.0.0.1:{port}/x?{asked}")


@pytest.fixture
def locked(postgres: PostgresPlace) -> Iterator[PostgresServer]:
    """The server with two more users: one needs a password, the other may connect twice."""
    server = postgres.server
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    people = "CREATE ROLE careful LOGIN PASSWORD 'right'; CREATE ROLE few LOGIN CONNECTION LIMIT 2"
    postgres._run(execute(server.url("postgres"), f"{people}; GRANT pg_read_all_data TO careful, few"))
    rules.write_text(f"local all careful scram-sha-256\n{before}")
    postgres._run(execute(server.url("postgres"), "SELECT pg_reload_conf()"))
    yield server
    rules.write_text(before)
    postgres._run(execute(server.url("postgres"), "DROP OWNED BY careful, few; DROP ROLE careful, few"))


async def test_passwords_and_places(
    locked: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong password is told of, and never repeated; who finds no connection left is told so, and served later."""
    caplog.set_level("DEBUG")
    await pinged(postgres_url.replace("postgres@", "careful:right@"))
    for ask in (pinged, lambda url: migrate({"case": url})):
        with pytest.raises(Misconfigured, match="password") as raised:
            await ask(postgres_url.replace("postgres@", "careful:hush@"))
        assert "hush" not in str(raised.value)
    assert "hush" not in caplog.text

    few = postgres_url.replace("postgres@", "few@")
    async with open_sql({"case": few}, lambda: None, Limits(size=3)) as opened:
        async with opened["case"].view() as one, opened["case"].view() as two:
            await one.cases.get("x")
            await two.cases.get("x")
            with pytest.raises(Unavailable, match="no connection left"):
                await titles(opened["case"])
        assert await titles(opened["case"]) == []


async def test_a_statement_that_takes_too_long_is_stopped(postgres: PostgresPlace) -> None:
    """Past its limit a statement is given up by the server, its transaction undone, and the connection used again."""
    url = postgres.made()
    await execute(
        url,
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';"
        "CREATE TRIGGER slow AFTER DELETE ON case_cases FOR EACH STATEMENT EXECUTE FUNCTION dawdle()",
    )
    async with open_sql({"case": url}, lambda: None, Limits(statement=0.2)) as opened:
        with pytest.raises(Unavailable, match="took too long"):
            async with opened["case"].begin() as unit:
                await unit.cases.delete("case_1")
        await opened["case"].ping()


@pytest.mark.parametrize(
    ("url", "error", "note"),
    [
        ("postgresql://postgres@/no_such_database?host={host}", Misconfigured, 'database "no_such_database" does not'),
        ("postgresql://nobody_known@/postgres?host={host}", Misconfigured, 'role "nobody_known" does not exist.'),
        ("postgresql://postgres@/postgres?host=/no/such/folder", Unavailable, "host /no/such/folder): No such file"),
        ("postgres://postgres@127.0.0.1:9/postgres", Unavailable, "postgres://127.0.0.1:9/postgres: Connect call"),
        ("postgresql+asyncpg://postgres@no-such.invalid/postgres", Unavailable, "//no-such.invalid/postgres: "),
        ("postgresql://postgres@127.0.0.1:9,[::1]:9/postgres", Unavailable, "//127.0.0.1:9,[::1]:9/postgres: "),
        ("postgresql:///postgres?user=postgres&host=no-such.invalid", Unavailable, "(host no-such.invalid): "),
        ("postgresql://postgres@127.0.0.1:99999/postgres", Misconfigured, "It is postgresql://127.0.0.1:99999/"),
        ("postgresql://postgres@/postgres?host={host}&sslmode=nonsense", Misconfigured, "must be one of: disable, "),
        ("postgresql://postgres@/postgres?host={host}&wal_level=x", Misconfigured, "cannot be changed without"),
        ("postgresql://postgres@/postgres?host={host}&DateStyle=x", Misconfigured, "invalid value for parameter"),
        ("postgresql://postgres@/postgres?host={host}&no_such=x", Misconfigured, "unrecognized configuration"),
        ("postgresql://postgres@h/postgres?sslmode=verify-ca&sslrootcert=/no", Misconfigured, "//h/postgres: No such"),
        ("postgresql://postgres@/postgres?host={host}", Misconfigured, ""),  # it was not migrated
    ],
)  # fmt: skip
async def test_what_cannot_be_reached_is_told_of(
    postgres: PostgresPlace, url: str, error: type[FaultMavenError], note: str
) -> None:
    """A server that is away, and one that will not have us, are told apart; where it is, and what it says, are in a
    note, as the message may reach anybody; and none of it tells the password."""
    url = url.format(host=postgres.server.data.parent).replace("postgres@", "postgres:hush@")
    async with open_sql({"case": url}, lambda: None) as opened:
        with pytest.raises(error) as raised:
            await opened["case"].ping()
    notes = getattr(raised.value, "__notes__", [""])

    assert note in notes[0]
    assert "hush" not in f"{raised.value}{notes}"
    assert not any(word in raised.value.message for word in ("//", "invalid", "127.0.0.1", "no_such"))


#: A server's last word to who wants in (PostgreSQL's manual, 54.7, ErrorResponse), and what is made of it.
@pytest.mark.parametrize(
    ("state", "words", "error", "told"),
    [
        ("XX000", "Tenant or user not found", Misconfigured, "refuses the user"),
        ("XX000", "MaxClientsInSessionMode: max clients reached", Unavailable, "no connection left"),
        ("XX000", "something else", Misconfigured, "as its URL asks"),
        ("55000", 'database "x" is not currently accepting connections', Misconfigured, "as its URL asks"),
        ("08P01", "unsupported startup parameter: y", Misconfigured, "as its URL asks"),
        ("08P01", "no more connections allowed (max_client_conn)", Unavailable, "no connection left"),
        ("08P01", "server login has been failing, try again later", Unavailable, "does not answer"),
        ("22021", "invalid byte sequence", Misconfigured, "as its URL asks"),
        ("0A000", "unsupported frontend protocol", Misconfigured, "as its URL asks"),
        ("53300", "sorry, too many clients already", Unavailable, "no connection left"),
    ],
)
async def test_what_is_said_at_the_door(state: str, words: str, error: type[FaultMavenError], told: str) -> None:
    """Whatever refuses us, a pooler too, says it in the domain's errors; and it is told only what all poolers keep."""
    heard = b""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)
        body = f"SFATAL\0C{state}\0M{words}\x1b[2J\nmore\0\0".encode()
        writer.write(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(error, match=told) as raised:
            await connect(postgres_address(f"postgresql://me@127.0.0.1:{port}/x?sslmode=disable&a=b"), Limits())

    assert raised.value.__notes__ == [f"postgresql://127.0.0.1:{port}/x: {words}[2J."]
    said = heard[4:].rstrip(b"\0").decode().split("\0")
    assert set(said[::2]) == {"client_encoding", "user", "database", "application_name", "timezone"}


async def test_every_spelling_is_the_same_database(postgres: PostgresPlace, postgres_url: str) -> None:
    """It is read as servers' documents, other programs and SQLAlchemy write it."""
    place, name = str(postgres.server.data.parent), postgres_url.partition("@/")[2].partition("?")[0]
    for url in (
        postgres_url.replace("postgresql:", "postgres:", 1),
        postgres_url.replace("postgresql:", "postgresql+asyncpg:", 1),
        f"postgresql://postgres@{quote(place, safe='')}/{name}",
        f"postgresql:///{name}?host={place}&user=postgres&ssl=prefer",
        f"postgresql://postgres@/?dbname={name}&host={place}",
        f"postgresql://postgres@?database={name}&host={place}",
    ):
        await pinged(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://u:hush@db.example", "postgresql://db.example names no database"),
        ("postgresql://u:hush@db.example/", "postgresql://db.example/ names no database"),
        ("postgresql://u:hu#sh@db.example/x", "postgresql://… cannot be read"),
        ("postgresql://u:hu?sh@db.example/x", "postgresql://… cannot be read"),
        ("postgresql://u:hush@[db.example/x", "cannot be read"),
        ("mysql://u:hush@db.example/x", "mysql://db.example/x is no database"),
        ("u:hush@db.example/x", "… is no database"),
        ("sqlite:///", "sqlite:/// names no file"),
    ],
)
async def test_a_url_that_names_none_is_told_without_its_secrets(url: str, told: str) -> None:
    """What cannot be a database's address is shown, but for what may be a password."""
    with pytest.raises(Misconfigured) as raised:
        await migrate({"case": url})

    assert told in raised.value.message
    assert not any(secret in raised.value.message for secret in ("hush", "u:hu", "sh@"))


async def test_whoever_runs_it_is_told_which_and_where(tmp_path: Path, postgres_url: str) -> None:
    """A start says by which variable it came to a database that it cannot reach, where that is, and what it says."""
    unknown = "postgresql://u:hush@no-such.invalid/x"
    given = {"DATABASE_URL": postgres_url, "CASE_DATABASE_URL": unknown, "AGENT_DATABASE_URL": unknown}
    settings = load_settings(given, data_dir=tmp_path)
    async with AsyncExitStack() as stack:
        with pytest.raises(Unavailable) as raised:
            await add_database(Opening(settings, stack), frozenset(TRANSACTIONS))

    assert raised.value.message.startswith(
        "CASE_DATABASE_URL: The database does not answer. postgresql://no-such.invalid/x: "
    )


async def test_a_schema_that_is_not_there_is_told_of(postgres: PostgresPlace) -> None:
    """Where the URL's search path names no schema, a migration says what to make."""
    with pytest.raises(Misconfigured, match="make it first"):
        await migrate({"case": f"{postgres.made('template1')}&search_path=nowhere"})
