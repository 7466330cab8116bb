from datetime import timedelta
from typing import Any

from hypothesis import given

from faultmaven_domain.kernel.events import Outgoing
from faultmaven_domain.kernel.unit_of_work import Transactions, UnitOfWork
from tests.contracts.data_provider import ModuleContract, any_value, undone
from tests.contracts.values import NOON, json_objects, texts

MINUTE = timedelta(minutes=1)


async def put(unit: UnitOfWork, *ids: str) -> None:
    for id in ids:
        await unit.outbox.put(Outgoing(id=id, topic="jobs.chat_turn", payload={"job_id": id}), at=NOON)


async def due(unit: UnitOfWork, *, limit: int = 100) -> list[str]:
    return [message.id for message in await unit.outbox.due(sent_before=NOON, limit=limit)]


class OutboxContract(ModuleContract):
    module, part = "agent", "outbox"

    @any_value
    @given(texts, texts, json_objects)
    async def test_gives_back_the_message(
        self, transactions: Transactions[Any], id: str, topic: str, payload: dict[str, Any]
    ) -> None:
        """A message comes out as it was put in."""
        message = Outgoing(id=id, topic=topic, payload=payload)
        async with undone(transactions) as unit:
            await unit.outbox.put(message, at=NOON)

            assert [message] == await unit.outbox.due(sent_before=NOON)

    async def test_the_oldest_come_first(self, transactions: Transactions[Any]) -> None:
        """What waits is given in the order it was put, so many at a time."""
        async with undone(transactions) as unit:
            await put(unit, "c", "a", "b")

            assert await due(unit) == ["c", "a", "b"]
            assert await due(unit, limit=2) == ["c", "a"]

    async def test_what_was_sent_waits_until_it_is_long_ago(self, transactions: Transactions[Any]) -> None:
        """A message is due again when it was last sent before the time asked about, and not at it."""
        async with undone(transactions) as unit:
            await put(unit, "a", "b", "c")
            await unit.outbox.mark_sent(["a"], at=NOON - MINUTE)
            await unit.outbox.mark_sent(["b"], at=NOON)

            assert await due(unit) == ["a", "c"]

    async def test_what_was_lost_is_due_at_once(self, transactions: Transactions[Any]) -> None:
        """Marked unsent, a message is as if it had never left; ids that are gone are passed over."""
        async with undone(transactions) as unit:
            await put(unit, "a", "b")
            await unit.outbox.mark_sent(["a", "b", "gone"], at=NOON)
            assert await due(unit) == []
            await unit.outbox.mark_unsent(["b", "gone"])
            await unit.outbox.mark_unsent([])

            assert await due(unit) == ["b"]

    async def test_many_at_once(self, transactions: Transactions[Any]) -> None:
        """Thousands of messages are marked in one go."""
        ids = [f"m{number}" for number in range(2_500)]
        async with undone(transactions) as unit:
            await put(unit, *ids)
            await unit.outbox.mark_sent(ids, at=NOON)
            assert await due(unit) == []
            await unit.outbox.mark_unsent(ids)

            assert ids == await due(unit, limit=10_000)

    async def test_what_is_dropped_is_gone(self, transactions: Transactions[Any]) -> None:
        """A dropped message is never due again; dropping it twice is no error."""
        async with undone(transactions) as unit:
            await put(unit, "a", "b")
            await unit.outbox.drop("a")
            await unit.outbox.drop("a")

            assert await due(unit) == ["b"]

    async def test_put_again_is_to_be_sent_again(self, transactions: Transactions[Any]) -> None:
        """The same id put twice is one message, the later one, and due."""
        async with undone(transactions) as unit:
            await put(unit, "a")
            await unit.outbox.mark_sent(["a"], at=NOON)
            again = Outgoing(id="a", topic="jobs.post_mortem", payload={})
            await unit.outbox.put(again, at=NOON + MINUTE)

            assert [again] == await unit.outbox.due(sent_before=NOON)
