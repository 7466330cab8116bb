"""A turn that came with files is answered once they are read."""

from datetime import timedelta

import pytest

from faultmaven_domain.agent import ChatTurnRequested, EventKind, Turn, TurnStatus
from faultmaven_domain.agent.waiting import LONGEST, READ_WAIT, SHORTEST, pause
from faultmaven_domain.evidence import ExtractionRequested
from faultmaven_domain.kernel.jobs import JobState
from tests.fakes.outage import Out
from tests.fakes.people import ANA, ROOT

from .world import World, requested

#: A worker that answers while nobody reads.
TURNS = (ChatTurnRequested.topic,)


async def stages(world: World, turn: Turn) -> list[object]:
    events = await world.agent.follow(principal=ANA, job_id=turn.job_id)
    return [event.data.get("stage", event.kind) for event in events if event.kind is not EventKind.TOKEN]


async def test_is_answered_from_them(world: World) -> None:
    """Submitted while its file is unread, a turn waits in the queue, and its answer has seen the file."""
    case = await world.case()
    evidence = await world.attach(case, read=False)
    turn = await world.ask(case, attachments=(evidence.evidence_id,))
    assert (await world.result(turn)).attachments == (evidence.evidence_id,)

    assert await world.work(topics=TURNS) == [SHORTEST]
    job = await world.job(turn.job_id)
    assert (job.state, job.attempts, world.llm.prompts) == (JobState.QUEUED, 0, [])
    await world.work(topics=(ExtractionRequested.topic,))
    assert await world.work(topics=TURNS) == []

    answered = (await world.result(turn)).answer
    assert answered is not None
    assert answered.notes == ()
    assert [citation.title for citation in answered.citations] == ["app.log"]


async def test_those_of_others_are_not_waited_for(world: World) -> None:
    """A file that came with another turn is not this one's."""
    case = await world.case()
    one = await world.attach(case, "small.log", "ERROR disk full")
    await world.attach(case, read=False)
    turn = await world.ask(case, attachments=(one.evidence_id,))

    assert await world.work(topics=TURNS) == []

    answered = (await world.result(turn)).answer
    assert answered is not None
    assert "app.log" in answered.notes[0]


async def test_not_for_ever(world: World) -> None:
    """Looked at ever less often, and after a minute and a half answered without what is still being read."""
    case = await world.case()
    evidence = await world.attach(case, read=False)
    turn = await world.ask(case, attachments=(evidence.evidence_id,))
    delays = []
    while waits := await world.work(topics=TURNS):
        delays += waits
        world.clock.advance(waits[0])

    assert delays[0] == SHORTEST
    assert max(delays) == delays[-1] == LONGEST
    assert delays == sorted(delays)
    assert timedelta(0) <= sum(delays, timedelta(0)) - READ_WAIT < LONGEST
    answered = await world.result(turn)
    assert answered.answer is not None
    assert answered.answer.notes == ("Still being read and not part of this answer: app.log.",)


async def test_not_for_what_will_not_be_read(world: World) -> None:
    """One that is unreadable, one whose reading was called off and one that was deleted hold nothing up."""
    case = await world.case()
    picture = await world.attach(case, "shot.png", "\x89PNG\r\n\x1a\n" + "\0" * 40)
    off, gone = await world.attach(case, "off.log", read=False), await world.attach(case, "gone.log", read=False)
    await world.jobs.cancel(principal=ANA, job_id=off.job_id)
    await world.evidence.delete(principal=ANA, evidence_id=gone.evidence_id)
    turn = await world.ask(case, attachments=(picture.evidence_id, off.evidence_id, gone.evidence_id))

    assert await world.work(topics=TURNS) == []

    answered = (await world.result(turn)).answer
    assert answered is not None
    assert len(answered.notes) == 2


async def test_who_watches_is_told_once(world: World) -> None:
    """That files are being read; then the turn goes on without a new beginning, since no words were told."""
    case = await world.case()
    evidence = await world.attach(case, read=False)
    turn = await world.ask(case, attachments=(evidence.evidence_id,))
    for _ in range(3):
        await world.work(topics=TURNS)
    assert await stages(world, turn) == ["reading"]

    await world.work()
    await world.work()

    assert await stages(world, turn) == ["reading", "reading", "searching", "asking", EventKind.ENDED]


async def test_waits_where_nobody_can_watch(world: World) -> None:
    """An outage of the events holds nothing up and breaks nothing off."""
    case = await world.case()
    evidence = await world.attach(case, read=False)
    turn = await world.ask(case, attachments=(evidence.evidence_id,))
    agent = world.agent_with(events=Out(world.here.events, "add"))

    assert await world.work(agent, topics=TURNS) == [SHORTEST]
    await world.work()
    await world.work(agent)

    assert (await world.result(turn)).status is TurnStatus.COMPLETED


async def test_its_case_goes_meanwhile(world: World) -> None:
    """A turn that waits in a deleted case fails, without a model."""
    case = await world.case()
    evidence = await world.attach(case, read=False)
    turn = await world.ask(case, attachments=(evidence.evidence_id,))
    await world.work(topics=TURNS)
    await world.cases.delete(principal=ANA, case_id=case.case_id)

    await world.work(topics=TURNS)

    assert (await world.jobs.get(principal=ROOT, job_id=turn.job_id)).state is JobState.FAILED
    assert world.llm.prompts == []


async def test_answered_once_it_does_not_wait(world: World) -> None:
    """A second delivery of an answered turn looks at no file."""
    case = await world.case()
    evidence = await world.attach(case)
    turn = await world.answered(case, attachments=(evidence.evidence_id,))

    await world.agent_with(evidence=Out(world.evidence, "of_case")).answer(request=requested(turn))

    assert len(world.llm.prompts) == 1


@pytest.mark.parametrize("seconds", [0, 0.3, 2, 89.9, 90, 900])
async def test_a_pause(world: World, seconds: float) -> None:
    """A quarter of what was waited, within its bounds; none when the time is up."""
    case = await world.case()
    evidence = await world.attach(case, read=False)
    turn = await world.ask(case, attachments=(evidence.evidence_id,))

    delay = pause(turn, [evidence], at=turn.submitted_at + timedelta(seconds=seconds))

    if timedelta(seconds=seconds) < READ_WAIT:
        assert delay == max(SHORTEST, min(LONGEST, timedelta(seconds=seconds) / 4))
    else:
        assert delay is None
