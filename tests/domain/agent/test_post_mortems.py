import pytest

from faultmaven_domain.agent import LLMRefused, Message, SourceKind
from faultmaven_domain.case import ClosureReason, PostMortemRequested
from faultmaven_domain.kernel.jobs import JobState
from tests.fakes.people import ANA, BOB

from .world import World, post_mortem_of


async def test_is_written_from_the_whole_case(world: World) -> None:
    """Its sources are what the evidence shows, what runbooks say, and what was said and noted in the case."""
    await world.teach()
    case = await world.case(description="Since noon.")
    await world.attach(case)
    await world.answered(case, "Why do carts fail?")
    world.llm.prompts.clear()
    world.llm.replies.append("## Summary\nIt broke [1].")
    await world.cases.close(
        principal=ANA, case_id=case.case_id, reason=ClosureReason.DUPLICATE, notes="Rolled back the deploy."
    )
    [job_id] = await world.waiting(PostMortemRequested.topic)

    await world.work()

    [report] = await world.cases.reports(principal=ANA, case_id=case.case_id)
    assert (report.report_type, report.title) == ("post_mortem", "Post-mortem: Checkout fails")
    assert report.content == "## Summary\nIt broke [1]."
    assert [citation["number"] for citation in report.citations] == [1]
    assert (await world.job(job_id)).state is JobState.COMPLETED
    [prompt] = world.llm.prompts
    assert prompt.max_tokens == 4_000
    sources = prompt.messages[1].sources
    assert {source.kind for source in sources} == set(SourceKind)
    told = [source.quote for source in sources if source.kind is SourceKind.CASE]
    assert "Problem (not confirmed by the user): Why do carts fail?" in told
    assert told[-6:] == [
        "Opened 2026-03-14 12:00 UTC.",
        "Ended 2026-03-14 12:00 UTC as closed (duplicate).",
        "Resolution notes: Rolled back the deploy.",
        "Description: Since noon.",
        "Why do carts fail?",
        "The disk is full [1].",
    ]
    assert [source.number for source in sources] == list(range(1, len(sources) + 1))


async def test_is_taught_to_its_owner_alone(world: World) -> None:
    """The next incident finds it, and nobody else's does."""
    world.llm.replies.append("The turbine shaft broke.")
    case = await world.case(title="Turbine")
    await world.cases.close(principal=ANA, case_id=case.case_id)
    await world.work()

    [hit] = (await world.knowledge.search(principal=ANA, query="turbine shaft")).hits

    assert (hit.title, hit.document_type, hit.snippet) == (
        "Post-mortem: Turbine",
        "post_mortem",
        "The turbine shaft broke.",
    )
    assert (await world.knowledge.search(principal=BOB, query="turbine shaft")).hits == ()


async def test_delivered_twice(world: World) -> None:
    """A second delivery leaves one report and one document, both as they were first."""
    world.llm.replies.extend(["first", "second"])
    case = await world.case()
    await world.cases.close(principal=ANA, case_id=case.case_id)
    [job_id] = await world.waiting(PostMortemRequested.topic)

    for _ in range(2):
        await world.agent.write_post_mortem(request=post_mortem_of(case, job_id))
        await world.work()

    [report] = await world.cases.reports(principal=ANA, case_id=case.case_id)
    [document] = (await world.knowledge.list(principal=ANA)).items
    taught = await world.knowledge.get(principal=ANA, document_id=document.document_id)
    assert (report.content, taught.content) == ("first", "first")


async def test_of_a_case_that_is_gone(world: World) -> None:
    """A deleted case has no post-mortem, and no model is asked for one."""
    case = await world.case()
    await world.cases.close(principal=ANA, case_id=case.case_id)
    [job_id] = await world.waiting(PostMortemRequested.topic)
    await world.cases.delete(principal=ANA, case_id=case.case_id)

    await world.work()

    assert (await world.job(job_id)).state is JobState.FAILED
    assert world.llm.prompts == []


@pytest.mark.parametrize("title", ["x", "x" * 200])
async def test_of_a_case_with_any_title(world: World, title: str) -> None:
    """The report's title has room for it, or cuts it."""
    case = await world.case(title=title)
    await world.cases.close(principal=ANA, case_id=case.case_id)

    await world.work()

    [report] = await world.cases.reports(principal=ANA, case_id=case.case_id)
    assert report.title == f"Post-mortem: {title}"[:200]


async def test_a_model_that_refuses_ends_it(world: World) -> None:
    """What a model does not accept is not asked again, and the job says that it was refused."""
    world.llm.replies.append(LLMRefused())
    case = await world.case()
    await world.cases.close(principal=ANA, case_id=case.case_id)
    [job_id] = await world.waiting(PostMortemRequested.topic)

    await world.work()

    job = await world.job(job_id)
    assert (job.state, job.attempts, job.error) == (JobState.FAILED, 1, LLMRefused().message)
    assert len(world.llm.prompts) == 1
    assert isinstance(world.llm.prompts[0].messages[0], Message)
