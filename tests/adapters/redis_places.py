"""One Redis of each form for a process's tests to share, and the addresses that lead there."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from attrs import frozen

from faultmaven_adapters.redis.address import Address, Login, Tls, address_of
from tests.adapters.redis_door import a_door
from tests.adapters.redis_processes import Server, a_cluster, a_sentinel, a_server

PASSWORD = "s3cret/@:%?#ü"
Reached = Callable[[str], AbstractAsyncContextManager[Address]]


@frozen
class Certified:
    """Who signs, as a file, and a server that shows its signature for this machine."""

    authority: trustme.CA
    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    authority, file = trustme.CA(), tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return Certified(authority, file, context)


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a password."""
    with a_server(tmp_path_factory.mktemp("guarded"), password=PASSWORD) as server:
        yield server


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """A primary, and a Sentinel with a password of its own."""
    directory = tmp_path_factory.mktemp("watched")
    with a_server(directory / "primary") as primary, a_sentinel(directory, primary, password="other") as sentinel:
        yield primary, sentinel


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with a_cluster(tmp_path_factory.mktemp("cluster")) as servers:
        yield servers


@pytest.fixture
def reached(request: pytest.FixtureRequest) -> Reached:
    """Gives the address of an empty Redis of a form: tls, sentinel or cluster."""

    @asynccontextmanager
    async def place(form: str) -> AsyncIterator[Address]:
        if form == "tls":
            server, certified = request.getfixturevalue("guarded"), request.getfixturevalue("certified")
            server.asked("FLUSHALL")
            async with a_door(lambda: server.port, certified.context) as port:
                url = f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/1"
                yield address_of(url, tls=Tls(ca=certified.file))
        elif form == "sentinel":
            primary, sentinel = request.getfixturevalue("watched")
            primary.asked("FLUSHALL")
            yield sentinel_address(sentinel)
        else:
            servers = request.getfixturevalue("cluster")
            for server in servers:
                server.asked("FLUSHALL")
            yield address_of(f"redis+cluster://127.0.0.1:1,127.0.0.1:{servers[2].port}")

    return place


def sentinel_address(sentinel: Server) -> Address:
    """The first of the two is not there."""
    login = Login(password=sentinel.password)
    return address_of(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/main/2", sentinel_login=login)
