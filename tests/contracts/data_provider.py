"""What every repository promises. A repository's own contract inherits this; an adapter's test class gives
`transactions`, empty ones of the contract's module."""

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Generic, TypeVar

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.unit_of_work import Transactions
from tests.contracts.values import values_of

T = TypeVar("T")

any_value = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class Undo(Exception):
    """Ends a transaction without a trace."""


@asynccontextmanager
async def undone(transactions: Transactions[Any]) -> AsyncIterator[Any]:
    """A transaction whose changes are seen within it and nowhere else."""
    try:
        async with transactions.begin() as unit:
            yield unit
            raise Undo
    except Undo:
        pass


class ModuleContract:
    """A part of one module's unit of work: ``module`` and the name it has in the unit."""

    module: ClassVar[str]
    part: ClassVar[str]

    @pytest.fixture
    def transactions(self) -> Transactions[Any]:
        raise NotImplementedError

    @pytest.fixture
    def keeps_nul(self) -> bool:
        """Whether texts may hold the character of number zero."""
        return True

    def of(self, unit: Any) -> Any:
        return getattr(unit, self.part)


class DataProviderContract(ModuleContract, Generic[T]):
    """``key`` is the field that holds the id, ``text`` one that any text fits."""

    key: ClassVar[str]
    text: ClassVar[str]
    #: What a value must be to be saved as a new one.
    fixed: ClassVar[dict[str, st.SearchStrategy[Any]]] = {}

    def value(self, id: str, **changes: Any) -> T:
        raise NotImplementedError

    def again(self, value: T, **changes: Any) -> T:
        """The same thing, changed, as it may be saved next."""
        return attrs.evolve(value, **changes)

    def id_of(self, value: T) -> str:
        return str(getattr(value, self.key))

    @any_value
    @given(st.data())
    async def test_gives_back_every_field(self, transactions: Transactions[Any], data: st.DataObject) -> None:
        """Any value comes back equal: texts in any script, times to the microsecond, nested things and absent ones."""
        value = data.draw(values_of(type(self.value("x")), **self.fixed))
        async with undone(transactions) as unit:
            saved = await self.of(unit).save(value)

            assert value == saved
            assert value == await self.of(unit).get(self.id_of(value))
            assert [value] == await self.of(unit).query()

    @any_value
    @given(st.data())
    async def test_finds_by_any_attribute(self, transactions: Transactions[Any], data: st.DataObject) -> None:
        """Each attribute can be a filter, whatever its type, also where it is absent."""
        value = data.draw(values_of(type(self.value("x")), **self.fixed))
        async with undone(transactions) as unit:
            await self.of(unit).save(value)

            for name, wanted in attrs.asdict(value, recurse=False).items():
                assert [value] == await self.of(unit).query(**{name: wanted}), name

    async def test_times_are_in_utc(self, transactions: Transactions[Any]) -> None:
        """Whatever zone a time was written in, it is read in UTC."""
        async with undone(transactions) as unit:
            await self.of(unit).save(self.value("a"))
            found = await self.of(unit).get("a")

        times = [value for value in attrs.asdict(found, recurse=False).values() if hasattr(value, "tzinfo")]
        assert all(str(time.tzinfo) == "UTC" for time in times)

    async def test_what_is_not_there_is_none(self, transactions: Transactions[Any]) -> None:
        """An unknown id gives None, and there is nothing to delete."""
        async with undone(transactions) as unit:
            assert await self.of(unit).get("nobody") is None
            assert await self.of(unit).delete("nobody") is False
            assert await self.of(unit).query() == []

    async def test_deletes(self, transactions: Transactions[Any]) -> None:
        """What was deleted is gone, the others stay, and deleting twice says so."""
        async with undone(transactions) as unit:
            await self.of(unit).save(self.value("a"))
            await self.of(unit).save(self.value("b"))

            assert [await self.of(unit).delete("a"), await self.of(unit).delete("a")] == [True, False]
            assert await self.of(unit).get("a") is None
            assert [self.id_of(value) for value in await self.of(unit).query()] == ["b"]

    async def test_replaces_the_one_with_the_same_id(self, transactions: Transactions[Any]) -> None:
        """Saving again replaces the value, which keeps its place among the others."""
        async with undone(transactions) as unit:
            for id in ("a", "b"):
                await self.of(unit).save(self.value(id))
            changed = self.again(self.value("a"), **{self.text: "changed"})
            await self.of(unit).save(changed)

            assert changed == await self.of(unit).get("a")
            assert [self.id_of(value) for value in await self.of(unit).query()] == ["a", "b"]

    async def test_finds_by_equal_attributes(self, transactions: Transactions[Any]) -> None:
        """A query gives those that equal every filter, oldest first."""
        async with undone(transactions) as unit:
            for id in ("c", "a", "b"):
                await self.of(unit).save(self.value(id, **({} if id == "b" else {self.text: f"like {id}"})))

            both = await self.of(unit).query(**{self.key: "a", self.text: "like a"})
            assert [self.id_of(value) for value in both] == ["a"]
            assert await self.of(unit).query(**{self.key: "a", self.text: "like c"}) == []
            assert [self.id_of(value) for value in await self.of(unit).query()] == ["c", "a", "b"]

    async def test_an_unknown_filter_is_a_mistake(self, transactions: Transactions[Any]) -> None:
        """A filter on an attribute there is none of raises, rather than finding all or nothing."""
        async with undone(transactions) as unit:
            with pytest.raises(TypeError):
                await self.of(unit).query(no_such_thing=1)

    async def test_keeps_a_value_of_its_own(self, transactions: Transactions[Any]) -> None:
        """What happens to a value's dicts after it was saved, or to one that was read, does not reach what is kept."""
        value = self.value("a")
        before = copy.deepcopy(value)
        async with undone(transactions) as unit:
            await self.of(unit).save(value)
            _scribble(value)
            _scribble(await self.of(unit).get("a"))

            assert before == await self.of(unit).get("a")

    async def test_refuses_what_is_not_unicode(self, transactions: Transactions[Any]) -> None:
        """Half a surrogate pair is no text, and nothing of it is kept."""
        with pytest.raises(InvalidInput):
            async with transactions.begin() as unit:
                await self.of(unit).save(self.value("a", **{self.text: "\ud800"}))

        async with transactions.view() as unit:
            assert await self.of(unit).get("a") is None

    async def test_a_nul_is_kept_or_refused(self, transactions: Transactions[Any], keeps_nul: bool) -> None:
        """A character of number zero comes back, or the text that holds it is refused; it is never cut off there."""
        value = self.value("a", **{self.text: "before\0after"})
        async with undone(transactions) as unit:
            if keeps_nul:
                await self.of(unit).save(value)
                assert value == await self.of(unit).get("a")
            else:
                with pytest.raises(InvalidInput):
                    await self.of(unit).save(value)


def _scribble(value: Any) -> None:
    for inner in attrs.asdict(value, recurse=False).values():
        if isinstance(inner, dict):
            inner["scribbled"] = True
