"""The call to a model: tries, fallbacks, deadline, and which model it goes to."""

import asyncio
from collections.abc import Sequence

import pytest
from attrs import define, field

from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.agent import (
    Budget,
    ChatResponse,
    Executor,
    LLMError,
    LLMRateLimited,
    LLMRefused,
    LLMTimeout,
    Message,
    ModelCall,
    Models,
    Price,
    Providers,
    Router,
    SpendingCapReached,
    Task,
)
from faultmaven_domain.agent.breaker import FIRST_REST, THRESHOLD
from faultmaven_domain.agent.executor import TRIES, Listener
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.llm import Broken, ScriptedLLM

from .world import engine

MESSAGES = (Message(role="user", content="Why?"),)
CALL = ModelCall(task=Task.TURN, messages=MESSAGES, job_id="job_1", case_id="case_1", user_id="ana")
#: So short that a pause of its length passes unnoticed.
NOW = 0.001


def limited() -> LLMRateLimited:
    return LLMRateLimited(retry_after=NOW)


def refused(text: str = "I would rather not.") -> ChatResponse:
    return ChatResponse(content=text, model="m", provider="scripted", stop_reason="refused")


def executor(*providers: ScriptedLLM, deadline: float = 30.0, clock: FakeClock | None = None) -> Executor:
    models = Models(model="m", temperature=0.1, max_tokens=50, deadline=deadline)
    return engine(memory_transactions("agent"), clock or FakeClock(), FakeIds(), *providers, models=models)


async def run(*providers: ScriptedLLM, deadline: float = 30.0) -> ChatResponse:
    return await executor(*providers, deadline=deadline).run(CALL)


async def never(_: Sequence[Message]) -> str:
    await asyncio.Event().wait()
    raise AssertionError


@define
class Heard(Listener):
    """A listener with a memory."""

    said: list[str] = field(factory=list)

    def stage(self, name: str) -> None:
        self.said.append(f"<{name}>")

    def piece(self, text: str) -> None:
        self.said.append(text)

    def restart(self) -> None:
        self.said.append("<restart>")


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


@pytest.mark.parametrize("asked", [3_600.0, None])
async def test_a_pause_that_outlasts_the_deadline_is_not_begun(asked: float | None) -> None:
    """Told to come back later than a turn may take, it says so at once, finally, and asks nobody again."""
    llm = ScriptedLLM([LLMRateLimited(retry_after=asked), "Because."])

    with pytest.raises(LLMTimeout, match="wait") as late:
        await run(llm, deadline=0.3)
    assert late.value.final
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


class TestFallback:
    @pytest.mark.parametrize(
        "reply",
        [LLMRefused(), refused(), never, LLMRateLimited(retry_after=60.0)],
        ids=["an error that is final", "a refusal in words", "silence", "a long wait"],
    )
    async def test_the_next_one_answers(self, reply: object) -> None:
        """Where one fails for good, declines, is silent or wants to be waited for, the next is asked, for its own."""
        first, second = ScriptedLLM([reply]), ScriptedLLM(["Because."], name="second")  # type: ignore[list-item]

        answer = await run(first, second, deadline=0.5)

        assert (answer.content, answer.provider) == ("Because.", "second")
        assert [len(first.prompts), len(second.prompts)] == [1, 1]
        assert second.prompts[0].model is None

    async def test_what_keeps_failing_is_tried_as_often_as_ever(self) -> None:
        """A passing error is retried before the next is asked."""
        first, second = ScriptedLLM([limited()] * TRIES), ScriptedLLM(["Because."], name="second")

        assert (await run(first, second)).provider == "second"
        assert len(first.prompts) == TRIES

    async def test_a_refusal_is_better_than_nothing(self) -> None:
        """Where every model declines, or those behind it fail, the first one's words are the answer."""
        both = await run(ScriptedLLM([refused("No.")]), ScriptedLLM([refused("Never.")], name="second"))
        alone = await run(ScriptedLLM([refused("No.")]), ScriptedLLM([LLMRefused()], name="second"))

        assert (both.content, alone.content) == ("No.", "No.")

    async def test_what_may_pass_is_what_is_told(self) -> None:
        """When all fail, an error that may pass wins over a final one, so that the turn is tried again."""
        with pytest.raises(LLMError):
            await run(ScriptedLLM([limited()] * TRIES), ScriptedLLM([LLMRefused()], name="second"))

    async def test_one_that_failed_again_and_again_comes_last(self) -> None:
        """Its breaker open, a provider is left alone while another answers, and after its rest gets its turn again."""
        clock = FakeClock()
        first = ScriptedLLM([limited()] * THRESHOLD, otherwise="I am back.")
        second = ScriptedLLM(otherwise="Because.", name="second")
        both = executor(first, second, clock=clock)
        first_answers = []
        for number in range(3):
            call = ModelCall(
                task=Task.TURN, messages=MESSAGES, job_id=f"job_{number}", case_id=f"case_{number}", user_id="ana"
            )
            first_answers.append((await both.run(call)).provider)
            if number == 1:
                clock.advance(FIRST_REST)

        assert first_answers == ["second", "second", "scripted"]
        assert len(first.prompts) == THRESHOLD + 1

    async def test_one_alone_is_always_asked(self) -> None:
        """Nobody else answering, an open breaker keeps no one away."""
        llm = ScriptedLLM([limited()] * TRIES, otherwise="Because.")
        alone = executor(llm)
        with pytest.raises(LLMError):
            await alone.run(CALL)

        assert (await alone.run(CALL)).content == "Because."


