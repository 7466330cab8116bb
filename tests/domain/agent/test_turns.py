import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from faultmaven_domain.agent import ChatResponse, ChatTurnRequested, Message, SourceKind, TurnNotFound, TurnStatus
from faultmaven_domain.case import Case, CaseClosed, CaseNotFound, Role
from faultmaven_domain.kernel.errors import InvalidInput, Unavailable
from faultmaven_domain.kernel.jobs import JobState
from tests.fakes.clock import NOON
from tests.fakes.outage import Out
from tests.fakes.people import ANA, BOB, ROOT

from .world import LOG, World, requested


class TestSubmitting:
    async def test_stores_before_it_acknowledges(self, world: World) -> None:
        """What is returned is in the database, with a job that waits, and said in the case."""
        case = await world.case()

        turn = await world.agent.submit(
            principal=ANA, case_id=case.case_id, message="  Why?  ", context={"page": "grafana"}
        )

        assert (turn.message, turn.status, turn.submitted_at) == ("Why?", TurnStatus.PROCESSING, NOON)
        assert (turn.user_id, turn.context, turn.answer) == ("usr_ana", {"page": "grafana"}, None)
        async with world.here.transactions.view() as unit:
            assert await unit.turns.get(turn.job_id) == turn
        assert await world.waiting(ChatTurnRequested.topic) == [turn.job_id]
        assert await world.result(turn) == turn
        [question] = await world.said(case)
        assert (question.role, question.content, question.turn_number) == (Role.USER, "Why?", 1)
        assert world.llm.prompts == []

    async def test_survives_the_case_rooms_outage(self, world: World) -> None:
        """A turn that is stored is acknowledged, although its words could not be recorded yet; the worker does it."""
        case = await world.case()
        agent = world.agent_with(cases=Out(world.cases, "record_message"))

        turn = await agent.submit(principal=ANA, case_id=case.case_id, message="Why?")
        assert await world.said(case) == ()
        await world.work()

        assert [message.role for message in await world.said(case)] == [Role.USER, Role.AGENT]
        assert (await world.result(turn)).status is TurnStatus.COMPLETED

    async def test_an_id_is_submitted_once(self, world: World) -> None:
        """Sent again with the same id, a turn is given again as it stands, answered or not: one job, one message."""
        case = await world.case()
        first = await world.ask(case, "Why?", job_id="the-id")

        assert first.job_id == "the-id"
        assert await world.ask(case, "Why?", job_id="the-id") == first
        assert await world.waiting(ChatTurnRequested.topic) == ["the-id"]
        await world.work()
        answered = await world.ask(case, "Why?", job_id="the-id")

        assert answered == await world.result(first)
        assert answered.status is TurnStatus.COMPLETED
        assert await world.waiting(ChatTurnRequested.topic) == []
        assert [message.role for message in await world.said(case)] == [Role.USER, Role.AGENT]
        assert len(world.llm.prompts) == 1

    async def test_an_id_submitted_twice_at_once(self, world: World) -> None:
        """Both who asked get the first one's turn, although it was not there when they looked."""
        case = await world.case()
        both = asyncio.Barrier(2)

        class Slow:
            """The case room, giving a case once two have asked."""

            record_message = staticmethod(world.cases.record_message)

            async def get(self, **asked: Any) -> Case:
                await both.wait()
                return await world.cases.get(**asked)

        agent = world.agent_with(cases=Slow())
        asked: dict[str, Any] = {"principal": ANA, "case_id": case.case_id, "job_id": "the-id"}
        one, other = await asyncio.gather(*[agent.submit(**asked, message=words) for words in ("Why?", "What?")])

        assert one == other
        assert await world.waiting(ChatTurnRequested.topic) == ["the-id"]
        assert len(await world.said(case)) == 1

    async def test_an_id_is_known_after_its_case_has_ended(self, world: World) -> None:
        """Who asks again for what was acknowledged gets it, also when it failed meanwhile."""
        case = await world.case()
        turn = await world.ask(case, job_id="the-id")
        await world.jobs.cancel(principal=ANA, job_id=turn.job_id)
        await world.cases.close(principal=ANA, case_id=case.case_id)

        assert (await world.ask(case, job_id="the-id")).status is TurnStatus.FAILED
        with pytest.raises(CaseClosed):
            await world.ask(case, job_id="another-id")

    async def test_an_id_of_another_turn(self, world: World) -> None:
        """Neither another user's turn nor one of another case is given, and nothing is submitted."""
        case, other = await world.case(), await world.case()
        await world.ask(case, job_id="the-id")
        theirs = await world.case(by=BOB)

        with pytest.raises(TurnNotFound):
            await world.ask(other, job_id="the-id")
        for case_id in (theirs.case_id, case.case_id):
            with pytest.raises(TurnNotFound):
                await world.agent.submit(principal=BOB, case_id=case_id, message="Why?", job_id="the-id")
        assert await world.waiting(ChatTurnRequested.topic) == ["the-id"]
        assert await world.said(other) == ()

    @pytest.mark.parametrize("message", ["", " \n", "x" * 50_001])
    async def test_words_there_have_to_be(self, world: World, message: str) -> None:
        """Nothing and far too much are refused, and nothing is kept."""
        case = await world.case()
        with pytest.raises(InvalidInput) as refused:
            await world.ask(case, message)
        assert refused.value.details == {"field": "message"}
        assert await world.said(case) == ()

    async def test_only_in_an_open_case_of_ones_own(self, world: World) -> None:
        """Neither in another's, for admins too, nor in one that has ended."""
        case = await world.case()
        for principal in (BOB, ROOT):
            with pytest.raises(CaseNotFound):
                await world.agent.submit(principal=principal, case_id=case.case_id, message="Why?")
        await world.cases.close(principal=ANA, case_id=case.case_id)
        with pytest.raises(CaseClosed):
            await world.ask(case)
        assert await world.waiting(ChatTurnRequested.topic) == []


