"""How a PostgreSQL server is come in by: TLS, passwords, and as many connections as it has."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from faultmaven_adapters.sql import Limits, migrate, open_sql
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
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
        for more in ("?sslmode=require", f"?sslmode=verify-full&sslrootcert={path}"):
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
    with door("", None) as port, pytest.raises(Misconfigured, match="no TLS"):
        await pinged(f"postgresql://postgres:hush@127.0.0.1:{port}/x?sslmode=require")


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
