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

    async def test_what_was_sent_by_a_clock_that_cannot_be_right_is_due(self, transactions: Transactions[Any]) -> None:
        """Whoever asks for it gets what was last sent after a time, and not at it; a parked one stays parked."""
        async with undone(transactions) as unit:
            await put(unit, "a", "b", "c", "d")
            await unit.outbox.mark_sent(["a", "c"], at=NOON + timedelta(days=10_000))
            await unit.outbox.mark_sent(["b"], at=NOON + MINUTE)
            await unit.outbox.park("d")

            assert await due(unit) == []
            late = await unit.outbox.due(sent_before=NOON, sent_after=NOON + MINUTE)
            assert [message.id for message in late] == ["a", "c"]

    async def test_what_was_lost_is_due_at_once(self, transactions: Transactions[Any]) -> None:
        """Marked unsent, a message is as if it had never left; ids that are gone are passed over."""
        async with undone(transactions) as unit:
            await put(unit, "a", "b")
            await unit.outbox.mark_sent(["a", "b", "gone"], at=NOON)
            assert await due(unit) == []
            await unit.outbox.mark_unsent(["b", "gone"])
            await unit.outbox.mark_unsent([])

            assert await due(unit) == ["b"]

    async def test_everything_is_due_again(self, transactions: Transactions[Any]) -> None:
        """When all is lost, all is as if it had never left, whenever it was sent; what is parked stays parked."""
        async with undone(transactions) as unit:
            await put(unit, "a", "b", "c", "d")
            await unit.outbox.mark_sent(["a"], at=NOON + MINUTE)
            await unit.outbox.mark_sent(["b"], at=NOON + timedelta(days=10_000))
            await unit.outbox.park("c")
            await unit.outbox.mark_all_unsent()

            assert await due(unit) == ["a", "b", "d"]

    async def test_what_is_parked_is_kept_and_never_due(self, transactions: Transactions[Any]) -> None:
        """Neither time nor a note that it was sent, or lost, makes a parked message due; parking twice is no error."""
        async with undone(transactions) as unit:
            await put(unit, "c", "a", "b")
            await unit.outbox.mark_sent(["c"], at=NOON - MINUTE)
            for id in ("c", "a", "a", "gone"):
                await unit.outbox.park(id)
            await unit.outbox.mark_sent(["a", "b"], at=NOON)
            await unit.outbox.mark_unsent(["c"])

            assert await unit.outbox.due(sent_before=NOON + timedelta(days=100_000)) == [
                Outgoing(id="b", topic="jobs.chat_turn", payload={"job_id": "b"})
            ]
            assert await unit.outbox.parked() == ["c", "a"]
            assert await unit.outbox.parked(limit=1) == ["c"]

    async def test_what_is_unparked_is_due_and_whole(self, transactions: Transactions[Any]) -> None:
        """Its content is as it was; of one that is not kept it is said so, and one that was never parked is due."""
        message = Outgoing(id="a", topic="jobs.embedding", payload={"content": "x"})
        async with undone(transactions) as unit:
            await unit.outbox.put(message, at=NOON - MINUTE)
            await unit.outbox.park("a")
            await put(unit, "b")
            await unit.outbox.mark_sent(["b"], at=NOON)

            assert [await unit.outbox.unpark(id) for id in ("a", "b", "gone")] == [True, True, False]
            assert [m.id for m in await unit.outbox.due(sent_before=NOON - MINUTE)] == ["a", "b"]
            assert (await unit.outbox.due(sent_before=NOON, limit=1)) == [message]
            assert await unit.outbox.parked() == []

    async def test_what_was_parked_long_ago_goes(self, transactions: Transactions[Any]) -> None:
        """By when it was put, and never one that waits; a parked one can also be dropped by itself."""
        async with undone(transactions) as unit:
            for number, id in enumerate("abcde"):
                await unit.outbox.put(Outgoing(id=id, topic="jobs.coffee", payload={}), at=NOON + number * MINUTE)
            for id in "acde":
                await unit.outbox.park(id)
            await unit.outbox.drop("e")

            assert await unit.outbox.drop_parked(put_before=NOON + 3 * MINUTE) == 2
            assert await unit.outbox.drop_parked(put_before=NOON + 3 * MINUTE) == 0
            assert await unit.outbox.parked() == ["d"]
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