class TestAnswering:
    async def test_from_what_is_known(self, world: World) -> None:
        """The model is given what the evidence shows and the runbook that fits; its answer cites them."""
        document_id = await world.teach()
        case = await world.case()
        await world.attach(case)
        world.llm.replies.append("The pool is empty [1]. Raise maximum [2].")

        turn = await world.answered(case)

        assert turn.status is TurnStatus.COMPLETED
        answer = turn.answer
        assert answer is not None
        assert (answer.content, answer.turn_number) == ("The pool is empty [1]. Raise maximum [2].", 1)
        assert (answer.model, answer.provider, answer.notes) == ("script-1", "scripted", ())
        first, second = answer.citations
        assert (first.kind, first.title) == (SourceKind.EVIDENCE, "app.log")
        assert [LOG.split("\n")[number - 1] for number in first.lines] == first.quote.split("\n")
        assert (second.kind, second.source_id, second.title) == (
            SourceKind.RUNBOOK,
            document_id,
            "DatabasePoolExhausted",
        )
        [prompt] = world.llm.prompts
        assert "timeout waiting for connection" in prompt.user
        assert "Raise maximum" in prompt.user
        assert "Checkout fails" in prompt.user

    async def test_is_said_in_the_case(self, world: World) -> None:
        """For ever, with its citations, in the turn of its question."""
        case = await world.case()
        await world.attach(case)

        turn = await world.answered(case)

        question, answer = await world.said(case)
        assert (answer.role, answer.content, answer.turn_number) == (Role.AGENT, "The disk is full [1].", 1)
        assert turn.answer is not None
        assert (answer.message_id, answer.created_at) == (turn.answer.message_id, turn.answer.created_at)
        assert answer.metadata["job_id"] == question.metadata["job_id"] == turn.job_id
        citations: Any = answer.metadata["citations"]
        assert [citation["number"] for citation in citations] == [1]
        assert citations[0]["lines"] == list(turn.answer.citations[0].lines)

    async def test_with_the_conversation_so_far(self, world: World) -> None:
        """What was said before the question, and not what was asked after it."""
        case = await world.case()
        world.llm.replies.extend(["It is the pool.", "Raise it.", "Yes."])
        await world.answered(case, "What is it?")
        second = await world.ask(case, "What can be done?")
        third = await world.ask(case, "And then?")
        await world.work()

        _, prompt, last = [prompt.user for prompt in world.llm.prompts]
        history = prompt[prompt.index("The conversation so far:") : prompt.index("Question:")]
        assert history.split("\n")[1:3] == ["user: What is it?", "agent: It is the pool."]
        assert "And then?" not in prompt
        assert "What can be done?" in last
        assert [m.turn_number for m in await world.said(case)] == [1, 1, 2, 3, 2, 3]
        assert (await world.result(second)).answer != (await world.result(third)).answer

    async def test_a_long_conversation_is_cut_at_its_beginning(self, world: World) -> None:
        """The last dozen messages are given."""
        case = await world.case()
        for number in range(10):
            await world.answered(case, f"question <{number}>")

        last = world.llm.prompts[-1].user

        assert "question <8>" in last
        assert "question <1>" not in last

    async def test_says_what_it_could_not_look_at(self, world: World) -> None:
        """Files still being read and unreadable ones are named, and so is an answer that was cut."""
        case = await world.case()
        await world.attach(case, "shot.png", "\x89PNG\r\n\x1a\n" + "\0" * 40)
        await world.attach(case, "later.log", read=False)
        world.llm.replies.append(
            ChatResponse(content="Well", model="m", provider="p", stop_reason="length", input_tokens=7, output_tokens=9)
        )
        turn = await world.ask(case)

        await world.agent.answer(request=requested(turn))

        answer = (await world.result(turn)).answer
        assert answer is not None
        assert len(answer.notes) == 3
        assert "later.log" in answer.notes[0]
        assert "shot.png could not be read" in answer.notes[1]
        assert "cut" in answer.notes[2]
        assert (answer.stop_reason, answer.input_tokens, answer.output_tokens) == ("length", 7, 9)

    async def test_a_pasted_log_for_a_question(self, world: World) -> None:
        """A question longer than a search takes is answered all the same."""
        await world.teach()
        case = await world.case()

        turn = await world.answered(case, "Why is there a timeout waiting for connection? " + "x y " * 12_000)

        assert turn.status is TurnStatus.COMPLETED
        assert "DatabasePoolExhausted" in world.llm.prompts[0].user

    async def test_a_runbook_deleted_since_it_was_found(self, world: World) -> None:
        """The passage that was found is given, although the document is gone."""
        document_id = await world.teach()
        case = await world.case()

        class Forgetful:
            """The knowledge room, losing the document between search and reading."""

            async def search(self, **asked: object) -> object:
                found = await world.knowledge.search(**asked)  # type: ignore[arg-type]
                await world.knowledge.delete(principal=ROOT, document_id=document_id)
                return found

            sections = staticmethod(world.knowledge.sections)

        turn = await world.ask(case)
        await world.work(world.agent_with(knowledge=Forgetful()))

        assert (await world.result(turn)).status is TurnStatus.COMPLETED
        assert "DatabasePoolExhausted" in world.llm.prompts[0].user