class TestListening:
    async def test_hears_each_piece(self) -> None:
        """The pieces are heard as they come."""
        heard = Heard()
        await executor(ScriptedLLM(["Because of the disk."])).run(CALL, heard)

        assert heard.said == ["Because ", "of ", "the ", "disk."]

    async def test_hears_that_it_begins_anew(self) -> None:
        """A stream that breaks off is void, and the next try follows; so does the next model."""
        cut = Broken(("Be",), limited())
        heard = Heard()
        await executor(ScriptedLLM([cut, refused("No.")]), ScriptedLLM(["Yes."], name="second")).run(CALL, heard)

        assert heard.said == ["Be", "<restart>", "No.", "<restart>", "Yes."]

    async def test_hears_what_is_remembered(self) -> None:
        """An answer that is not made anew is one piece."""
        twice, heard = executor(ScriptedLLM(["Because of it."])), Heard()
        await twice.run(CALL)
        await twice.run(CALL, heard)

        assert heard.said == ["Because of it."]


async def test_no_provider_is_asked_beyond_a_cap() -> None:
    """A capped provider is passed over for one that costs nothing, and alone it ends the turn with the reason."""
    budget = Budget(prices={"scripted/*": Price(input=1.0, output=1.0), "free/*": Price(input=0, output=0)}, per_day=10)
    paid, free = ScriptedLLM(["Paid."]), ScriptedLLM(["Free."], name="free")
    both = engine(memory_transactions("agent"), FakeClock(), FakeIds(), paid, free, budget=budget)
    alone = engine(memory_transactions("agent"), FakeClock(), FakeIds(), paid, budget=budget)

    assert (await both.run(CALL)).content == "Free."
    with pytest.raises(SpendingCapReached, match=r"0\.00 US dollars a day"):
        await alone.run(CALL)
    assert paid.prompts == []


class TestRouter:
    def test_one_model_for_all(self) -> None:
        """What the settings name, or the provider's own."""
        for model in (None, "gpt"):
            models = Models(model=model, temperature=0.3, max_tokens=100)
            [route] = Router(Providers([ScriptedLLM()]), models, FakeClock()).routes(Task.TURN)
            assert (route.choice.model, route.choice.temperature, route.choice.max_tokens) == (model, 0.3, 100)

    def test_a_model_of_its_own_for_a_task(self) -> None:
        """And a post-mortem may be twice as long as an answer."""
        models = Models(model="small", by_task={Task.POST_MORTEM: "large"}, max_tokens=100)
        router = Router(Providers([ScriptedLLM()]), models, FakeClock())
        [turn], [post_mortem] = router.routes(Task.TURN), router.routes(Task.POST_MORTEM)

        assert turn.choice.model == "small"
        assert (post_mortem.choice.model, post_mortem.choice.max_tokens) == ("large", 200)
