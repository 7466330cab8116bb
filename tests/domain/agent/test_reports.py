"""Reports on a case that has ended: ordered by whoever wants them, written once, and learnt where they will help."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_adapters.memory.cache import MemoryCache
from faultmaven_adapters.memory.offload import InlineOffload
from faultmaven_adapters.memory.text_extractor import MemoryTextExtractor
from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_domain.agent import (
    AgentService,
    CaseNotEnded,
    LLMRefused,
    ReportOrder,
    ReportRequested,
    ReportType,
    RunbookAction,
    SourceKind,
    Task,
)
from faultmaven_domain.agent.prompts import prompt
from faultmaven_domain.agent.reports import ALIKE, SAME, _advice, established, job_of
from faultmaven_domain.case import Case, CaseNotFound, CaseStatus, ClosureReason, Overview, PostMortemRequested
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.jobs import LEASE, JobState
from faultmaven_domain.knowledge import KnowledgeService, SearchHit
from tests.fakes.clock import FakeClock
from tests.fakes.death import Fate, Killed
from tests.fakes.embedding_model import FakeModel
from tests.fakes.ids import FakeIds
from tests.fakes.people import ANA, BOB, ROOT
from tests.fakes.reach import Reach
from tests.fakes.values import values

from .world import World, build, post_mortem_of

ALL = tuple(ReportType)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


async def ended(world: World, *, resolved: bool = True, **more: Any) -> Case:
    """A case that was investigated, and its post-mortem."""
    case = await world.case(**more)
    await world.cases.change_status(principal=ANA, case_id=case.case_id, status=CaseStatus.INVESTIGATING)
    reason = ClosureReason.RESOLVED if resolved else ClosureReason.ABANDONED
    case = await world.cases.close(principal=ANA, case_id=case.case_id, reason=reason, notes="Raised the pool to 50.")
    await world.work()
    return case


async def order(world: World, case: Case, *types: ReportType) -> tuple[ReportOrder, ...]:
    return await world.agent.order_reports(principal=ANA, case_id=case.case_id, report_types=types)


async def standing(world: World, case: Case, *types: ReportType) -> tuple[ReportOrder, ...]:
    return await world.agent.ordered_reports(principal=ANA, case_id=case.case_id, report_types=types)


async def test_are_written_by_their_jobs(world: World) -> None:
    """Each of the types by one of its own, from the case and from nothing that was written about it."""
    await world.teach()
    case = await ended(world)
    world.llm.prompts.clear()
    world.llm.replies.extend(["## What happened\nIt broke [1].", "## Symptoms\nTimeouts [1]."])

    orders = await order(world, case, ReportType.INCIDENT_REPORT, ReportType.RUNBOOK)
    assert [one.waiting for one in orders] == [True, True]
    await world.work()

    incident, runbook = await standing(world, case, ReportType.INCIDENT_REPORT, ReportType.RUNBOOK)
    assert incident.report is not None
    assert runbook.report is not None
    assert (incident.report.title, incident.report.report_type) == (
        "Incident report: Checkout fails",
        "incident_report",
    )
    assert (runbook.report.title, runbook.report.content) == ("Runbook: Checkout fails", "## Symptoms\nTimeouts [1].")
    assert [prompt.messages[0].task for prompt in world.llm.prompts] == [Task.INCIDENT_REPORT, Task.RUNBOOK]
    assert [prompt.max_tokens for prompt in world.llm.prompts] == [4_000, 4_000]
    for asked in world.llm.prompts:
        sources = asked.messages[1].sources
        assert {source.title for source in sources if source.kind is SourceKind.RUNBOOK} <= {"DatabasePoolExhausted"}
        assert "Resolution notes: Raised the pool to 50." in [source.quote for source in sources]
    for one in orders:
        assert one.job_id is not None
        assert (await world.job(one.job_id)).state is JobState.COMPLETED


async def test_are_written_once(world: World) -> None:
    """Whoever asks again, at once or later, has the first ones, and no model is asked for them again."""
    case = await ended(world)
    first = await order(world, case, *ALL, *ALL)
    again = await order(world, case, *ALL)
    await world.work()
    asked = len(world.llm.prompts)

    later = await order(world, case, *ALL)
    await world.work()

    assert [one.report_type for one in first] == list(ALL)
    assert [one.job_id for one in again] == [one.job_id for one in first]
    assert len(world.llm.prompts) == asked == 3  # the post-mortem's, when the case ended, and these two
    reports = await world.cases.reports(principal=ANA, case_id=case.case_id)
    assert sorted(one.report_type for one in reports) == sorted(ALL)
    assert [one.report for one in later] == [
        next(report for report in reports if report.report_type == one.report_type) for one in later
    ]


async def test_a_post_mortem_that_is_ordered_before_it_is_written_is_one(world: World) -> None:
    """The job a case's end asked for and the one that was ordered beside it leave one report and one document."""
    case = await world.case()
    await world.cases.close(principal=ANA, case_id=case.case_id)
    [own] = await world.waiting(PostMortemRequested.topic)
    [ordered] = await order(world, case, ReportType.POST_MORTEM)
    assert ordered.job_id not in (None, own)

    await world.work()

    assert len(world.llm.prompts) == 1
    [report] = await world.cases.reports(principal=ANA, case_id=case.case_id)
    [document] = (await world.knowledge.list(principal=ANA)).items
    assert (report.title, document.title) == ("Post-mortem: Checkout fails", "Post-mortem: Checkout fails")


