"""Ollama's own API, for models on one's own machine.

Protocol: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

import logging
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from attrs import field, frozen

from faultmaven_domain.agent import ChatResponse, LLMRefused, Message

from .draft import Draft, written
from .wire import Client, Wire, new_client

log = logging.getLogger(__name__)
DEFAULT_MODEL = "llama3.2"
DEFAULT_HOST = "localhost:11434"
_CHAT = "/api/chat"
_PORT = 11434
#: Tokens: the window Ollama takes by default, and what an answer without a limit is given of it.
_LEAST_CONTEXT, _ANSWER = 4_096, 2_048
_CHARACTERS_A_TOKEN = 3  # of logs and code; prose has more
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(\d+))?")


@frozen
class OllamaProvider:
    """``host`` as ``OLLAMA_HOST`` has it; ``context`` is the widest window, in tokens, that a prompt is given."""

    host: str
    model: str = DEFAULT_MODEL
    context: int = 32_768
    _client: Client = field(factory=new_client, repr=False)
    _wire: Wire = field(init=False, repr=False)

    @_wire.default
    def _make_wire(self) -> Wire:
        return Wire(self.name, self.address, self._client)

    @property
    def name(self) -> str:
        return "ollama"

    @property
    def address(self) -> str:
        return address_of(self.host)

    async def ping(self) -> None:
        """Raises: LLMError; LLMRefused where the model is not there yet."""
        answer = await self._wire.get("/api/tags")
        with self._wire.reading(answer):
            there = {_tagged(model["name"]) for model in answer["models"]}
        if _tagged(self.model) not in there:
            raise LLMRefused(
                f"Ollama does not have the model {self.model}: run `ollama pull {self.model}`.", provider=self.name
            )

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
        _, ended = self._take(answer, draft)
        if not ended:
            raise self._wire.nonsense(answer)
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
        async with self._wire.lines(_CHAT, body) as lines:
            async for line in lines:
                if not line.strip():
                    continue
                piece, ended = self._take(self._wire.parsed(line), draft)
                if piece:
                    yield piece
                if ended:
                    break
            if not ended:
                raise self._wire.cut()
        if piece := draft.closing():
            yield piece
        yield draft.whole()

    def _asked(
        self, messages: Sequence[Message], model: str | None, temperature: float, max_tokens: int | None
    ) -> dict[str, Any]:
        size = sum(len(message.content) for message in messages)
        options: dict[str, Any] = {"temperature": temperature, "num_ctx": self._window(size, max_tokens)}
        if max_tokens is not None:
            options["num_predict"] = max_tokens
        return {
            "model": model or self.model,
            "messages": written(messages),
            "stream": False,
            "think": False,  # what a model thinks would count as its answer, and take a turn's time
            "options": options,
        }

    def _window(self, characters: int, max_tokens: int | None) -> int:
        """Tokens. A power of two, since the model is loaded anew for each width; a prompt past it is cut silently."""
        wanted = characters // _CHARACTERS_A_TOKEN + (max_tokens or _ANSWER)
        window = max(_LEAST_CONTEXT, 1 << (wanted - 1).bit_length())
        if window > self.context:
            log.warning("ollama: about %d tokens are wanted, and the window ends at %d.", wanted, self.context)
        return min(window, self.context)

    def _take(self, answer: dict[str, Any], draft: Draft) -> tuple[str, bool]:
        """The words of an answer or of a part of one, and whether they are its last. Raises: LLMError and its kinds."""
        if error := answer.get("error"):
            raise self._wire.trouble(error)
        with self._wire.reading(answer):
            draft.answered_by(answer.get("model"))
            done = answer.get("done") is True
            if done:
                draft.stopped("length" if answer.get("done_reason") == "length" else "stop")
                draft.count(answer.get("prompt_eval_count"), answer.get("eval_count"))
            return draft.add((answer.get("message") or {}).get("content")), done


def address_of(host: str) -> str:
    """The URL that ``OLLAMA_HOST`` stands for: scheme and port may be left out, and "everywhere" is this machine."""
    scheme, _, rest = host.strip().rpartition("://")
    authority, _, path = rest.partition("/")
    found = _HOST.fullmatch(authority)
    name, port = (found[1], found[2]) if found else (f"[{authority}]", None)  # an IPv6 address without brackets
    if port is None and not scheme:
        port = str(_PORT)
    end = f"/{path.strip('/')}" if path.strip("/") else ""
    return f"{scheme or 'http'}://{_EVERYWHERE.get(name, name)}{f':{port}' if port else ''}{end}"


def _tagged(model: str) -> str:
    """Names are known in any case, and one without a tag means the latest."""
    name = model.lower()
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
