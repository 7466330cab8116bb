"""A turn that is watched while it is answered, and what it is said to have cost."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from attrs import evolve

from faultmaven_domain.agent import (
    EventKind,
    LLMRateLimited,
    Message,
    ModelCall,
    Models,
    Spent,
    Task,
    Turn,
    TurnEvent,
    TurnNotFound,
)
from faultmaven_domain.agent.telling import Telling
from faultmaven_domain.case import CaseNotFound
from faultmaven_domain.kernel.principal import Principal
from tests.fakes.llm import Broken
from tests.fakes.outage import Out
from tests.fakes.people import ANA, BOB, ROOT

from .world import World, requested


async def watched(world: World, turn: Turn, after: str | None = None) -> tuple[TurnEvent, ...]:
    return await world.agent.follow(principal=ANA, job_id=turn.job_id, after=after)


def told(events: Sequence[TurnEvent]) -> list[tuple[EventKind, dict[str, object]]]:
    return [(event.kind, event.data) for event in events]


async def test_a_turn_is_told(world: World) -> None:
    """Its stages, its words and its end, in that order; the words together are the answer's."""
    turn = await world.answered(await world.case())

    events = told(await watched(world, turn))

    stages = [data["stage"] for kind, data in events if kind is EventKind.PROGRESS]
    words = "".join(str(data["text"]) for kind, data in events if kind is EventKind.TOKEN)
    assert stages == ["reading", "searching", "asking"]
    assert words == world.llm.otherwise
    assert events[-1] == (EventKind.ENDED, {})


async def test_watching_goes_on_where_it_was(world: World) -> None:
    """After an event only what came later is told, and nothing is missing."""
    turn = await world.answered(await world.case())
    events = await watched(world, turn)

    for place, event in enumerate(events):
        assert await watched(world, turn, after=event.id) == events[place + 1 :]


async def test_waits_for_what_comes(world: World) -> None:
    """Who watches before anything happened learns of the first event as it happens."""
    turn = await world.ask(await world.case())
    watching = asyncio.create_task(world.agent.follow(principal=ANA, job_id=turn.job_id, wait=timedelta(seconds=5)))
    await asyncio.sleep(0.01)
    assert not watching.done()

    await world.work()

    assert (await watching)[0].kind is EventKind.PROGRESS


@pytest.mark.parametrize("who", [BOB, ROOT])
async def test_only_ones_own(world: World, who: Principal) -> None:
    """Nobody watches another's turn, nor an unknown one."""
    turn = await world.ask(await world.case())
    with pytest.raises(TurnNotFound):
        await world.agent.follow(principal=who, job_id=turn.job_id)
    with pytest.raises(TurnNotFound):
        await world.agent.follow(principal=ANA, job_id="job_nobody")


async def test_a_second_try_begins_anew(world: World) -> None:
    """Words of a try that broke off are void: whoever watches is told so before the next ones."""
    cut = Broken(("Bec",), LLMRateLimited(retry_after=0.001))
    world.llm.replies.extend([cut, cut, cut, "Because."])
    turn = await world.ask(await world.case())
    await world.work()
    await world.work()

    words = ""
    for kind, data in told(await watched(world, turn)):
        words = "" if kind is EventKind.RESTART else words + str(data.get("text", ""))
    assert words == "Because."


async def test_an_outage_holds_nothing_up(world: World) -> None:
    """Where events cannot be told, the turn is answered all the same."""
    agent = world.agent_with(events=Out(world.here.events, "add"))
    turn = await world.ask(await world.case())
    await agent.answer(request=requested(turn))

    assert (await world.result(turn)).answer is not None


async def test_pieces_that_come_together_are_told_together(world: World) -> None:
    """The first is told at once, those of the next moment as one, and all before the end, in their order."""
    events = world.here.events
    async with Telling(events, "job_1") as telling:
        telling.piece("one ")
        await asyncio.sleep(0.01)
        for _ in range(50):
            telling.piece("more ")
        telling.restart()
        telling.piece("anew")

    heard = told(await events.read("job_1", wait=timedelta(0)))
    assert heard[0] == (EventKind.TOKEN, {"text": "one "})
    assert heard[1:] == [
        (EventKind.TOKEN, {"text": "more " * 50}),
        (EventKind.RESTART, {}),
        (EventKind.TOKEN, {"text": "anew"}),
    ]


async def test_what_did_not_fit_is_said(world: World) -> None:
    """In the answer's notes and to the model itself."""
    case = await world.case()
    agent = world.agent_with(models=Models(prompt_tokens=2_000))
    turn = await agent.submit(principal=ANA, case_id=case.case_id, message="Why? " + "10.0.0.7 refused; " * 2_000)
    await agent.answer(request=requested(turn))

    answer = (await world.result(turn)).answer
    assert answer is not None
    [note] = answer.notes
    assert "the middle of a question of" in note
    assert "Left out for want of room: " in world.llm.prompts[-1].user
    assert len(world.llm.prompts[-1].user) < 9_000


async def test_what_was_used_is_told(world: World) -> None:
    """By user and by case; nobody learns what another's case cost."""
    one, other = await world.case(), await world.case()
    await world.answered(one)
    await world.answered(other, "And what else is failing?")

    report = await world.agent.usage(principal=ANA, case_id=one.case_id)

    assert (report.user.calls, report.today.calls) == (2, 2)
    assert report.case is not None
    assert report.case.calls == report.case.unpriced == 1
    assert report.case.input_tokens > 100
    assert await world.agent.usage(principal=BOB) == evolve(report, user=Spent(), today=Spent(), case=None)
    with pytest.raises(CaseNotFound):
        await world.agent.usage(principal=BOB, case_id=one.case_id)


async def test_a_deleted_case_is_forgotten_but_paid_for(world: World) -> None:
    """Its remembered answers go with it, what they cost stays."""
    case = await world.case()
    messages = (Message(role="user", content="Why?"),)
    call = ModelCall(task=Task.TURN, messages=messages, job_id="job_1", case_id=case.case_id, user_id=ANA.user_id)
    for _ in range(2):
        await world.here.executor.run(call)
    assert len(world.llm.prompts) == 1

    await world.cases.delete(principal=ANA, case_id=case.case_id)
    await world.work()
    await world.here.executor.run(call)

    assert len(world.llm.prompts) == 2
    assert (await world.agent.usage(principal=ANA)).user.calls == 2


async def test_a_turn_with_nothing_to_tell(world: World) -> None:
    """Ends as it began, and so does one that is broken off."""
    async with Telling(world.here.events, "job_1"):
        pass
    telling = Telling(world.here.events, "job_1")
    await telling.__aenter__()
    telling.stage("reading")
    await telling.__aexit__(ValueError, ValueError("broken off"), None)

    assert told(await world.here.events.read("job_1", wait=timedelta(0))) == [
        (EventKind.PROGRESS, {"stage": "reading"})
    ]
