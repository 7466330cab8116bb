"""The same question under the same circumstances is paid for once: answers are kept for a while."""

import hashlib
import json
import logging
from datetime import timedelta

from attrs import asdict, evolve, frozen

from ..kernel.cache import Cache
from .models import ChatResponse, ModelCall, ModelChoice
from .ports import LLMProvider
from .router import Models

log = logging.getLogger(__name__)


@frozen
class Optimizer:
    cache: Cache
    models: Models

    async def remembered(self, call: ModelCall, provider: LLMProvider, choice: ModelChoice) -> ChatResponse | None:
        """The answer this model gave to this user's very prompt."""
        if not self._kept(provider):
            return None
        stored = await self.cache.get(_key(call, provider, choice))
        if stored is None:
            return None
        try:
            response = ChatResponse(**json.loads(stored))
        except (ValueError, TypeError) as error:  # another version's
            log.warning("a remembered answer is not readable: %s", error)
            return None
        return evolve(response, cached=True, cost=0)

    async def remember(
        self, call: ModelCall, provider: LLMProvider, choice: ModelChoice, response: ChatResponse
    ) -> None:
        """Keep a whole answer; a cut or refused one may come out better the next time."""
        if self._kept(provider) and response.stop_reason == "stop":
            value = json.dumps(asdict(response)).encode()
            await self.cache.set(_key(call, provider, choice), value, timedelta(minutes=self.models.kept_minutes))

    async def forget_case(self, case_id: str) -> None:
        await self.cache.invalidate(f"{_prefix(case_id)}*")

    def _kept(self, provider: LLMProvider) -> bool:
        return self.models.kept_minutes > 0 and bool(provider.address)


def _prefix(case_id: str) -> str:
    """Ids are ours, so none of a glob's signs is in one."""
    return f"answer:{case_id}:"


def _key(call: ModelCall, provider: LLMProvider, choice: ModelChoice) -> str:
    """Whatever an answer may depend on: who asks, which model where, how it is set, and each message's words."""
    matters = [
        call.user_id,
        call.task.value,
        provider.name,
        provider.address,
        choice.model or provider.model,
        choice.temperature,
        choice.max_tokens,
        [[message.role, message.content] for message in call.messages],
    ]
    return _prefix(call.case_id) + hashlib.sha256(json.dumps(matters).encode()).hexdigest()
