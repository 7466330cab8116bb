"""Every room's tests run twice: with its service in this process, and with the service reached over HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from hypothesis import settings
from starlette.applications import Starlette

from faultmaven_adapters.remote import RemoteModule, internal_key
from faultmaven_http.routes.internal import internal_routes
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ids() -> FakeIds:
    return FakeIds()


@pytest.fixture(params=["local", "remote"])
async def reach(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[Any], Any]]:
    """Gives back the service it is given, or what stands in for it where it runs in another process."""
    async with AsyncExitStack() as stack:

        def remotely(service: Any) -> Any:
            key = internal_key("a secret both processes know, and no one else")
            app = Starlette(routes=internal_routes({type(service): service}, key))
            module = RemoteModule("http://apart", key, httpx2.AsyncClient(transport=httpx2.ASGITransport(app)))
            stack.push_async_callback(module.close)
            return module.service(type(service))

        yield remotely if request.param == "remote" else lambda service: service