async def test_two_jobs_that_write_one_at_the_same_time(world: World) -> None:
    """Whoever is done first has written it; the other's is let go."""
    case = await world.case()
    await world.cases.close(principal=ANA, case_id=case.case_id)

    async def overtaken(_: object) -> str:
        await world.agent.write_post_mortem(request=post_mortem_of(case, world.ids.job()))
        return "The later one."

    world.llm.replies.extend([overtaken, "The earlier one."])
    await world.agent.write_post_mortem(request=post_mortem_of(case, world.ids.job()))

    [report] = await world.cases.reports(principal=ANA, case_id=case.case_id)
    [document] = (await world.knowledge.list(principal=ANA)).items
    taught = await world.knowledge.get(principal=ANA, document_id=document.document_id)
    assert report.content == taught.content == "The earlier one."


async def test_a_delivery_after_it_was_written_asks_no_model(world: World) -> None:
    """Also where the case has more to tell by then."""
    case = await ended(world)
    [one] = await order(world, case, ReportType.RUNBOOK)
    await world.work()
    assert one.job_id is not None
    asked = len(world.llm.prompts)
    late: dict[str, Any] = {"message_id": "msg_late", "role": "user", "content": "And more.", "created_at": NOON}
    await world.cases.record_message(principal=ANA, case_id=case.case_id, **late)

    await world.agent.write_report(
        request=ReportRequested(
            job_id=one.job_id, case_id=case.case_id, user_id=ANA.user_id, report_type=ReportType.RUNBOOK.value
        )
    )

    assert len(world.llm.prompts) == asked


@pytest.mark.parametrize("status", [CaseStatus.CONSULTING, CaseStatus.INVESTIGATING])
async def test_not_of_a_case_that_goes_on(world: World, status: CaseStatus) -> None:
    """It is said in words, and nothing is asked for."""
    case = await world.case()
    if status is CaseStatus.INVESTIGATING:
        await world.cases.change_status(principal=ANA, case_id=case.case_id, status=status)

    with pytest.raises(CaseNotEnded, match=f"this one is {status.value}"):
        await order(world, case, ReportType.INCIDENT_REPORT)

    assert await world.waiting(ReportRequested.topic) == []


async def test_not_of_another_users_case(world: World) -> None:
    """Neither ordered, nor looked at, nor advised about, by an admin either."""
    case = await ended(world)
    for who in (BOB, ROOT):
        for call in (
            world.agent.order_reports(principal=who, case_id=case.case_id, report_types=ALL),
            world.agent.ordered_reports(principal=who, case_id=case.case_id, report_types=ALL),
            world.agent.advise_reports(principal=who, case_id=case.case_id),
        ):
            with pytest.raises(CaseNotFound):
                await call
    assert await world.waiting(ReportRequested.topic) == []


async def test_what_nobody_ordered_is_not_waited_for(world: World) -> None:
    """It has no job, and no error."""
    case = await ended(world)

    assert await standing(world, case, ReportType.RUNBOOK) == (ReportOrder(report_type=ReportType.RUNBOOK),)


