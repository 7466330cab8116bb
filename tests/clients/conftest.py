"""One real server, and what each client does against it from sign-in to sign-out, done once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.clients import strained
from tests.clients.replays import AGENT, CLIENTS, SLACK, replayed
from tests.clients.wire import Step, Wire
from tests.e2e.server import Server
from tests.standins.openai import OpenAIStandIn
from tests.standins.running import running
from tests.standins.script import KEY

#: What a server that limits allows: requests a minute, bytes of a file.
A_MINUTE, LARGEST = 60, 100_000


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As on a laptop: every setting is the default, but for a model that would be fetched."""
    with _server(tmp_path_factory.mktemp("clients"), LLM_PROVIDER="extractive") as one:
        yield one


@pytest.fixture(scope="session")
def base(server: Server) -> str:
    return _local(server)


@pytest.fixture(scope="session")
def http(base: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=base, timeout=60) as one:
        yield one


@pytest.fixture(scope="session")
def replays(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Step]]:
    """The steps of a client, by its name. Raises: AssertionError where it could not go on."""
    done: dict[str, list[Step]] = {}

    def steps_of(client: str) -> list[Step]:
        if client not in done:
            with _facing(client, server, tmp_path_factory) as (one, replay):
                done[client] = replayed(client, replay, _local(one))
        return done[client]

    return steps_of


@contextmanager
def _facing(
    client: str, server: Server, directories: pytest.TempPathFactory
) -> Iterator[tuple[Server, Callable[[Wire], None]]]:
    """The server a client needs, and what it does there."""
    replay = CLIENTS[client]
    if replay is strained.replay:
        standin = OpenAIStandIn()
        with running(standin.app) as address:
            model = {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": KEY, "LLM_PROVIDER": "openai"}
            limits = {"RATE_LIMITS": "true", "REQUESTS_PER_MINUTE": str(A_MINUTE), "MAX_UPLOAD_BYTES": str(LARGEST)}
            with _server(directories.mktemp("strained"), AUTH_MODE="oauth", **model, **limits) as one:
                yield one, partial(replay, standin=standin, asked_at_most=A_MINUTE, largest=LARGEST)
    elif replay is SLACK:
        yield server, partial(replay, refresh_token=_token_for(AGENT, server))
    else:
        yield server, replay


@contextmanager
def _server(directory: Path, **settings: str) -> Iterator[Server]:
    one = Server(directory / "data", {"MODEL_DOWNLOAD": "false", **settings})
    try:
        yield one.start()
    finally:
        one.kill()


@pytest.fixture(scope="session", params=CLIENTS)
def steps(request: pytest.FixtureRequest, replays: Callable[[str], list[Step]]) -> list[Step]:
    """What each client did; of the session, so that all tests of one client come together and it is done once."""
    return replays(request.param)


def _local(server: Server) -> str:
    """The address as clients have it: the extension's bridge runs on localhost only."""
    return server.url.replace("127.0.0.1", "localhost")


def _token_for(name: str, server: Server) -> str:
    """What the operator of an agent gives it, once it has an account."""
    httpx2.post(f"{server.url}/api/v1/auth/dev-login", json={"username": name}).raise_for_status()
    command = [sys.executable, "-m", "faultmaven_http.cli", "users", "token", name, "--data-dir", str(server.data)]
    environment = {**os.environ, **server.environment}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
