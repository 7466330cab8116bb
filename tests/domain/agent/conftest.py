import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.reach import Reach

from .world import World, build


@pytest.fixture
async def world(reach: Reach, clock: FakeClock, ids: FakeIds) -> World:
    world = build(reach, clock, ids)
    await world.knowledge.start()
    return world
