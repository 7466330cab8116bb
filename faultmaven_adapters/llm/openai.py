"""OpenAI's chat completions, and every server that speaks them (vLLM, llama.cpp, LiteLLM, Ollama's own ``/v1``).

Protocol: https://platform.openai.com/docs/api-reference/chat
"""

import logging
from collections.abc import Sequence
from typing import Any

import httpx2
from attrs import field, frozen

from faultmaven_domain.agent import ChatResponse, LLMError, LLMRateLimited, LLMRefused, LLMTimeout, Message

log = logging.getLogger(__name__)
DEFAULT_MODEL = "gpt-4o-mini"
_STOP = {"stop": "stop", "length": "length", "content_filter": "filtered"}


@frozen
class OpenAIProvider:
    """``base_url`` ends before ``/chat/completions``; ``key`` None sends no Authorization."""

    base_url: str
    key: str | None = field(repr=False)
    model: str = DEFAULT_MODEL
    _client: httpx2.AsyncClient = field(
        factory=lambda: httpx2.AsyncClient(timeout=httpx2.Timeout(300.0, connect=10.0)), repr=False
    )

    @property
    def name(self) -> str:
        return "openai"

    async def ping(self) -> None:
        """Raises: LLMError; LLMRefused for a wrong key."""
        await self._sent("GET", "/models", None)

    async def close(self) -> None:
        await self._client.aclose()

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> ChatResponse:
        body: dict[str, Any] = {
            "model": model or self.model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "temperature": temperature,
        }
        if max_tokens is not None:
            body["max_tokens"] = max_tokens
        answer = await self._sent("POST", "/chat/completions", body)
        try:
            choice = answer["choices"][0]
            message, usage = choice["message"], answer.get("usage") or {}
            content = message.get("content") or message.get("refusal")
            if not isinstance(content, str) or not content.strip():
                raise LLMError("The language model gave no answer.", provider=self.name)
            return ChatResponse(
                content=content,
                model=str(answer.get("model") or body["model"]),
                provider=self.name,
                stop_reason=_STOP.get(choice.get("finish_reason") or "stop", "stop"),
                input_tokens=usage.get("prompt_tokens"),
                output_tokens=usage.get("completion_tokens"),
            )
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            log.warning("openai: an answer of another form: %.500r", answer)
            raise LLMError("The language model answered nonsense.", provider=self.name) from error

    async def _sent(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            response = await self._client.request(
                method, f"{self.base_url.rstrip('/')}{path}", json=body, headers=headers
            )
            if response.is_success:
                return response.json()
        except httpx2.TimeoutException as error:
            raise LLMTimeout(provider=self.name) from error
        except (httpx2.HTTPError, ValueError) as error:
            log.warning("openai: %s: %s", type(error).__name__, error)
            raise LLMError(provider=self.name) from error
        log.warning("openai: status %d: %.500s", response.status_code, response.text)
        raise self._error(response)

    def _error(self, response: httpx2.Response) -> Exception:
        if response.status_code == 429:
            return LLMRateLimited(retry_after=_seconds(response.headers.get("retry-after")), provider=self.name)
        if response.status_code in {408, 409} or response.status_code >= 500:
            return LLMError(provider=self.name)
        return LLMRefused(provider=self.name)


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
