from contextlib import suppress

import pytest

from faultmaven_domain.kernel.backlog import UNBOUNDED, Backlog, QueueFull
from faultmaven_domain.kernel.job_service import JobBooks
from faultmaven_domain.kernel.jobs import JobState

from .coffee import Ask, CoffeeRequested


async def test_no_more_may_wait_than_may(books: JobBooks, ask: Ask) -> None:
    """Where as many wait as may, one more is refused, with a word when to come again; what runs does not wait."""
    backlog = Backlog({CoffeeRequested.topic: 2})
    await ask()
    second = await ask()

    async with books["agent"].begin() as unit:
        with pytest.raises(QueueFull) as refused:
            await backlog.check(unit, CoffeeRequested, owner_id="usr_bob")
        await UNBOUNDED.check(unit, CoffeeRequested, owner_id="usr_bob")
        await unit.jobs.save(second.begun(at=second.created_at))
        await backlog.check(unit, CoffeeRequested, owner_id="usr_bob")

    assert refused.value.retry_after > 0
    assert refused.value.details == {"limit": 2}
    assert second.state is JobState.QUEUED


@pytest.mark.parametrize(("most", "rooms"), [(None, [5, 4]), (100, [5, 4]), (9, [2, 1]), (2, [1, 0])])
async def test_the_server_takes_a_quarter(books: JobBooks, ask: Ask, most: int | None, rooms: list[int]) -> None:
    """What it asks for by itself is no more than wanted, and leaves three quarters of what may wait to people."""
    backlog = Backlog({CoffeeRequested.topic: most} if most else {})

    async def room() -> int:
        async with books["agent"].view() as unit:
            return await backlog.spare(unit, CoffeeRequested, most=5)

    empty = await room()
    await ask()
    assert [empty, await room()] == rooms
    for _ in range(6):
        await ask()
    assert await room() == 0


async def test_there_is_room_for_a_newcomer(books: JobBooks, ask: Ask) -> None:
    """One alone fills half of what may wait, more users take ever smaller parts, and the next one has a place."""
    backlog = Backlog({CoffeeRequested.topic: 9})

    async def filled(owner_id: str) -> int:
        count = 0
        with suppress(QueueFull):
            while True:
                async with books["agent"].begin() as unit:
                    await backlog.check(unit, CoffeeRequested, owner_id=owner_id)
                await ask(owner_id=owner_id)
                count += 1
        return count

    assert [await filled(owner) for owner in ("usr_ana", "usr_bob", "usr_eve", "usr_ana")] == [5, 2, 1, 0]
    async with books["agent"].begin() as unit:
        await backlog.check(unit, CoffeeRequested, owner_id="usr_new")
