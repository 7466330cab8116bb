"""The call to a model: retried while that can help, handed to the next model, and ended by the turn's deadline."""

import asyncio
import logging

from attrs import evolve, frozen

from .errors import LLMError, LLMRateLimited, LLMRefused, LLMTimeout, SpendingCapReached
from .models import ChatResponse, ModelCall
from .optimizer import Optimizer
from .router import Route, Router
from .spending import Spending

log = logging.getLogger(__name__)
TRIES = 3
FIRST_PAUSE = 0.5
#: Of the time that is left, what a model gets that has another behind it.
SHARE = 0.6
#: How long to wait for a model that says when to come back, where another could answer at once, in seconds.
PATIENCE = 2.0
#: An answer the model or its vendor held back: another model may see that differently.
HELD_BACK = frozenset({"refused", "filtered"})


class Listener:
    """Hears how far an answer is, and its words while they are made. This one does nothing about it."""

    def stage(self, name: str) -> None:
        """What is being done now."""

    def piece(self, text: str) -> None:
        """The answer's next words."""

    def restart(self) -> None:
        """The pieces so far are void."""


NOBODY = Listener()


@frozen
class Executor:
    router: Router
    optimizer: Optimizer
    spending: Spending

    async def run(self, call: ModelCall, listener: Listener = NOBODY) -> ChatResponse:
        """The first whole answer; one that was held back only where no other model gives a better one.

        Raises: LLMTimeout at the deadline; else what a model failed with, rather what may pass than what is final:
        LLMError, LLMRefused, SpendingCapReached.
        """
        ends = asyncio.get_running_loop().time() + self.router.models.deadline
        left = len(self.router.providers)
        held_back: ChatResponse | None = None
        failures: list[LLMError | LLMRefused | SpendingCapReached] = []
        for route in self.router.routes(call.task):
            left -= 1
            try:
                response = await self._within(ends, route, call, listener, last=left == 0)
            except (LLMError, LLMRefused, SpendingCapReached) as error:
                log.warning("%s does not answer (%s)%s", route.provider.name, error.message, "; next" if left else "")
                failures.append(error)
            else:
                if response.stop_reason not in HELD_BACK:
                    return response
                held_back = held_back or response
            if left and ends > asyncio.get_running_loop().time():
                listener.restart()
        if held_back is None:
            raise next((error for error in failures if not error.final), failures[-1])
        return held_back

    async def _within(
        self, ends: float, route: Route, call: ModelCall, listener: Listener, *, last: bool
    ) -> ChatResponse:
        now = asyncio.get_running_loop().time()
        until = ends if last else now + SHARE * (ends - now)
        try:
            async with asyncio.timeout_at(until):
                return await self._tried(until, route, call, listener, last=last)
        except TimeoutError as error:
            self.router.failed(route.provider)
            raise LLMTimeout(provider=route.provider.name) from error

    async def _tried(
        self, until: float, route: Route, call: ModelCall, listener: Listener, *, last: bool
    ) -> ChatResponse:
        name, pause = route.provider.name, FIRST_PAUSE
        for attempt in range(1, TRIES + 1):
            try:
                return await self._once(route, call, listener)
            except LLMError as error:
                self.router.failed(route.provider)
                asked = error.retry_after if isinstance(error, LLMRateLimited) else None
                wait = pause if asked is None else asked
                left = until - asyncio.get_running_loop().time()
                if attempt == TRIES or (wait > PATIENCE and not last):
                    raise
                if wait >= left:
                    raise LLMTimeout(f"The language model asks to wait for {wait:.0f} s.", provider=name) from error
                log.warning("%s, try %d of %d: %s", name, attempt, TRIES, error.message)
                listener.restart()
                await asyncio.sleep(wait)
                pause *= 2
        raise AssertionError("the last try returns or raises")

    async def _once(self, route: Route, call: ModelCall, listener: Listener) -> ChatResponse:
        """One try, on the books. Where it breaks off after the model began, what was set aside for it stays spent."""
        provider, choice = route.provider, route.choice
        remembered = await self.optimizer.remembered(call, provider, choice)
        if remembered is not None:
            listener.piece(remembered.content)
            return remembered
        if not provider.address:
            return await self._streamed(route, call, listener, [])
        usage = await self.spending.reserve(call, provider, choice)
        begun: list[bool] = []
        try:
            response = await self._streamed(route, call, listener, begun)
        except (LLMError, LLMRefused):
            if not begun:
                await self.spending.release(usage)
            raise
        self.router.succeeded(provider)
        usage = await self.spending.settle(usage, call, response)
        response = evolve(response, cost=usage.cost)
        await self.optimizer.remember(call, provider, choice, response)
        return response

    async def _streamed(self, route: Route, call: ModelCall, listener: Listener, begun: list[bool]) -> ChatResponse:
        choice = route.choice
        stream = route.provider.stream(
            call.messages, model=choice.model, temperature=choice.temperature, max_tokens=choice.max_tokens
        )
        try:
            async for piece in stream:
                if isinstance(piece, ChatResponse):
                    return piece
                begun.append(True)
                listener.piece(piece)
        finally:
            await stream.aclose()
        raise LLMError("The language model broke off its answer.", provider=route.provider.name)
