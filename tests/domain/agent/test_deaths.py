"""Killed at any moment, a turn is answered once, and a post-mortem is written once."""

from itertools import count

import pytest
from attrs import evolve

from faultmaven_domain.agent import AgentService, TurnStatus
from faultmaven_domain.case import CaseStatus, Intent, IntentType, PostMortemRequested, TurnProgress
from faultmaven_domain.kernel.jobs import LEASE, JobState
from tests.fakes.clock import FakeClock
from tests.fakes.death import Fate, Killed
from tests.fakes.ids import FakeIds
from tests.fakes.people import ANA
from tests.fakes.reach import Reach

from .world import World, build

PORTS = ("transactions", "cases", "evidence", "knowledge", "results")
CLOSE = Intent(type=IntentType.STATUS_TRANSITION, to=CaseStatus.CLOSED, confirmed=True)


def mortal(world: World, steps: int) -> AgentService:
    """The agent's service in a process that dies after so many moments."""
    fate = Fate(steps)
    executor = world.here.executor
    books = evolve(executor.spending, transactions=fate.over(executor.spending.transactions))
    kept = evolve(executor.optimizer, cache=fate.over(executor.optimizer.cache))
    mortal = fate.over(evolve(executor, spending=books, optimizer=kept))
    return world.agent_with(executor=mortal, **{port: fate.over(getattr(world.here, port)) for port in PORTS})


async def survives(world: World, agent: AgentService) -> bool:
    """Do the work with this service; a worker that died is followed by one that lives, once the lease is over."""
    try:
        await world.work(agent)
    except Killed:
        world.clock.advance(LEASE)
        await world.work()
        return False
    return True


async def a_world(reach: Reach) -> World:
    world = build(reach, FakeClock(), FakeIds())
    await world.knowledge.start()
    await world.teach()
    return world


@pytest.mark.parametrize("when", ["answering", "submitting"])
async def test_a_turn_is_answered_once(reach: Reach, when: str) -> None:
    """Wherever the process dies: nothing acknowledged is lost, and nothing is said twice."""
    for steps in count():
        world = await a_world(reach)
        case = await world.case()
        agent = mortal(world, steps)
        if when == "answering":
            turn = await world.ask(case)
            whole = await survives(world, agent)
        else:
            try:
                turn, whole = await agent.submit(principal=ANA, case_id=case.case_id, message="Why?"), True
            except Killed:
                async with world.here.transactions.view() as unit:
                    stored = await unit.turns.query()
                if not stored:
                    assert await world.said(case) == ()
                    continue
                [turn], whole = stored, False
            await world.work()

        answered = await world.result(turn)
        assert answered.status is TurnStatus.COMPLETED
        assert answered.answer is not None
        said = await world.said(case)
        assert [(message.role, message.turn_number) for message in said] == [("user", 1), ("agent", 1)]
        assert said[1].content == answered.answer.content
        assert (await world.job(turn.job_id)).state is JobState.COMPLETED
        if whole:
            assert steps > 5
            return


@pytest.mark.parametrize("intent", [None, CLOSE], ids=["asking", "deciding"])
async def test_a_case_is_moved_once(reach: Reach, intent: Intent | None) -> None:
    """Wherever the process dies: the turn tells the same progress, and its case stands as if nothing had been."""
    undisturbed: TurnProgress | None = None
    for steps in (None, *range(1_000)):
        world = await a_world(reach)
        case = await world.case()
        await world.attach(case)
        turn = await world.ask(case, intent=intent)
        whole = await survives(world, world.agent if steps is None else mortal(world, steps))

        answer = (await world.result(turn)).answer
        assert answer is not None
        assert answer.progress is not None
        undisturbed = undisturbed or answer.progress
        assert answer.progress == undisturbed
        overview = await world.cases.overview(principal=ANA, case_id=case.case_id)
        assert overview.case.status is undisturbed.status
        assert len(overview.reports) == (0 if intent is None else 1)
        assert len(overview.investigation.seen) == (1 if intent is None else 0)
        assert [one.milestone for one in overview.investigation.reached] == list(undisturbed.reached)
        if whole and steps is not None:
            assert steps > 5
            return


async def test_a_post_mortem_is_written_once(reach: Reach) -> None:
    """Wherever the process dies, case and knowledge base end with the same one report."""
    for steps in count():
        world = await a_world(reach)
        world.llm.replies.extend(["The first report.", "The second report."])
        case = await world.case()
        await world.cases.close(principal=ANA, case_id=case.case_id)
        [job_id] = await world.waiting(PostMortemRequested.topic)

        whole = await survives(world, mortal(world, steps))

        [report] = await world.cases.reports(principal=ANA, case_id=case.case_id)
        [document] = (await world.knowledge.list(principal=ANA)).items
        taught = await world.knowledge.get(principal=ANA, document_id=document.document_id)
        assert taught.content == report.content
        assert (await world.job(job_id)).state is JobState.COMPLETED
        if whole:
            assert steps > 5
            return