class TestOnce:
    async def test_delivered_twice(self, world: World) -> None:
        """A second delivery asks no model and says nothing new, but hands on the first one's answer."""
        case = await world.case()
        world.llm.replies.extend(["first", "second"])
        turn = await world.answered(case)
        await world.results.set(turn.job_id, {}, ttl=None)

        await world.agent.answer(request=requested(turn))

        assert await world.results.get(turn.job_id)
        assert await world.result(turn) == turn
        assert [message.content for message in await world.said(case)][1:] == ["first"]
        assert len(world.llm.prompts) == 1

    async def test_delivered_twice_at_once(self, world: World) -> None:
        """Two workers ask the model, and the first answer stays, in the row, the case and the result alike."""
        case = await world.case()
        turn = await world.ask(case)
        both = asyncio.Barrier(2)

        def saying(words: str) -> object:
            async def reply(_: Sequence[Message]) -> str:
                await both.wait()
                return words

            return reply

        world.llm.replies.extend([saying("one"), saying("other")])  # type: ignore[list-item]
        await asyncio.gather(*[world.agent.answer(request=requested(turn)) for _ in range(2)])

        assert len(world.llm.prompts) == 2
        answer = (await world.result(turn)).answer
        assert answer is not None
        assert [message.content for message in await world.said(case)][1:] == [answer.content]
        async with world.here.transactions.view() as unit:
            stored = await unit.turns.get(turn.job_id)
        assert stored is not None
        assert stored.answer == answer

    async def test_a_turn_that_never_was(self, world: World) -> None:
        """A request for nothing is done."""
        await world.agent.answer(request=ChatTurnRequested(job_id="1", case_id="case_1", user_id="usr_ana"))

        assert world.llm.prompts == []


