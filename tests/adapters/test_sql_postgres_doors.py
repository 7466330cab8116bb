"""How a PostgreSQL server is come in by: TLS, passwords, and as many connections as it has."""

import asyncio
import socket
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
    path_of_socket = str(postgres.server.data.parent / ".s.PGSQL.5432")
    with door(path_of_socket, context) as port:
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
    for asked in ("sslmode=require", "ssl=true", "requiressl=1"):
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
        ("XX000", "(ENOTFOUND) tenant/user me.x not found", Misconfigured, "refuses the user"),
        ("XX000", "Couldn't connect to compute node", Unavailable, "does not answer"),
        ("XX000", "(ECHECKOUTTIMEOUT) unable to check out connection", Unavailable, "does not answer"),
        ("XX000", "(EAUTHQUERY) authentication query failed: connection not available", Unavailable, "does not answer"),
        ("XX001", "invalid page in block 0", Unavailable, "is damaged"),
        ("55000", 'database "x" is not currently accepting connections', Unavailable, "does not answer"),
        ("55P02", 'parameter "y" cannot be changed now', Misconfigured, "as its URL asks"),
        ("08P01", "server DNS lookup failed: host not found", Unavailable, "does not answer"),
        ("08P01", "no such database: x", Misconfigured, "refuses the user"),
        ("08P01", "SSL required", Misconfigured, "as its URL asks"),
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
        connection = await connect(postgres_address(url), Limits())
        reached = await connection.fetchval("SELECT current_database()")
        await connection.close()
        assert reached == name, url


async def test_what_is_for_other_clients_is_passed_over(postgres: PostgresPlace) -> None:
    """A URL made for libpq, Prisma or SQLAlchemy works as it is, and Prisma's schema is the one that is searched."""
    url = f"{postgres.server.url('postgres')}&channel_binding=require&connect_timeout=10&keepalives_idle=9&gssencmode=x"
    url += "&sslsni=1&load_balance_hosts=random&fallback_application_name=x&client_encoding=latin1&sslcompression=0"
    url += "&pgbouncer=true&connection_limit=1&pool_timeout=0&prepared_statement_cache_size=0&requiressl=0&jit=on"
    connection = await connect(postgres_address(f"{url}&schema=A-part"), Limits())
    shown = [await connection.fetchval(f"SHOW {name}") for name in ("search_path", "client_encoding", "jit")]
    await connection.close()

    assert shown == ['"A-part"', "UTF8", "off"]
    assert postgres_address(f"{url}&schema=a&search_path=b").settings == (("jit", "on"), ("search_path", "b"))


async def test_the_next_host_is_asked(postgres: PostgresPlace) -> None:
    """A host that says nothing, one that leaves and one that is not ready yet do not keep us from one that serves."""

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.close()

    async def put_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"SFATAL\0C57P03\0Mthe database system is starting up\0\0"
        await reader.read(8)
        writer.write(b"E" + (len(body) + 4).to_bytes(4, "big") + body)
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with (
            await asyncio.start_server(leave, "127.0.0.1", 0) as leaves,
            await asyncio.start_server(put_off, "127.0.0.1", 0) as busy,
        ):
            ports = [listening.getsockname()[1] for listening in (silent, *leaves.sockets, *busy.sockets)]
            hosts = f"{'127.0.0.1,' * 3}{postgres.server.data.parent}"
            asked = f"host={hosts}&port={','.join(map(str, ports))},5432&sslmode=disable"
            address = postgres_address(f"postgresql://postgres@/postgres?{asked}")
            connection = await connect(address, Limits(connecting=6.0))
            await connection.close()
            none = postgres_address(
                f"postgresql://me@{','.join(f'127.0.0.1:{p}' for p in ports[1:])}/x?sslmode=disable"
            )
            with pytest.raises(Unavailable) as raised:
                await connect(none, Limits())
    assert raised.value.__notes__[0].endswith(": the database system is starting up.")


async def test_the_host_is_of_the_kind_asked_for(postgres: PostgresPlace) -> None:
    """Of several hosts one is taken that can be written to, or cannot; where one is only preferred, any if need be."""
    place = postgres.server.data.parent
    url = f"postgresql://postgres@/postgres?host=/no/such/folder,{place}&target_session_attrs="
    for wanted in ("read-write", "primary", "prefer-standby"):
        await (await connect(postgres_address(url + wanted), Limits())).close()
    with pytest.raises(Unavailable):
        await connect(postgres_address(f"{url}standby"), Limits())


@pytest.mark.parametrize(
    ("url", "dsns"),
    [
        ("//u:p@a:1,[::1]/x?jit=on", ["//u:p@a:1/x", "//u:p@[::1]/x"]),
        ("/x?host=a,b&port=1,2&user=u", ["///x?host=a&port=1&user=u", "///x?host=b&port=2&user=u"]),
        ("/x?host=a,%2Fb&port=1", ["///x?host=a&port=1", "///x?host=%2Fb&port=1"]),
        ("/x?host=a,b&port=1,2,3", ["///x?host=a%2Cb&port=1%2C2%2C3"]),  # which the driver refuses
        (
            "//a,b/x?target_session_attrs=prefer-standby",
            [f"//{host}/x?target_session_attrs={kind}" for kind in ("standby", "any") for host in "ab"],
        ),
    ],
)
def test_hosts_are_asked_one_by_one(url: str, dsns: list[str]) -> None:
    """Each host of several has an address of its own, in the order of the URL; a standby is looked for first."""
    found = postgres_address(f"postgresql:{url if url.startswith('//') else f'//{url}'}").dsns

    assert [dsn.removeprefix("postgresql:") for dsn in found] == dsns


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