async def test_one_that_failed_is_tried_again_by_whoever_asks_again(world: World) -> None:
    """Until then it says why."""
    case = await ended(world)
    world.llm.replies.append(LLMRefused())
    await order(world, case, ReportType.RUNBOOK)
    await world.work()

    [failed] = await standing(world, case, ReportType.RUNBOOK)
    assert (failed.waiting, failed.error) == (False, LLMRefused().message)

    [again] = await order(world, case, ReportType.RUNBOOK)
    assert again.waiting
    await world.work()
    [written] = await standing(world, case, ReportType.RUNBOOK)
    assert written.report is not None


@pytest.mark.parametrize("resolved", [True, False])
async def test_a_runbook_is_learnt_where_it_tells_a_remedy(world: World, resolved: bool) -> None:
    """That of a resolved case, beside its post-mortem; an incident report never."""
    case = await ended(world, resolved=resolved)

    await order(world, case, *ALL)
    await world.work()

    learnt = (await world.knowledge.list(principal=ANA)).items
    assert sorted(one.document_type for one in learnt) == ["post_mortem", "runbook"][: 1 + resolved]
    assert (await world.knowledge.list(principal=BOB)).items == ()


def mortal(world: World, steps: int) -> AgentService:
    """The agent's service in a process that dies after so many moments."""
    fate = Fate(steps)
    ports = ("transactions", "cases", "evidence", "knowledge")
    return world.agent_with(**{port: fate.over(getattr(world.here, port)) for port in ports})


async def test_survives_a_death_at_any_moment(reach: Reach) -> None:
    """Wherever the process that writes it dies, case and knowledge base end with the same one report."""
    for steps in count():
        world = build(reach, FakeClock(), FakeIds())
        await world.knowledge.start()
        world.llm.replies.extend(["The post-mortem.", "The first.", "The second."])
        case = await ended(world)
        await order(world, case, ReportType.RUNBOOK)
        whole = True
        try:
            await world.work(mortal(world, steps))
        except Killed:
            whole = False
            world.clock.advance(LEASE)
            await world.work()

        [one] = await standing(world, case, ReportType.RUNBOOK)
        assert one.report is not None
        [document] = (await world.knowledge.list(principal=ANA, document_type="runbook")).items
        taught = await world.knowledge.get(principal=ANA, document_id=document.document_id)
        assert taught.content == one.report.content
        if whole:
            assert steps > 5
            return


async def test_advises_to_write_what_is_not_there(world: World) -> None:
    """An ended case may have all three; of one that goes on it is said when."""
    case = await ended(world)
    open_case = await world.case(title="Another")

    ended_advice = await world.agent.advise_reports(principal=ANA, case_id=case.case_id)
    open_advice = await world.agent.advise_reports(principal=ANA, case_id=open_case.case_id)

    assert ended_advice.available == ALL
    assert ended_advice.runbook.action is RunbookAction.GENERATE
    assert ended_advice.runbook.similarity == 0.0
    assert open_advice.available == ()
    assert "this one is consulting" in open_advice.reason


async def test_a_past_post_mortem_is_no_runbook(world: World) -> None:
    """However alike the two cases are."""
    await ended(world, title="The turbine shaft broke", description="The turbine shaft broke")
    case = await ended(world, title="The turbine shaft broke", description="The turbine shaft broke")

    advice = await world.agent.advise_reports(principal=ANA, case_id=case.case_id)

    assert (advice.runbook.action, advice.runbook.document_id) == (RunbookAction.GENERATE, None)


async def test_advises_to_use_the_runbook_that_is_there(world: World) -> None:
    """One that says the case's own words is about the same, and another need not be written; it may be all the same."""
    words = "The turbine shaft broke at high load"
    document_id = await world.teach(words, words)
    case = await ended(world, title=words)

    advice = await world.agent.advise_reports(principal=ANA, case_id=case.case_id)

    assert advice.runbook.action is RunbookAction.REUSE
    assert (advice.runbook.document_id, advice.runbook.title) == (document_id, words)
    assert SAME <= advice.runbook.similarity <= 1.0
    assert ReportType.RUNBOOK not in advice.available
    [ordered] = await order(world, case, ReportType.RUNBOOK)
    assert ordered.waiting


