"""What a turn decides, and how far it takes the investigation of its case."""

from collections.abc import Sequence

import pytest

from faultmaven_adapters.llm.extractive import ExtractiveProvider
from faultmaven_domain.agent import ChatTurnRequested, EventKind, Message, SourceKind, Task, Turn
from faultmaven_domain.case import (
    ActionType,
    Case,
    CaseStatus,
    Intent,
    IntentType,
    Milestone,
    PostMortemRequested,
    TurnProgress,
)
from tests.fakes.outage import Out
from tests.fakes.people import ANA

from .world import World, engine, requested

TURNS = (ChatTurnRequested.topic,)
CLOSE = Intent(type=IntentType.STATUS_TRANSITION, to=CaseStatus.CLOSED, confirmed=True)
INVESTIGATE = Intent(type=IntentType.STATUS_TRANSITION, to=CaseStatus.INVESTIGATING, confirmed=True)


#: One that fits what fails, and tells what to do.
RUNBOOK = """\
## Meaning
Clients log: timeout waiting for connection.

## Fix
Do this in order:

1. Raise maximum.
2. Find the query.
"""


async def status(world: World, case: Case) -> CaseStatus:
    return (await world.cases.get(principal=ANA, case_id=case.case_id)).status


def progress(turn: Turn) -> TurnProgress:
    assert turn.answer is not None
    assert turn.answer.progress is not None
    return turn.answer.progress


class TestDeciding:
    async def test_the_case_answers(self, world: World) -> None:
        """What a click decides is done and said by the case: no model, no source, no cost, and what comes next."""
        case = await world.case()

        turn = await world.answered(case, "Please investigate", intent=INVESTIGATE)

        assert await status(world, case) is CaseStatus.INVESTIGATING
        answer = turn.answer
        assert answer is not None
        assert (answer.provider, answer.model, answer.citations) == ("case", "case", ())
        assert (answer.input_tokens, answer.output_tokens, answer.cost) == (0, 0, 0)
        assert progress(turn).status is CaseStatus.INVESTIGATING
        assert progress(turn).actions
        assert world.llm.prompts == []
        assert (await world.agent.usage(principal=ANA)).user.calls == 0
        assert [message.content for message in await world.said(case)] == ["Please investigate", answer.content]

    async def test_words_decide_too(self, world: World) -> None:
        """A yes answers the question that is open; a question of the user's own is the model's."""
        case = await world.case()
        await world.answered(case, "Close this case")
        assert await status(world, case) is CaseStatus.CONSULTING

        asked = await world.answered(case, "What would that mean for the logs?")
        await world.answered(case, "Close this case")
        closed = await world.answered(case, "yes")

        assert asked.answer is not None
        assert asked.answer.provider == "scripted"
        assert [prompt.messages[-1].task for prompt in world.llm.prompts] == [Task.TURN, Task.POST_MORTEM]
        assert progress(closed).status is await status(world, case) is CaseStatus.CLOSED

    async def test_who_watches_reads_it(self, world: World) -> None:
        """The reply comes as words do, and the turn ends."""
        turn = await world.answered(await world.case(), "Please investigate", intent=INVESTIGATE)

        events = await world.agent.follow(principal=ANA, job_id=turn.job_id)

        assert turn.answer is not None
        assert [event.kind for event in events] == [EventKind.TOKEN, EventKind.ENDED]
        assert events[0].data == {"text": turn.answer.content}

    async def test_the_end_of_a_case_is_said_in_it(self, world: World) -> None:
        """A word that closes its case is recorded there with its answer, and the post-mortem is asked for."""
        case = await world.case()
        turn = await world.ask(case, "Close it", intent=CLOSE)
        await world.agent.answer(request=requested(turn))

        assert await status(world, case) is CaseStatus.CLOSED
        assert len(await world.said(case)) == 2
        assert len(await world.waiting(PostMortemRequested.topic)) == 1

    async def test_delivered_twice(self, world: World) -> None:
        """A turn whose answer was lost on the way is decided once: the second try says the same."""
        case = await world.case()
        turn = await world.ask(case, "Close it", intent=CLOSE)
        await world.work(world.agent_with(results=Out(world.results, "set")), topics=TURNS)
        before = await world.said(case)

        await world.work(topics=TURNS)

        assert await world.said(case) == before
        assert [message.turn_number for message in before] == [1, 1]
        assert progress(await world.result(turn)).status is CaseStatus.CLOSED
        assert len(await world.waiting(PostMortemRequested.topic)) == 1

    async def test_decided_and_not_yet_stored(self, world: World) -> None:
        """A worker that dies between the decision and its answer leaves a turn that the next one answers the same."""
        case = await world.case()
        turn = await world.ask(case, "Close it", intent=CLOSE)
        decision = await world.cases.decide(
            principal=ANA, case_id=case.case_id, turn_number=1, message=turn.message, intent=turn.intent
        )

        await world.work()

        answer = (await world.result(turn)).answer
        assert answer is not None
        assert (answer.content, answer.progress) == (decision.reply, decision.progress)

    async def test_an_outage_of_the_case_room(self, world: World) -> None:
        """A decision that cannot be made yet is tried again."""
        case = await world.case()
        await world.ask(case, "Close it", intent=CLOSE)
        await world.work(world.agent_with(cases=Out(world.cases, "decide")))
        assert await status(world, case) is CaseStatus.CONSULTING

        await world.work()

        assert await status(world, case) is CaseStatus.CLOSED


