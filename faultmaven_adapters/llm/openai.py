"""OpenAI's chat completions, and every server that speaks them (vLLM, llama.cpp, LiteLLM, Ollama's own ``/v1``).

Protocol: https://platform.openai.com/docs/api-reference/chat
"""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from attrs import field, frozen

from faultmaven_domain.agent import THINKING_TOKENS, ChatResponse, Message

from .draft import Draft, written
from .wire import Client, Wire, new_client

DEFAULT_MODEL = "gpt-4o-mini"
_CHAT = "/chat/completions"
_DONE = "[DONE]"
_STOP = {"stop": "stop", "length": "length", "model_length": "length", "content_filter": "filtered"}
#: Models that think before they answer: they refuse a temperature, and ``max_tokens`` under that name. Compatible
#: servers know no other name.
_THINKING_MODEL = re.compile(r"(?:ft:)?(?:o\d|gpt-(?:[5-9]|\d\d)|codex-)")
#: The names of errors, with the statuses their reference gives them; ``insufficient_quota`` comes as a 429, and no
#: waiting helps against it.
_CODES = {
    "insufficient_quota": 402,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "server_error": 500,
}


@frozen
class OpenAIProvider:
    """``base_url`` ends before ``/chat/completions``; ``key`` None sends no Authorization."""

    base_url: str
    key: str | None = field(repr=False)
    model: str = DEFAULT_MODEL
    _client: Client = field(factory=new_client, repr=False)
    _wire: Wire = field(init=False, repr=False)

    @_wire.default
    def _make_wire(self) -> Wire:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return Wire(self.name, self.address, self._client, headers=headers, secret=self.key, codes=_CODES)

    @property
    def name(self) -> str:
        return "openai"

    @property
    def address(self) -> str:
        return self.base_url.rstrip("/")

    async def ping(self) -> None:
        """Raises: LLMError; LLMRefused for a wrong key."""
        await self._wire.get("/models")

    async def close(self) -> None:
        await self._wire.close()

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> ChatResponse:
        body = self._asked(messages, model, temperature, max_tokens)
        answer = await self._wire.post(_CHAT, body)
        draft = Draft(self.name, body["model"])
        self._take(answer, draft)
        draft.closing()
        return draft.whole()

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> AsyncGenerator[str | ChatResponse, None]:
        body = self._asked(messages, model, temperature, max_tokens)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        draft, ended = Draft(self.name, body["model"]), False
        async with self._wire.events(_CHAT, body) as events:
            async for event in events:
                if event.data.strip() == _DONE:
                    ended = True
                    break
                piece, last = self._take(self._wire.parsed(event.data), draft)
                ended = ended or last
                if piece:
                    yield piece
            if not ended:  # some servers send no [DONE], but all say why a model stopped
                raise self._wire.cut()
        if piece := draft.closing():
            yield piece
        yield draft.whole()

    def _asked(
        self, messages: Sequence[Message], model: str | None, temperature: float, max_tokens: int | None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"model": model or self.model, "messages": written(messages)}
        if _THINKING_MODEL.match(body["model"]):
            return body | ({} if max_tokens is None else {"max_completion_tokens": max_tokens + THINKING_TOKENS})
        body["temperature"] = temperature
        return body | ({} if max_tokens is None else {"max_tokens": max_tokens})

    def _take(self, answer: dict[str, Any], draft: Draft) -> tuple[str, bool]:
        """The words of an answer or of a part of one, and whether they are its last.

        Raises: LLMError and its kinds; LLMRefused.
        """
        if error := answer.get("error"):
            raise self._wire.trouble(error)
        with self._wire.reading(answer):
            draft.answered_by(answer.get("model"))
            usage = answer.get("usage") or {}
            draft.count(usage.get("prompt_tokens"), usage.get("completion_tokens"))
            for choice in (answer.get("choices") or [])[:1]:
                said = choice["delta" if "delta" in choice else "message"] or {}
                refusal, reason = said.get("refusal"), choice.get("finish_reason")
                if refusal:
                    draft.stopped("refused")
                if reason:
                    draft.stopped(_STOP.get(reason, "stop"))
                return draft.add(_text(said.get("content"))) + draft.add(refusal), bool(reason)
        return "", False


def _text(content: object) -> object:
    """Some servers send a list of parts, of which those called text are the answer."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part["type"] == "text")
    return content
