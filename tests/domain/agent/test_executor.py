"""The call to the model, and which model it goes to."""

import asyncio
from collections.abc import Sequence

import pytest

from faultmaven_domain.agent import (
    ChatResponse,
    LLMError,
    LLMRateLimited,
    LLMRefused,
    LLMTimeout,
    Message,
    ModelChoice,
    Models,
    Task,
)
from faultmaven_domain.agent.executor import TRIES, Executor
from faultmaven_domain.agent.router import Router
from tests.fakes.llm import ScriptedLLM

MESSAGES = (Message(role="user", content="Why?"),)
#: So short that a pause of its length passes unnoticed.
NOW = 0.001


def choice(deadline: float = 30.0) -> ModelChoice:
    return ModelChoice(model="m", temperature=0.1, max_tokens=50, deadline=deadline)


def limited() -> LLMRateLimited:
    return LLMRateLimited(retry_after=NOW)


async def run(llm: ScriptedLLM, deadline: float = 30.0) -> ChatResponse:
    return await Executor(llm).run(MESSAGES, choice(deadline))


async def never(_: Sequence[Message]) -> str:
    await asyncio.Event().wait()
    raise AssertionError


async def test_an_answer() -> None:
    """The provider is asked once, for what was chosen."""
    llm = ScriptedLLM(["Because."])

    assert (await run(llm)).content == "Because."
    [prompt] = llm.prompts
    assert (prompt.messages, prompt.model, prompt.temperature, prompt.max_tokens) == (MESSAGES, "m", 0.1, 50)


@pytest.mark.parametrize("failures", range(TRIES))
async def test_what_may_pass_is_tried_again(failures: int) -> None:
    """As often as it makes sense, and the answer of the last try counts."""
    llm = ScriptedLLM([*[limited() for _ in range(failures)], "Because."])

    assert (await run(llm)).content == "Because."
    assert len(llm.prompts) == failures + 1


async def test_the_last_error_is_told() -> None:
    """When every try failed, the caller learns of the last one."""
    llm = ScriptedLLM([limited(), limited(), LLMError("Overloaded.")])

    with pytest.raises(LLMError, match="Overloaded"):
        await run(llm)
    assert len(llm.prompts) == TRIES


async def test_a_refusal_is_final() -> None:
    """What a model does not accept it will not accept again."""
    llm = ScriptedLLM([LLMRefused()])

    with pytest.raises(LLMRefused):
        await run(llm)
    assert len(llm.prompts) == 1


async def test_waits_as_long_as_it_is_told() -> None:
    """A provider that says when to come back is not asked before: here that is after the deadline."""
    llm = ScriptedLLM([LLMRateLimited(retry_after=3_600.0), "Because."])

    with pytest.raises(LLMTimeout):
        await run(llm, deadline=0.02)
    assert len(llm.prompts) == 1


async def test_waits_by_itself_where_nobody_says() -> None:
    """Without a word from the provider it pauses of its own accord, which a short deadline does not outlast."""
    llm = ScriptedLLM([LLMRateLimited(), "Because."])

    with pytest.raises(LLMTimeout):
        await run(llm, deadline=0.02)
    assert len(llm.prompts) == 1


async def test_pauses_and_goes_on() -> None:
    """After a pause of its own it tries again."""
    llm = ScriptedLLM([LLMError(), "Because."])

    assert (await run(llm)).content == "Because."


@pytest.mark.parametrize("reply", [never, TimeoutError()])
async def test_the_deadline_ends_it(reply: object) -> None:
    """A model that says nothing is given up, and the error names the provider and no more."""
    llm = ScriptedLLM([reply])  # type: ignore[list-item]

    with pytest.raises(LLMTimeout) as late:
        await run(llm, deadline=0.02)
    assert late.value.details == {"provider": "scripted"}
    assert not late.value.final


class TestRouter:
    def test_one_model_for_all(self) -> None:
        """What the settings name, or the provider's own."""
        for model in (None, "gpt"):
            router = Router(Models(model=model, temperature=0.3, max_tokens=100, deadline=9.0))
            assert router.choose(Task.TURN) == ModelChoice(model=model, temperature=0.3, max_tokens=100, deadline=9.0)

    def test_a_model_of_its_own_for_a_task(self) -> None:
        """And a post-mortem may be twice as long as an answer."""
        router = Router(Models(model="small", by_task={Task.POST_MORTEM: "large"}, max_tokens=100))

        assert router.choose(Task.TURN).model == "small"
        assert (router.choose(Task.POST_MORTEM).model, router.choose(Task.POST_MORTEM).max_tokens) == ("large", 200)
