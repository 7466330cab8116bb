"""The main job, and every client's day, on each profile as it is deployed, from its engines to its last worker."""

import asyncio
from collections.abc import Iterator
from itertools import product

import httpx2
import pytest
from attrs import frozen

from tests.adapters.postgres_place import PostgresPlace
from tests.adapters.sql_plans import Planner, issued_in
from tests.clients.deployed import LET_IN, all_replayed
from tests.fleet import Fleet, a_day


@frozen(kw_only=True)
class Deployment:
    profile: str
    servers: int = 1
    workers: int = 1
    vectors: str = "lancedb"


DEPLOYMENTS = {
    "core": Deployment(profile="core"),
    "team, LanceDB": Deployment(profile="team"),
    "team, ChromaDB's server": Deployment(profile="team", vectors="chromadb"),
    "enterprise, LanceDB on S3": Deployment(profile="enterprise", servers=2, workers=2, vectors="lancedb-s3"),
    "enterprise, Pinecone": Deployment(profile="enterprise", servers=2, workers=2, vectors="pinecone"),
}
WITH_CLIENTS = ("team, LanceDB", "enterprise, LanceDB on S3")


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def fleet(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    one = DEPLOYMENTS[request.param]
    with Fleet(
        one.profile,
        tmp_path_factory.mktemp("fleet") / one.profile,
        servers=one.servers,
        workers=one.workers,
        vectors=one.vectors,
        environment={} if one.profile == "core" else {**LET_IN, "LOG_LEVEL": "debug"},
    ) as fleet:
        yield fleet


@pytest.mark.parametrize("fleet", WITH_CLIENTS, indirect=True)
def test_every_client_has_its_day(fleet: Fleet) -> None:
    """Signed in with a password, by OAuth or by a token, as a name alone opens nothing, and answered by another process
    each time, no client misses anything it reads; and nothing they have PostgreSQL asked reads a whole table."""
    with fleet.explained():
        assert all_replayed(fleet) == {}

    asked = [statement for log in fleet.logs for statement in issued_in(log.read_text())]
    assert len(set(asked)) > 50
    assert scans(fleet, asked) == []


def scans(fleet: Fleet, asked: list[str]) -> list[str]:
    """The statements that would read a whole table, were it long, and how."""
    assert fleet.postgres is not None
    place = PostgresPlace(fleet.postgres)
    try:
        place.prepare()
        return asyncio.run(Planner(place.long()).troubles(asked))
    finally:
        place.close()


@pytest.mark.parametrize("fleet", WITH_CLIENTS, indirect=True)
def test_a_name_alone_opens_nothing(fleet: Fleet) -> None:
    """At every process the address is as if it were not there, whoever is named."""
    for url, mount in product(fleet.urls, ("/v1", "/api/v1")):
        nothing = httpx2.post(f"{url}{mount}/auth/nothing", json={}, verify=False)
        assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "NOT_FOUND")
        for name in ("admin", "nobody-yet"):
            answer = httpx2.post(f"{url}{mount}/auth/dev-login", json={"username": name}, verify=False)
            assert (answer.status_code, answer.json()) == (404, nothing.json())


def test_the_main_job(fleet: Fleet) -> None:
    """From a new account to the next case, over processes of which some are killed in between: every citation holds,
    nothing acknowledged is lost, and what was learnt is found."""

    def restarted() -> None:
        fleet.kill_server(0)
        if fleet.working:
            fleet.kill_worker(0)
            fleet.restart_redis()
            fleet.restart_postgres()
        fleet.start_all()

    with fleet.explained():
        a_day(fleet.urls, restarted)
