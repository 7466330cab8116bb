"""The call to the model: retried while that can help, and ended by the turn's deadline."""

import asyncio
import logging
from collections.abc import Sequence

from attrs import frozen

from .errors import LLMError, LLMRateLimited, LLMTimeout
from .models import ChatResponse, Message, ModelChoice
from .ports import LLMProvider

log = logging.getLogger(__name__)
TRIES = 3
FIRST_PAUSE = 0.5


@frozen
class Executor:
    provider: LLMProvider

    async def run(self, messages: Sequence[Message], choice: ModelChoice) -> ChatResponse:
        """Raises: LLMTimeout at the deadline; LLMError when the last try failed; LLMRefused at once."""
        try:
            async with asyncio.timeout(choice.deadline):
                return await self._tried(messages, choice)
        except TimeoutError as error:
            raise LLMTimeout(provider=self.provider.name) from error

    async def _tried(self, messages: Sequence[Message], choice: ModelChoice) -> ChatResponse:
        pause = FIRST_PAUSE
        for attempt in range(1, TRIES + 1):
            try:
                return await self.provider.chat(
                    messages, model=choice.model, temperature=choice.temperature, max_tokens=choice.max_tokens
                )
            except LLMError as error:
                if attempt == TRIES:
                    raise
                asked = error.retry_after if isinstance(error, LLMRateLimited) else None
                log.warning("%s, try %d of %d: %s", self.provider.name, attempt, TRIES, error.message)
                await asyncio.sleep(pause if asked is None else asked)
                pause *= 2
        raise AssertionError("the last try returns or raises")