class TestReadingIt:
    async def test_from_the_store_and_then_from_the_row(self, world: World) -> None:
        """Once the result store has let go of it, the row answers the same."""
        case = await world.case()
        await world.attach(case)
        turn = await world.answered(case)

        forgetful = world.agent_with(results=type(world.results)())

        assert await forgetful.result(principal=ANA, job_id=turn.job_id) == turn

    async def test_from_the_store_while_it_has_it(self, world: World) -> None:
        """A poll does not ask the database."""
        turn = await world.answered(await world.case())
        async with world.here.transactions.begin() as unit:
            await unit.turns.delete(turn.job_id)

        assert await world.result(turn) == turn

    @pytest.mark.parametrize("stored", [{"status": "completed"}, {"answer": 7}, {"job_id": 1, "answer": None}])
    async def test_from_the_row_where_the_store_speaks_another_version(
        self, world: World, stored: dict[str, object]
    ) -> None:
        """What another version wrote is not read; the row knows."""
        turn = await world.answered(await world.case())
        await world.results.set(turn.job_id, stored)

        assert await world.result(turn) == turn

    async def test_from_the_row_while_the_store_is_away(self, world: World) -> None:
        """An outage of the store hides nothing."""
        turn = await world.answered(await world.case())

        agent = world.agent_with(results=Out(world.results, "get"))

        assert await agent.result(principal=ANA, job_id=turn.job_id) == turn

    @pytest.mark.parametrize("ended", [True, False])
    async def test_nobody_elses(self, world: World, ended: bool) -> None:
        """Another's turn is absent, for admins too, as one that never was."""
        turn = await world.ask(await world.case())
        if ended:
            await world.work()

        for principal in (BOB, ROOT):
            with pytest.raises(TurnNotFound):
                await world.result(turn, by=principal)
        with pytest.raises(TurnNotFound):
            await world.agent.result(principal=ANA, job_id="none")


class TestFailing:
    async def test_an_outage_is_tried_again_and_then_told(self, world: World) -> None:
        """Each delivery tries again; when the last one fails, so does the turn, in words for its user."""
        case = await world.case()
        turn = await world.ask(case)
        out = world.agent_with(evidence=Out(world.evidence, "findings"))
        for attempt in (1, 2):
            await world.work(out)
            assert (await world.job(turn.job_id)).attempts == attempt
            assert (await world.result(turn)).status is TurnStatus.PROCESSING

        await world.work(out)

        failed = await world.result(turn)
        assert (failed.status, failed.error) == (TurnStatus.FAILED, Unavailable().message)
        assert len(await world.said(case)) == 1

    async def test_a_passing_outage_leaves_no_trace(self, world: World) -> None:
        """Tried again, it is answered as if nothing had been."""
        case = await world.case()
        turn = await world.ask(case)
        await world.work(world.agent_with(evidence=Out(world.evidence, "findings")))

        await world.work()

        answered = await world.result(turn)
        assert (answered.status, answered.error) == (TurnStatus.COMPLETED, None)
        assert [message.turn_number for message in await world.said(case)] == [1, 1]

    async def test_called_off(self, world: World) -> None:
        """A turn whose job was called off says so, and is not answered."""
        turn = await world.ask(await world.case())
        await world.jobs.cancel(principal=ANA, job_id=turn.job_id)

        await world.work()

        off = await world.result(turn)
        assert (off.status, off.error) == (TurnStatus.FAILED, "Cancelled.")
        assert world.llm.prompts == []


class TestCasesThatGo:
    async def test_before_the_answer(self, world: World) -> None:
        """A deleted case's turn fails without a model, and is forgotten with the case."""
        case = await world.case()
        turn = await world.ask(case)
        await world.cases.delete(principal=ANA, case_id=case.case_id)

        await world.work()

        assert world.llm.prompts == []
        with pytest.raises(TurnNotFound):
            await world.result(turn)

    async def test_while_the_model_thinks(self, world: World) -> None:
        """The turn does not come back with its answer."""
        case = await world.case()
        turn = await world.ask(case)

        async def meanwhile(_: Sequence[Message]) -> str:
            await world.cases.delete(principal=ANA, case_id=case.case_id)
            await world.work()
            return "Too late."

        world.llm.replies.append(meanwhile)
        with pytest.raises(CaseNotFound):
            await world.agent.answer(request=requested(turn))

        with pytest.raises(TurnNotFound):
            await world.result(turn)
        async with world.here.transactions.view() as unit:
            assert await unit.turns.query() == []

    async def test_closed_while_the_model_thinks(self, world: World) -> None:
        """An acknowledged turn is answered although its case has ended."""
        case = await world.case()
        turn = await world.ask(case)
        await world.cases.close(principal=ANA, case_id=case.case_id)

        await world.agent.answer(request=requested(turn))

        assert (await world.result(turn)).status is TurnStatus.COMPLETED
        assert len(await world.said(case)) == 2


async def test_a_job_of_a_turn_is_its_users(world: World) -> None:
    """Its owner can read and call off the job by the turn's id."""
    turn = await world.ask(await world.case())

    job = await world.jobs.get(principal=ANA, job_id=turn.job_id)

    assert (job.kind, job.subject_id, job.state) == (ChatTurnRequested.topic, turn.case_id, JobState.QUEUED)
