"""What every TurnEvents promises. An adapter's test class inherits this and gives `events`, `elsewhere` and `brief`."""

import asyncio
from datetime import timedelta

import pytest

from faultmaven_domain.agent import EventKind, TurnEvent, TurnEvents

NOW = timedelta(0)
LONG = timedelta(seconds=60)  # nobody waits for so long: something must come first
BRIEF = timedelta(milliseconds=20)


async def tell(events: TurnEvents, job_id: str, *texts: str) -> None:
    for text in texts:
        await events.add(job_id, EventKind.TOKEN, {"text": text})


def texts(found: tuple[TurnEvent, ...]) -> list[object]:
    return [event.data["text"] for event in found]


async def heard(events: TurnEvents, job_id: str) -> list[object]:
    """What one reader hears from the beginning to the end, a piece at a time."""
    found: list[object] = []
    after = None
    while True:
        for event in await events.read(job_id, after=after, wait=LONG):
            if event.kind is EventKind.ENDED:
                return found
            found.append(event.data["text"])
            after = event.id


class TurnEventsContract:
    @pytest.fixture
    def events(self) -> TurnEvents:
        raise NotImplementedError

    @pytest.fixture
    def elsewhere(self) -> TurnEvents:
        """The same events as another process has them."""
        raise NotImplementedError

    @pytest.fixture
    def brief(self) -> TurnEvents:
        """One that keeps a turn's events for BRIEF after the last."""
        raise NotImplementedError

    async def test_gives_what_happened_in_order(self, events: TurnEvents, elsewhere: TurnEvents) -> None:
        """Kinds and data come back as they were told, oldest first, in any script."""
        data: dict[str, object] = {"text": "Käse ☃ \u2028 \x00 \ud800", "n": 1.5, "deep": [{"a": None}], "": True}
        await events.add("job-1", EventKind.PROGRESS, {"stage": "reading"})
        await events.add("job-1", EventKind.TOKEN, data)
        await events.add("job-1", EventKind.RESTART, {})
        await events.add("job-1", EventKind.ENDED, {})

        found = await elsewhere.read("job-1", wait=NOW)

        assert [event.kind for event in found] == list(EventKind)
        assert [event.data for event in found] == [{"stage": "reading"}, data, {}, {}]
        assert len({event.id for event in found}) == 4

    async def test_goes_on_after_any_event(self, events: TurnEvents) -> None:
        """Whichever event a reader heard last, it gets the rest, and nothing after the last."""
        await tell(events, "job-1", *"abcdef")
        whole = await events.read("job-1", wait=NOW)

        for place, event in enumerate(whole):
            assert await events.read("job-1", after=event.id, wait=NOW) == whole[place + 1 :]

    async def test_keeps_turns_apart(self, events: TurnEvents) -> None:
        """What happens to one turn is not another's, and a turn nobody knows has no events."""
        await tell(events, "job-1", "a")
        await tell(events, "job-2", "b")

        assert texts(await events.read("job-2", wait=NOW)) == ["b"]
        assert await events.read("job-3", wait=NOW) == ()

    @pytest.mark.parametrize(
        "id",
        [
            "",
            "0",
            "nonsense",
            "-1",
            "1-",
            "end",
            "$",
            ">",
            "*",
            "+",
            "(1-1",
            "9" * 20 + "-1",
            "9" * 400,
            "a\r\nb",
            "\x00",
        ],
    )
    async def test_an_id_that_is_none(self, events: TurnEvents, id: str) -> None:
        """Who comes with an id that is no event's hears everything, and what comes next too."""
        await tell(events, "job-1", "a", "b")
        assert texts(await events.read("job-1", after=id, wait=NOW)) == ["a", "b"]

        waiting = asyncio.create_task(events.read("job-2", after=id, wait=LONG))
        await asyncio.sleep(0.01)
        await tell(events, "job-2", "c")
        assert texts(await waiting) == ["c"]

    async def test_another_turns_id(self, events: TurnEvents) -> None:
        """An id of another turn's event counts as none."""
        await tell(events, "job-1", "a", "b")
        await asyncio.sleep(0.005)
        await tell(events, "job-2", "c")
        [other] = await events.read("job-2", wait=NOW)

        assert texts(await events.read("job-1", after=other.id, wait=NOW)) == ["a", "b"]

    @pytest.mark.parametrize("before", [0, 2])
    async def test_wakes_who_waits(self, events: TurnEvents, elsewhere: TurnEvents, before: int) -> None:
        """A reader with nothing to hear waits, and hears what is told in another process when it is told."""
        await tell(events, "job-1", *"ab"[:before])
        known = await events.read("job-1", wait=NOW)
        waiting = asyncio.create_task(events.read("job-1", after=known[-1].id if known else None, wait=LONG))
        await asyncio.sleep(0.05)
        assert not waiting.done()

        await tell(elsewhere, "job-1", "c")

        async with asyncio.timeout(20):  # lest a broken one hang the suite
            assert texts(await waiting) == ["c"]

    async def test_stops_waiting_in_time(self, events: TurnEvents) -> None:
        """Where nothing comes, a reader is told so when its time is up."""
        async with asyncio.timeout(20):
            assert await events.read("job-1", wait=timedelta(milliseconds=30)) == ()

    async def test_waits_longer_than_any_one_call(self, events: TurnEvents, elsewhere: TurnEvents) -> None:
        """A wait that takes several calls to the engine is one to the reader."""
        waiting = asyncio.create_task(events.read("job-1", wait=LONG))
        await asyncio.sleep(2.1)
        await tell(elsewhere, "job-1", "late")

        async with asyncio.timeout(20):
            assert texts(await waiting) == ["late"]

    async def test_nothing_is_lost_between_many(self, events: TurnEvents, elsewhere: TurnEvents) -> None:
        """However many tell and listen at once, each reader hears every event once and each teller's in its order."""
        readers = [asyncio.create_task(heard(one, "job-1")) for one in (events, elsewhere) * 4]
        words = [[f"{teller}.{n}" for n in range(50)] for teller in range(8)]

        await asyncio.gather(*(tell((events, elsewhere)[n % 2], "job-1", *mine) for n, mine in enumerate(words)))
        await events.add("job-1", EventKind.ENDED, {})

        async with asyncio.timeout(60):
            found = await asyncio.gather(*readers)
        for each in found:
            assert len(each) == 400
            for mine in words:
                assert [word for word in each if word in set(mine)] == mine
        assert all(each == found[0] for each in found)

    async def test_forgets_a_while_after_the_last(self, brief: TurnEvents) -> None:
        """A turn's events go by themselves, all together, and their ids then count as none."""
        await tell(brief, "job-1", "a", "b")
        last: str | None = None
        async with asyncio.timeout(20):
            while found := await brief.read("job-1", wait=NOW):
                last = found[-1].id
                await asyncio.sleep(0.005)

        async with asyncio.timeout(20):
            while True:  # what is told may be forgotten before it is read
                await tell(brief, "job-1", "c")
                if found := await brief.read("job-1", after=last, wait=NOW):
                    break

        assert set(texts(found)) == {"c"}

    async def test_who_stops_waiting_harms_nobody(self, events: TurnEvents) -> None:
        """Readers that are called off in the middle leave all others their events, at whatever step it hits them."""
        async with asyncio.timeout(60):
            for turns in range(40):
                job_id = f"job-{turns}"
                waiting = asyncio.create_task(events.read(job_id, wait=LONG))
                for _ in range(turns):
                    await asyncio.sleep(0)
                if turns > 20:
                    await asyncio.sleep(0.005)
                waiting.cancel()
                await asyncio.wait({waiting})
                assert waiting.cancelled()
                await tell(events, job_id, "a")
                assert texts(await events.read(job_id, wait=LONG)) == ["a"]

    async def test_refuses_what_json_cannot_say(self, events: TurnEvents) -> None:
        """Data that is no JSON is a TypeError at once, and nothing is told."""
        with pytest.raises(TypeError):
            await events.add("job-1", EventKind.TOKEN, {"at": timedelta(seconds=1)})

        assert await events.read("job-1", wait=NOW) == ()

    async def test_keeps_a_copy(self, events: TurnEvents) -> None:
        """Neither changing what was told nor what was heard changes what the next one hears."""
        data: dict[str, object] = {"text": "a"}
        await events.add("job-1", EventKind.TOKEN, data)
        data["text"] = "b"
        [found] = await events.read("job-1", wait=NOW)
        found.data["text"] = "c"

        assert texts(await events.read("job-1", wait=NOW)) == ["a"]
