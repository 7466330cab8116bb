"""Anthropic's Messages API.

Protocol: https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/api/messages-streaming
"""

import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from attrs import field, frozen

from faultmaven_domain.agent import THINKING_TOKENS, ChatResponse, Message

from .draft import Draft, cleaned, counted, written
from .wire import Client, Wire, new_client

DEFAULT_MODEL = "claude-haiku-4-5"
DEFAULT_URL = "https://api.anthropic.com"
_CHAT = "/v1/messages"
_VERSION = "2023-06-01"
_MAX_TOKENS = 4_096  # the vendor wants a number
_STOP = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refused"}
#: Later models refuse a temperature, and think before they answer unless told otherwise.
_TAKES_TEMPERATURE = re.compile(r"claude-(?:3-.+|[a-z]+-4(?:-[0-6])?(?:-\d{8})?)")
#: The names of errors, with the statuses their reference gives them.
_CODES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


@frozen
class AnthropicProvider:
    """``base_url`` ends before ``/v1``; ``key`` None sends none."""

    base_url: str
    key: str | None = field(repr=False)
    model: str = DEFAULT_MODEL
    _client: Client = field(factory=new_client, repr=False)
    _wire: Wire = field(init=False, repr=False)

    @_wire.default
    def _make_wire(self) -> Wire:
        headers = {"anthropic-version": _VERSION} | ({"x-api-key": self.key} if self.key else {})
        return Wire(self.name, self.address, self._client, headers=headers, secret=self.key, codes=_CODES)

    @property
    def name(self) -> str:
        return "anthropic"

    @property
    def address(self) -> str:
        return self.base_url.rstrip("/")

    async def ping(self) -> None:
        """Raises: LLMError; LLMRefused for a wrong key."""
        await self._wire.get("/v1/models")

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
        if error := answer.get("error"):
            raise self._wire.trouble(error)
        draft = Draft(self.name, body["model"])
        with self._wire.reading(answer):
            _note(answer, draft)
            for block in answer["content"]:
                _words(block, draft)
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
        body = self._asked(messages, model, temperature, max_tokens) | {"stream": True}
        draft, ended = Draft(self.name, body["model"]), False
        async with self._wire.events(_CHAT, body) as events:
            async for event in events:
                told = self._wire.parsed(event.data)
                if error := told.get("error"):
                    raise self._wire.trouble(error)
                if told.get("type") == "message_stop":
                    ended = True
                    break
                with self._wire.reading(told):
                    piece = _take(told, draft)
                if piece:
                    yield piece
            if not ended:
                raise self._wire.cut()
        if piece := draft.closing():
            yield piece
        yield draft.whole()

    def _asked(
        self, messages: Sequence[Message], model: str | None, temperature: float, max_tokens: int | None
    ) -> dict[str, Any]:
        limit = _MAX_TOKENS if max_tokens is None else max_tokens
        body: dict[str, Any] = {
            "model": model or self.model,
            "messages": written(message for message in messages if message.role != "system"),
        }
        if rules := [cleaned(message.content) for message in messages if message.role == "system"]:
            body["system"] = "\n\n".join(rules)
        if _TAKES_TEMPERATURE.fullmatch(body["model"]):
            return body | {"max_tokens": limit, "temperature": min(temperature, 1.0)}
        return body | {"max_tokens": limit + THINKING_TOKENS}


def _take(told: dict[str, Any], draft: Draft) -> str:
    """The words of a stream's event; kinds that are not known are passed over, as the vendor asks."""
    match told["type"]:
        case "message_start":
            _note(told["message"], draft)
        case "message_delta":
            _note(told["delta"] | {"usage": told.get("usage")}, draft)
        case "content_block_start":
            return _words(told["content_block"], draft)
        case "content_block_delta":
            return _words(told["delta"], draft)
    return ""


def _words(block: dict[str, Any], draft: Draft) -> str:
    """What is thought, signed or cited is left out."""
    return draft.add(block["text"]) if block["type"] in {"text", "text_delta"} else ""


def _note(message: dict[str, Any], draft: Draft) -> None:
    draft.answered_by(message.get("model"))
    if reason := message.get("stop_reason"):
        draft.stopped(_STOP.get(reason, "stop"))
    usage = message.get("usage") or {}
    given = counted(usage.get("input_tokens"))
    if given is not None:  # without what was put into the vendor's cache, or read from it
        cached = (usage.get("cache_creation_input_tokens"), usage.get("cache_read_input_tokens"))
        given += sum(counted(tokens) or 0 for tokens in cached)
    draft.count(given, usage.get("output_tokens"))
