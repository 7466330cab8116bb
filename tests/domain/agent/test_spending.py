"""What models cost, and the caps that hold it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_adapters.memory.transactions import MemoryTransactions, memory_transactions
from faultmaven_domain.agent import (
    AgentUnitOfWork,
    Budget,
    ChatResponse,
    LLMError,
    LLMRefused,
    Message,
    ModelCall,
    Models,
    Price,
    SpendingCapReached,
    Spent,
    Task,
)
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.llm import Broken, Reply, ScriptedLLM

from .world import engine

#: One millionth of a dollar for a token given, two for one made.
PRICES = {"scripted/*": Price(input=1.0, output=2.0)}
ANSWER = ChatResponse(content="Because.", model="m", provider="scripted", input_tokens=100, output_tokens=10)


def call(job: int = 1, case: str = "case_1", user: str = "ana") -> ModelCall:
    messages = (Message(role="user", content=f"Why {job}?"),)
    return ModelCall(task=Task.TURN, messages=messages, job_id=f"job_{job}", case_id=case, user_id=user)


class Books:
    """An executor with one model, and the books it keeps."""

    def __init__(self, *replies: Reply, budget: Budget, max_tokens: int = 50) -> None:
        self.clock = FakeClock()
        self.transactions: MemoryTransactions[AgentUnitOfWork] = memory_transactions("agent")
        self.llm = ScriptedLLM(replies, otherwise="Because.")
        models = Models(max_tokens=max_tokens)
        self.run = engine(self.transactions, self.clock, FakeIds(), self.llm, models=models, budget=budget).run

    async def total(self) -> Spent:
        async with self.transactions.view() as unit:
            return await unit.usage.total()


async def test_counts_what_the_provider_counted() -> None:
    """Tokens by the provider's count, and their price in millionths of a dollar, in the answer and on the books."""
    books = Books(ANSWER, budget=Budget(prices=PRICES))

    answer = await books.run(call())

    assert answer.cost == 120
    assert await books.total() == Spent(calls=1, input_tokens=100, output_tokens=10, cost=120)


async def test_counts_by_itself_where_the_provider_does_not() -> None:
    """A count is made from the words."""
    books = Books("Because of the disk.", budget=Budget(prices=PRICES))
    await books.run(call())
    total = await books.total()

    assert total.input_tokens > 0
    assert 4 <= total.output_tokens <= 10


async def test_a_model_without_a_price_is_counted_all_the_same() -> None:
    """Without caps an unknown price only leaves the cost open."""
    books = Books(ANSWER, budget=Budget())

    assert (await books.run(call())).cost is None
    assert await books.total() == Spent(calls=1, input_tokens=100, output_tokens=10, unpriced=1)


async def test_a_model_without_a_price_is_not_called_under_a_cap() -> None:
    """What it would cost could not be held, so nothing is spent, and the error says what to do."""
    books = Books(ANSWER, budget=Budget(per_day=1_000_000))

    with pytest.raises(SpendingCapReached, match="LLM_PRICES"):
        await books.run(call())
    assert books.llm.prompts == []


@pytest.mark.parametrize(
    ("cap", "others"),
    [
        ({"per_day": 16_500}, call(2, "case_2", "bob")),
        ({"per_user_day": 16_500}, call(2, "case_2")),
        ({"per_case": 16_500}, call(2, user="bob")),
    ],
    ids=["all of a day", "one user's of a day", "one case's"],
)
async def test_a_cap_holds(cap: dict[str, int], others: ModelCall) -> None:
    """Once it is reached no call goes out for whom it counts, until the day is over; a case's stays reached."""
    spent = ChatResponse(content="x", model="m", provider="scripted", input_tokens=400, output_tokens=50)
    books = Books(spent, budget=Budget(prices=PRICES, **cap))
    await books.run(call())

    with pytest.raises(SpendingCapReached, match="US dollars"):
        await books.run(others)
    assert len(books.llm.prompts) == 1
    books.clock.advance(timedelta(days=1))
    if "per_case" in cap:
        with pytest.raises(SpendingCapReached):
            await books.run(others)
    else:
        await books.run(others)


async def test_a_cap_holds_for_those_who_come_at_once() -> None:
    """Each call sets its most aside before it is made, so that ten at once do not spend ten times what one may."""

    async def slowly(_: Sequence[Message]) -> str:
        await asyncio.sleep(0.05)
        return "Because."

    books = Books(*[slowly] * 10, budget=Budget(prices=PRICES, per_day=40_000))

    done = await asyncio.gather(*[books.run(call(n, f"case_{n}")) for n in range(10)], return_exceptions=True)

    assert sum(isinstance(one, SpendingCapReached) for one in done) >= 7
    assert (await books.total()).cost <= 40_000


async def test_what_was_not_spent_is_given_back() -> None:
    """A call that failed before the model began costs nothing."""
    books = Books(LLMRefused(), budget=Budget(prices=PRICES, per_day=100_000))
    with pytest.raises(LLMRefused):
        await books.run(call())

    assert await books.total() == Spent()


async def test_what_broke_off_counts_as_spent() -> None:
    """Nobody knows what a stream that was cut did cost, so the most it could stays counted."""
    cut = Broken(("Be",), LLMError())
    books = Books(cut, "Because.", budget=Budget(prices=PRICES, per_day=100_000))
    await books.run(call())

    async with books.transactions.view() as unit:
        assert sorted(usage.settled for usage in await unit.usage.query()) == [False, True]


async def test_the_same_again_costs_nothing() -> None:
    """A remembered answer is not paid for twice, and says that it is remembered."""
    books = Books(ANSWER, budget=Budget(prices=PRICES))
    first, second = await books.run(call()), await books.run(call())

    assert (second.content, second.cost, second.cached) == (first.content, 0, True)
    assert (await books.total()).calls == 1


@pytest.mark.parametrize("other", [call(2), call(user="bob"), call(case="case_2")])
async def test_another_question_is_another_answer(other: ModelCall) -> None:
    """Other words, another user or another case are asked anew."""
    books = Books("One.", "Two.", budget=Budget())
    await books.run(call())

    assert (await books.run(other)).content == "Two."


async def test_what_was_cut_is_not_remembered() -> None:
    """Only a whole answer is kept."""
    books = Books(ChatResponse(content="Beca", model="m", provider="scripted", stop_reason="length"), budget=Budget())
    await books.run(call())

    assert (await books.run(call())).content == "Because."


def test_the_price_that_says_most_counts() -> None:
    """A pattern for one model wins over one for all of a provider's."""
    small, all_of_it = Price(input=1, output=1), Price(input=9, output=9)
    budget = Budget(prices={"a/*": all_of_it, "a/small*": small})

    assert budget.price_of("a", "small-2") == small
    assert budget.price_of("a", "large") == all_of_it
    assert budget.price_of("b", "small") is None


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_cost_is_never_rounded_down(given_: int, made: int) -> None:
    """A fraction of a millionth counts as a whole one."""
    cost = Price(input=0.15, output=0.6).of(given_, made)

    assert cost >= given_ * 0.15 + made * 0.6 > cost - 1.001 or cost == 0