async def test_its_own_runbook_is_the_one_to_use(world: World) -> None:
    """Once it is written it can still be had, and the knowledge base has it."""
    case = await ended(world)
    await order(world, case, ReportType.RUNBOOK)
    await world.work()

    advice = await world.agent.advise_reports(principal=ANA, case_id=case.case_id)

    assert advice.runbook.action is RunbookAction.REUSE
    assert ReportType.RUNBOOK in advice.available
    assert "written already" in advice.runbook.reason


async def test_without_a_model_that_compares_nobody_says_that_two_are_the_same(world: World) -> None:
    """While it is away runbooks are looked up by their words, and the likest is to be looked at."""
    model = FakeModel()
    knowledge = KnowledgeService(
        transactions=world.books["knowledge"],
        vectors=MemoryVectorProvider(),
        embeddings=model,
        files=world.files,
        extractor=MemoryTextExtractor(),
        offload=InlineOffload(),
        cache=MemoryCache(),
        clock=world.clock,
        ids=world.ids,
    )
    await knowledge.start()
    words = " ".join(f"turbine{n}" for n in range(200))
    await evolve(world, knowledge=knowledge).teach("Turbines", words)
    case = await world.case(title="Turbines", description=words)
    model.failures.append(Unavailable())

    advice = await world.agent_with(knowledge=knowledge).advise_reports(principal=ANA, case_id=case.case_id)

    assert advice.runbook.action is RunbookAction.REVIEW_OR_GENERATE
    assert advice.runbook.title == "Turbines"
    assert "without an embedding model" in advice.runbook.reason


async def test_another_users_runbook_is_none(world: World) -> None:
    """What only its owner finds is advised to nobody else."""
    words = "The turbine shaft broke at high load"
    await world.teach(words, words, by=BOB)
    case = await ended(world, title=words)

    advice = await world.agent.advise_reports(principal=ANA, case_id=case.case_id)

    assert (advice.runbook.action, advice.runbook.title) == (RunbookAction.GENERATE, None)


def found(score: float) -> SearchHit:
    return SearchHit(
        document_id="doc_1",
        title="Disk full",
        document_type="runbook",
        tags=(),
        section="",
        snippet="",
        score=score,
        is_global=True,
    )


@given(score=st.floats(0, 1))
def test_the_action_follows_from_the_similarity(score: float) -> None:
    """By the published figures; and where only words were compared nobody is told that two are the same."""
    meant, spelled = _advice([found(score)], True), _advice([found(score)], False)

    assert meant.similarity == spelled.similarity == round(score, 2)
    assert (meant.action is RunbookAction.REUSE) == (meant.similarity >= SAME)
    assert (meant.action is RunbookAction.GENERATE) == (meant.similarity < ALIKE) == (meant.title is None)
    assert spelled.action is not RunbookAction.REUSE
    assert "% alike" in meant.reason
    assert "% alike" not in spelled.reason


@given(overview=values(Overview))
def test_whatever_was_established_is_a_source(overview: Overview) -> None:
    """Any investigation can be told, each fact under what it is about."""
    facts = established(overview)

    assert all(fact.role == "fact" and fact.quote and fact.section for fact in facts)
    assert ("root cause" in {fact.section for fact in facts}) == bool(overview.investigation.root_cause)


def test_each_type_has_its_prompt() -> None:
    """Every one of them asks for citations, and takes what a case has to give."""
    for one in ReportType:
        template = prompt(one.value)
        assert "cite" in template.template
        assert {"title", "description", "files", "sources", "left_out"} == set(template.get_identifiers())


def test_a_job_of_its_own() -> None:
    """The same for the same case and type, another for any other, and a UUID."""
    jobs = {job_of(case_id, one) for case_id in ("case_1", "case_2") for one in ReportType}

    assert len(jobs) == 6
    assert jobs == {job_of(case_id, one) for case_id in ("case_1", "case_2") for one in ReportType}
    assert all(len(job) == 36 and [len(part) for part in job.split("-")] == [8, 4, 4, 4, 12] for job in jobs)
