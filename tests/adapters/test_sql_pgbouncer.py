"""Behind a PgBouncer that pools by session, and what is said where it does not take us."""

import asyncio
from collections.abc import Iterator

import pytest

from faultmaven_adapters.sql import MODULES, Limits, migrate, open_sql
from faultmaven_adapters.sql.connecting import connect
from faultmaven_adapters.sql.urls import postgres_address
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from tests.adapters.pgbouncer_process import a_pooler
from tests.adapters.postgres_place import PostgresPlace, execute
from tests.contracts.unit_of_work import a_case, titles


@pytest.fixture(scope="module")
def by_session(postgres: PostgresPlace) -> Iterator[int]:
    with a_pooler(postgres.server, pool_mode="session") as port:
        yield port


def behind(port: int, url: str) -> str:
    """The same database by way of the pooler."""
    return f"postgresql://postgres@127.0.0.1:{port}/{url.partition('@/')[2].partition('?')[0]}"


async def test_everything_works_behind_it(by_session: int, postgres: PostgresPlace) -> None:
    """As it is by default it takes our connections: a schema of one's own, limits, turns of writers and all."""
    bare = postgres.made("template1")
    await execute(bare, "CREATE SCHEMA apart")
    url = f"{behind(by_session, bare)}?search_path=apart"
    urls = dict.fromkeys(MODULES, url)

    assert await migrate(urls) != []
    async with open_sql(urls, lambda: None) as opened:
        for transactions in opened.values():
            await transactions.ping()

        async def save(number: int) -> None:
            async with opened["case"].begin() as unit:
                await unit.cases.save(a_case(f"case_{number}", title=f"{number}"))

        await asyncio.gather(*[save(number) for number in range(20)], *[titles(opened["case"]) for _ in range(20)])
        assert len(await titles(opened["case"])) == 20
    connection = await connect(postgres_address(url), Limits(statement=7.0))
    shown = [await connection.fetchval(f"SHOW {name}") for name in ("statement_timeout", "search_path", "TimeZone")]
    await connection.close()
    assert shown == ["7s", "apart", "UTC"]


async def test_what_it_does_not_take_is_told(by_session: int, postgres_url: str) -> None:
    """It has one code for all, so what it says decides, and whoever runs this is shown it."""
    url = behind(by_session, postgres_url)
    for asked, says in ((f"{url}?options=-cjit%3Doff", "unsupported startup parameter"), (f"{url}_not", "not exist")):
        with pytest.raises(Misconfigured) as raised:
            await connect(postgres_address(asked), Limits())
        assert says in raised.value.__notes__[0]


async def test_its_room_is_bounded(postgres: PostgresPlace, postgres_url: str) -> None:
    """Whom it has no place for is told so at once, and whom it lets wait after the time that connecting may take."""
    with a_pooler(postgres.server, pool_mode="session", max_client_conn=2, default_pool_size=1) as port:
        address, hasty = postgres_address(behind(port, postgres_url)), Limits(connecting=0.3)
        first = await connect(address, Limits())
        waiting = asyncio.create_task(connect(address, hasty))
        with pytest.raises(Unavailable, match="does not answer"):
            await waiting
        others = await asyncio.gather(*[connect(address, hasty) for _ in range(3)], return_exceptions=True)
        assert "The database has no connection left." in {str(error) for error in others}
        await first.close()
