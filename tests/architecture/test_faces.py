"""A room may leave for another process: its service is called by keywords, with values that JSON can carry."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import fields, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultmaven_adapters.composition import ROOMS
from faultmaven_adapters.remote import face_of, module_of
from faultmaven_domain.kernel.paging import Page
from faultmaven_domain.kernel.principal import Principal
from tests.fakes.values import values

SERVICES = [room.service for room in ROOMS.values()]


def survives(service: type, data: st.DataObject) -> None:
    """Raises: TypeError for what cannot be called from afar; AssertionError for a value that changes on the way."""
    for method in face_of(service).values():
        given = {name: data.draw(values(kind), label=f"{method.name}({name})") for name, kind in method.takes.items()}
        result = data.draw(values(method.gives), label=f"{method.name}()")

        assert _through_json(method.arguments_out(given), method.arguments_in) == given
        assert _through_json(method.result_out(result), method.result_in) == result


def _through_json(written: object, read: Callable[[Any], object]) -> object:
    return read(json.loads(json.dumps(written)))


@pytest.mark.parametrize("service", SERVICES, ids=module_of)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_use_case_may_be_called_from_afar(service: type, data: st.DataObject) -> None:
    """Async, by keyword, and every argument and result is the same on the other side."""
    survives(service, data)


@pytest.mark.parametrize("service", SERVICES, ids=module_of)
def test_nothing_else_is_public(service: type) -> None:
    """A service has use-cases and the ports it was given, no property and no helper."""
    ports = {port.name for port in fields(service)}
    public = {name for name in vars(service) if not name.startswith("_")}

    assert public - ports == set(face_of(service))


def test_every_room_has_use_cases() -> None:
    """What is walked here is really there."""
    assert [module_of(service) for service in SERVICES] == list(ROOMS)
    assert all(len(face_of(service)) > 3 for service in SERVICES)


@frozen
class Opaque:
    """Something only this process understands."""

    handle: object


class NotAttrs:
    pass


def planted() -> Iterator[Any]:
    class Waits:
        def get(self, *, id: str) -> str:
            return id

    class ByPlace:
        async def get(self, id: str) -> str:
            return id

    class Variadic:
        async def get(self, **ids: str) -> str:
            return ""

    class Silent:
        async def get(self, *, id) -> str:  # type: ignore[no-untyped-def]
            return str(id)

    class Mute:
        async def get(self, *, id: str):  # type: ignore[no-untyped-def]
            return id

    class GivesBytes:
        async def get(self, *, id: str) -> bytes:
            return id.encode()

    class GivesAStranger:
        async def get(self, *, id: str) -> NotAttrs:
            return NotAttrs()

    class GivesASet:
        async def get(self, *, id: str) -> set[str]:
            return {id}

    class TakesAFunction:
        async def get(self, *, id: Callable[[], str]) -> str:
            return id()

    class TakesNumbersForKeys:
        async def get(self, *, by: dict[int, str]) -> None: ...

    class GivesAPageOfStrangers:
        async def get(self, *, principal: Principal) -> Page[NotAttrs]:
            raise NotImplementedError

    yield from (value for value in locals().values() if isinstance(value, type))


@pytest.mark.parametrize("service", list(planted()), ids=lambda service: service.__name__)
def test_a_violation_is_found(service: type) -> None:
    """Each planted service cannot be called from afar, and that is said."""

    @settings(max_examples=5, deadline=None)
    @given(data=st.data())
    def walk(data: st.DataObject) -> None:
        survives(service, data)

    with pytest.raises(TypeError):
        walk()


def test_a_value_that_changes_on_the_way_is_found() -> None:
    """What only looks the same on the other side is not the same."""

    class Lossy:
        async def get(self, *, how: Opaque) -> None: ...

    [method] = face_of(Lossy).values()
    sent = {"how": Opaque(handle=(1, 2))}

    assert _through_json(method.arguments_out(sent), method.arguments_in) != sent
