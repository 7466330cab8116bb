"""Vectors from a server: one that speaks OpenAI's API, which many do, or Ollama.

Protocols: https://platform.openai.com/docs/api-reference/embeddings,
https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import evolve, field, frozen

from faultmaven_domain.agent import LLMError, LLMRateLimited, LLMRefused
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable

from ..llm.ollama import address_of
from ..llm.wire import Client, Wire, new_client
from ..settings import shown

OPENAI_MODEL, OLLAMA_MODEL = "text-embedding-3-small", "nomic-embed-text"
#: Where a text is cut. Models are known to read 8,192 tokens, or less, and some refuse what is longer.
MOST_CHARACTERS = 8_000
#: Texts of one request, and the bytes of the numbers that are answered; a number has some 24 of them.
MOST_TEXTS, MOST_ANSWERED, _A_NUMBER = 64, 3_000_000, 24
#: Seconds for a question, which is one text and has somebody waiting, and for the passages of one call.
QUESTION, PASSAGES = 15.0, 300.0
TRIES, FIRST_PAUSE, _LONGEST_PAUSE = 4, 0.25, 10.0
#: What stands for a text without letters: some servers refuse it, and some have no vector for it.
_BLANK = "blank"
_CODES = {"insufficient_quota": 402}


class Dialect(Protocol):
    """How one kind of server is asked."""

    @property
    def kind(self) -> str: ...

    @property
    def path(self) -> str: ...

    def asked(self, model: str, texts: Sequence[str]) -> dict[str, Any]: ...

    def vectors(self, answer: dict[str, Any]) -> list[list[float]]:
        """Raises: LookupError, TypeError or ValueError for an answer of another form."""
        ...

    async def revision(self, wire: Wire, model: str) -> str:
        """What tells two models of one name apart, empty where nobody knows. Raises: LLMError; LLMRefused."""
        ...


@frozen
class OpenAIDialect:
    kind: str = "openai"
    path: str = "/embeddings"

    def asked(self, model: str, texts: Sequence[str]) -> dict[str, Any]:
        return {"model": model, "input": list(texts), "encoding_format": "float"}

    def vectors(self, answer: dict[str, Any]) -> list[list[float]]:
        return [one["embedding"] for one in sorted(answer["data"], key=lambda one: int(one["index"]))]

    async def revision(self, wire: Wire, model: str) -> str:
        return ""


@frozen
class OllamaDialect:
    kind: str = "ollama"
    path: str = "/api/embed"

    def asked(self, model: str, texts: Sequence[str]) -> dict[str, Any]:
        return {"model": model, "input": list(texts), "truncate": True}

    def vectors(self, answer: dict[str, Any]) -> list[list[float]]:
        return list(answer["embeddings"])

    async def revision(self, wire: Wire, model: str) -> str:
        """The beginning of its digest, which is another once another model was pulled under the name."""
        answer = await wire.get("/api/tags")
        wanted = model if ":" in model.rpartition("/")[2] else f"{model}:latest"
        with wire.reading(answer):
            digests = {str(one["name"]).lower(): str(one.get("digest", "")) for one in answer["models"]}
        return digests.get(wanted.lower(), "")[:12]


@frozen(kw_only=True, eq=False)
class HttpEmbeddingModel:
    """``name`` has the server's kind, the model, its revision where known, and the dimension: a change of any asks for
    the index to be built anew."""

    name: str
    dimension: int
    _model: str
    _dialect: Dialect = field(repr=False)
    _wire: Wire = field(repr=False)
    _most_characters: int = MOST_CHARACTERS
    _first_pause: float = FIRST_PAUSE

    @classmethod
    async def open(
        cls,
        dialect: Dialect,
        wire: Wire,
        model: str,
        *,
        most_characters: int = MOST_CHARACTERS,
        first_pause: float = FIRST_PAUSE,
    ) -> "HttpEmbeddingModel":
        """Ask for one word's vector, to know how long they are; the wire is closed where that fails.

        ``first_pause`` in seconds, between the first two tries of a request.

        Raises: Misconfigured where the server refuses; Unavailable.
        """
        found = cls(
            name=model,
            dimension=0,
            model=model,
            dialect=dialect,
            wire=wire,
            most_characters=most_characters,
            first_pause=first_pause,
        )
        try:
            [vector] = await found._asked(["word"], PASSAGES)  # the model may have to be loaded first
            revision = await dialect.revision(wire, model)
        except LLMRefused as error:
            await wire.close()
            says = "check EMBEDDING_MODEL, that the server has it, and the key."
            raise Misconfigured(
                f"The embedding server at {shown(wire.base)} refuses the model {model}: {says}"
            ) from error
        except LLMError as error:
            await wire.close()
            raise Unavailable(f"The embedding server at {shown(wire.base)} does not answer.") from error
        except BaseException:
            await wire.close()
            raise
        name = f"{dialect.kind}:{model}{f'@{revision}' if revision else ''}/{len(vector)}"
        return evolve(found, name=name, dimension=len(vector))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Raises: Unavailable."""
        vectors: list[list[float]] = []
        at_once = max(1, min(MOST_TEXTS, MOST_ANSWERED // (_A_NUMBER * self.dimension)))
        seconds = QUESTION if len(texts) == 1 else PASSAGES
        try:
            for start in range(0, len(texts), at_once):
                vectors += await self._asked(texts[start : start + at_once], seconds)
        except (LLMError, LLMRefused) as error:
            raise Unavailable("The embedding server does not answer, or refuses.") from error
        return vectors

    async def ping(self) -> None:
        """Raises: Unavailable."""
        await self.embed(["word"])

    async def close(self) -> None:
        await self._wire.close()

    async def _asked(self, texts: Sequence[str], seconds: float) -> list[list[float]]:
        """Raises: Unavailable; LLMError and its kinds; LLMRefused."""
        body = self._dialect.asked(self._model, [self._plain(text) for text in texts])
        try:
            async with asyncio.timeout(seconds):
                answer = await self._tried(body)
        except TimeoutError as error:
            raise Unavailable("The embedding server took too long.") from error
        try:
            vectors = [_unit(vector) for vector in self._dialect.vectors(answer)]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable("The embedding server answered nonsense.") from error
        lengths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts) or len(lengths) != 1 or (self.dimension and lengths != {self.dimension}):
            raise Unavailable("The embedding server gave other vectors than were asked for.")
        return vectors

    async def _tried(self, body: Mapping[str, Any]) -> dict[str, Any]:
        pause = self._first_pause
        for left in reversed(range(TRIES)):
            try:
                return await self._wire.post(self._dialect.path, body)
            except LLMError as error:
                if not left:
                    raise
                asked = error.retry_after if isinstance(error, LLMRateLimited) else None
            await asyncio.sleep(min(max(pause, asked or 0.0), _LONGEST_PAUSE))
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _plain(self, text: str) -> str:
        """As much of a text as is read, without what JSON or a tokenizer may choke on."""
        text = text[: self._most_characters].replace("\0", " ").encode("utf-8", "replace").decode()
        return text if text.strip() else _BLANK


def openai_wire(base_url: str, key: str | None, client: Client | None = None) -> Wire:
    """``base_url`` ends before ``/embeddings``."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    base = base_url.rstrip("/")
    return Wire("embeddings", base, client or new_client(), headers=headers, secret=key, codes=_CODES)


def ollama_wire(host: str, client: Client | None = None) -> Wire:
    """``host`` as ``OLLAMA_HOST`` has it."""
    return Wire("embeddings", address_of(host), client or new_client())


def _unit(vector: Sequence[float]) -> list[float]:
    """Of length 1. Raises: ValueError where it has no direction; TypeError."""
    numbers = [float(number) for number in vector]
    length = math.hypot(*numbers)
    if not (math.isfinite(length) and length > 0):
        raise ValueError("a vector without a direction")
    return [number / length for number in numbers]