class TestObserving:
    async def test_an_answer_says_how_far_it_came(self, world: World) -> None:
        """What the files and a fitting runbook show is reached, with the turn, in the row and the message alike."""
        await world.teach(content=RUNBOOK)
        case = await world.case()
        await world.attach(case)
        world.llm.replies.append("The pool is empty [1]. Raise maximum [2][3].")

        turn = await world.answered(case)

        assert progress(turn).progress_made
        assert progress(turn).reached == (
            Milestone.SYMPTOM_VERIFIED,
            Milestone.SCOPE_ASSESSED,
            Milestone.TIMELINE_ESTABLISHED,
            Milestone.SOLUTION_PROPOSED,
        )
        assert {action.type for action in progress(turn).actions} <= set(ActionType)
        overview = await world.cases.overview(principal=ANA, case_id=case.case_id)
        assert tuple(one.milestone for one in overview.investigation.reached) == progress(turn).reached
        assert overview.investigation.solution == "Raise maximum."
        [_, said] = await world.said(case)
        assert said.metadata["milestones"] == [milestone.value for milestone in progress(turn).reached]

    @pytest.mark.parametrize(
        ("runbook", "reply"),
        [
            (RUNBOOK, "The pool is empty [1]. I would raise maximum."),
            (RUNBOOK.replace("timeout waiting", "trouble"), "The pool is empty [1]. Raise maximum [2][3]."),
            (RUNBOOK.replace("## Fix", "## History"), "The pool is empty [1]. Raise maximum [2][3]."),
        ],
        ids=["not cited", "does not fit", "is no fix"],
    )
    async def test_no_fix_from_just_any_runbook(self, world: World, runbook: str, reply: str) -> None:
        """One that the answer does not cite, that may not fit, or whose section tells something else proposes none."""
        await world.teach(content=runbook)
        case = await world.case()
        await world.attach(case)
        world.llm.replies.append(reply)

        turn = await world.answered(case)

        assert Milestone.SOLUTION_PROPOSED not in progress(turn).reached

    async def test_nothing_is_reached_by_words_alone(self, world: World) -> None:
        """Whatever a model claims, a case without evidence establishes nothing."""
        world.llm.replies.append("The root cause is the disk. I deployed a fix and verified it [1].")

        turn = await world.answered(await world.case(), "What is wrong with the checkout?")

        assert progress(turn).reached == ()

    async def test_delivered_twice(self, world: World) -> None:
        """Progress is handed on with the answer and not made again."""
        case = await world.case()
        await world.attach(case)
        turn = await world.answered(case)
        before = await world.cases.overview(principal=ANA, case_id=case.case_id)
        await world.results.set(turn.job_id, {}, ttl=None)

        await world.agent.answer(request=requested(turn))

        assert await world.result(turn) == turn
        forgetful = world.agent_with(results=type(world.results)())
        assert await forgetful.result(principal=ANA, job_id=turn.job_id) == turn
        after = await world.cases.overview(principal=ANA, case_id=case.case_id)
        assert after.investigation == before.investigation

    async def test_closed_while_the_model_thinks(self, world: World) -> None:
        """The answer is delivered all the same, and says that the case has ended; nothing is reached any more."""
        case = await world.case()
        await world.attach(case)

        async def meanwhile(_: Sequence[Message]) -> str:
            await world.cases.close(principal=ANA, case_id=case.case_id)
            return "Too late [1]."

        world.llm.replies.append(meanwhile)
        turn = await world.ask(case)
        await world.agent.answer(request=requested(turn))

        answered = await world.result(turn)
        assert answered.answer is not None
        assert (answered.answer.content, progress(answered).status) == ("Too late [1].", CaseStatus.CLOSED)
        assert progress(answered).reached == ()

    async def test_the_model_is_told_where_it_stands(self, world: World) -> None:
        """Status, problem, what was established and what was asked, each as data."""
        case = await world.case()
        await world.attach(case)
        await world.answered(case, "Checkout fails with timeouts waiting for connection since noon.")

        await world.answered(case, "What else is there?")

        first, second = [prompt.user.partition("Files in the case:")[0] for prompt in world.llm.prompts]
        assert first.endswith("Where the investigation stands:\n> The case is consulting.\n\n")
        told = second.partition("Where the investigation stands:\n")[2].strip().split("\n")
        assert all(line.startswith("> ") for line in told)
        assert any(line.startswith("> symptom verified: ") for line in told)
        assert any(line.startswith("> Problem (not yet confirmed): ") for line in told)
        assert any(line.startswith("> The user was asked") for line in told)

    async def test_without_a_model(self, world: World) -> None:
        """What is cited by an answer that no model made counts as much."""
        await world.teach(content=RUNBOOK)
        case = await world.case()
        await world.attach(case)
        executor = engine(world.here.transactions, world.clock, world.ids, ExtractiveProvider())
        turn = await world.ask(case)
        await world.work(world.agent_with(executor=executor))

        answered = await world.result(turn)
        assert answered.answer is not None
        assert {citation.kind for citation in answered.answer.citations} == {SourceKind.EVIDENCE, SourceKind.RUNBOOK}
        assert Milestone.SOLUTION_PROPOSED in progress(answered).reached
