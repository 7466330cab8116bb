"""Everything is wired at the start; what is missing stops it there."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
from attrs import fields, frozen, resolve_types

from faultmaven_adapters.composition import ENGINE, PORTS, ROOMS, compose
from faultmaven_adapters.open_memory import open_memory
from faultmaven_adapters.settings import load_settings
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.errors import Misconfigured
from faultmaven_domain.kernel.job_relay import JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobService

#: Ports that no use-case is built from, and who asks for them.
ASKED_ELSEWHERE = {
    "RateLimiter": "the HTTP shell counts requests with it",
    "ReplyStore": "the HTTP shell answers repeated requests from it",
}


@pytest.fixture
async def adapters() -> AsyncIterator[dict[type, Any]]:
    async with AsyncExitStack() as stack:
        yield open_memory(stack, load_settings({})).adapters


def unwired(services: Iterable[type], given: Iterable[type]) -> list[str]:
    """What services are built from and nobody gives."""
    known = set(given)
    return [
        f"{service.__name__}.{port.name}"
        for service in services
        for port in fields(resolve_types(service))
        if port.init and port.type not in known
    ]


async def test_every_port_is_wired(adapters: dict[type, Any]) -> None:
    """With an adapter for every port there is a service for every room."""
    services = compose(adapters)

    assert set(services) == {room.service for room in ROOMS.values()} | {JobService, JobRunner, JobRelay}


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
async def test_a_missing_port_stops_the_start(port: type, adapters: dict[type, Any]) -> None:
    """Without an adapter for any one of the ports nothing is composed, and the port is named."""
    del adapters[port]

    with pytest.raises(Misconfigured, match=rf"{port.__module__}\.{port.__name__}\b"):
        compose(adapters)


def test_all_that_services_ask_for_is_given() -> None:
    """A service is built from ports and from other rooms' answers, and from nothing that only luck would supply."""
    answers = [port for room in ROOMS.values() for port in room.answers]

    assert unwired([*(room.service for room in ROOMS.values()), *ENGINE], [*PORTS, *answers, *ENGINE]) == []


def test_every_port_is_asked_for() -> None:
    """No adapter has to be given for a port that no service is built from, but for those with a reason."""
    services = (*(room.service for room in ROOMS.values()), *ENGINE, JobService, JobRunner, JobRelay)
    asked = {port.type for service in services for port in fields(resolve_types(service))}

    assert {port.__name__ for port in PORTS if port not in asked} == set(ASKED_ELSEWHERE)


def test_a_port_that_is_forgotten_is_found() -> None:
    """A service that asks for a port of no list is named with it."""

    class Teleporter(Protocol):
        async def beam(self) -> None: ...

    @frozen
    class Transport:
        clock: Clock
        teleporter: Teleporter

    assert unwired([Transport], PORTS) == ["Transport.teleporter"]
