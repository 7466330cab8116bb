"""What models cost: counted for each call, and held under caps by setting money aside before a call is made."""

import math
import re
from collections.abc import Mapping
from datetime import datetime

from attrs import evolve, field, frozen

from ..kernel.clock import Clock
from ..kernel.ids import IdSource
from .errors import SpendingCapReached
from .models import THINKING_TOKENS, ChatResponse, ModelCall, ModelChoice, Spent, Usage
from .ports import AgentTransactions, LLMProvider, UsageRepository
from .tokens import of_messages, tokens_of


@frozen(kw_only=True)
class Price:
    """In US dollars for a million tokens, which is millionths of a dollar for one."""

    input: float
    output: float

    def of(self, input_tokens: int, output_tokens: int) -> int:
        """In millionths of a dollar, rounded up."""
        return math.ceil(input_tokens * self.input + output_tokens * self.output)


@frozen(kw_only=True)
class Budget:
    """``prices`` by ``provider/model``, where ``*`` stands for any run of characters; caps in millionths of a dollar.

    A day is one of UTC. With a cap set, a model without a price is not called: what it costs could not be held.
    """

    prices: Mapping[str, Price] = field(factory=dict)
    per_day: int | None = None
    per_user_day: int | None = None
    per_case: int | None = None

    def price_of(self, provider: str, model: str) -> Price | None:
        """The price whose pattern says most about it."""
        name = f"{provider}/{model}"
        fitting = [p for p in self.prices if re.fullmatch(re.escape(p).replace(r"\*", ".*"), name)]
        return self.prices[max(fitting, key=lambda pattern: len(pattern.replace("*", "")))] if fitting else None

    @property
    def capped(self) -> bool:
        return (self.per_day, self.per_user_day, self.per_case) != (None, None, None)


@frozen
class Spending:
    """The account book. It fails closed: what cannot be priced, read or written is not spent."""

    transactions: AgentTransactions
    budget: Budget
    clock: Clock
    ids: IdSource

    async def reserve(self, call: ModelCall, provider: LLMProvider, choice: ModelChoice) -> Usage:
        """Set aside the most a call can cost, under the caps. One whose end is never told stays counted at that.

        Raises: SpendingCapReached.
        """
        model = choice.model or provider.model
        price = self.budget.price_of(provider.name, model)
        if price is None and self.budget.capped:
            raise SpendingCapReached(
                f"No price is known of {provider.name}/{model}, and spending is capped: name it in LLM_PRICES."
            )
        asked = of_messages(call.messages) if self.budget.capped else 0
        made = choice.max_tokens + THINKING_TOKENS
        usage = Usage(
            usage_id=self.ids.new("use"),
            job_id=call.job_id,
            case_id=call.case_id,
            user_id=call.user_id,
            task=call.task,
            provider=provider.name,
            model=model,
            input_tokens=asked,
            output_tokens=made,
            cost=price.of(2 * asked, made) if price and self.budget.capped else None,
            created_at=self.clock.now(),
        )
        if self._held(usage):
            async with self.transactions.begin() as unit:
                await self._check(unit.usage, usage)
                await unit.usage.save(usage)
        return usage

    async def release(self, usage: Usage) -> None:
        """The call ended before the model made anything."""
        if self._held(usage):
            async with self.transactions.begin() as unit:
                await unit.usage.delete(usage.usage_id)

    async def settle(self, usage: Usage, call: ModelCall, response: ChatResponse) -> Usage:
        """What the call did use, by the provider's count or, where it has none, by ours."""
        given = of_messages(call.messages) if response.input_tokens is None else response.input_tokens
        made = tokens_of(response.content) if response.output_tokens is None else response.output_tokens
        price = self.budget.price_of(usage.provider, usage.model)
        cost = price.of(given, made) if price else None
        settled = evolve(usage, input_tokens=given, output_tokens=made, cost=cost, settled=True)
        async with self.transactions.begin(lasting=self.budget.capped) as unit:
            return await unit.usage.save(settled)

    async def total(
        self, *, user_id: str | None = None, case_id: str | None = None, since: datetime | None = None
    ) -> Spent:
        async with self.transactions.view() as unit:
            return await unit.usage.total(user_id=user_id, case_id=case_id, since=since)

    def today(self) -> datetime:
        """When the day began, in UTC."""
        return self.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)

    def _held(self, usage: Usage) -> bool:
        return self.budget.capped and bool(usage.cost)

    async def _check(self, book: UsageRepository, usage: Usage) -> None:
        budget, today = self.budget, self.today()
        caps = (
            (budget.per_day, "This server", "a day", await book.total(since=today)),
            (budget.per_user_day, "A user", "a day", await book.total(user_id=usage.user_id, since=today)),
            (budget.per_case, "A case", "in all", await book.total(case_id=usage.case_id)),
        )
        for cap, whose, how_long, spent in caps:
            if cap is not None and spent.cost + (usage.cost or 0) > cap:
                raise SpendingCapReached(
                    f"{whose} may spend {cap / 1e6:.2f} US dollars {how_long} on language models: "
                    f"{spent.cost / 1e6:.2f} are spent, and this call may cost {(usage.cost or 0) / 1e6:.2f}."
                )
