"""The language models the settings ask for, in the order they are tried, and what they cost."""

import json
import math
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from attrs import define, field

from faultmaven_domain.agent import Budget, LLMProvider, Models, Price, Providers, Task
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured

from .llm.extractive import ExtractiveProvider
from .opening import Opening
from .settings import LLM, Settings

#: How long a provider's word on how it is counts, in seconds: health is asked for far more often than vendors like.
SELDOM = 30.0


def add_llm(opening: Opening) -> None:
    """Raises: Misconfigured."""
    settings = opening.settings
    providers: list[LLMProvider] = []
    for place, kind in enumerate(chain(settings)):
        if kind is LLM.EXTRACTIVE:
            providers.append(ExtractiveProvider())
            continue
        provider = _provider(kind, settings)
        opening.pings["llm" if place == 0 else f"llm {kind.value}"] = Seldom(provider.ping, opening.clock)
        opening.stack.push_async_callback(provider.close)
        providers.append(provider)
    if chain(settings) == (LLM.EXTRACTIVE,):
        opening.notes.append("No language model is configured: answers are composed from the sources alone.")
    opening.add(Providers, Providers(providers))
    opening.add(Models, _models(settings))
    opening.add(Budget, budget(settings))


def chain(settings: Settings) -> tuple[LLM, ...]:
    """Who is asked, and who next; each once."""
    first = settings.llm_provider if settings.llm_provider is not LLM.AUTO else _configured(settings)
    return tuple(dict.fromkeys((first, *settings.llm_fallbacks)))


def _configured(settings: Settings) -> LLM:
    if settings.openai_api_key is not None:
        return LLM.OPENAI
    if settings.anthropic_api_key is not None:
        return LLM.ANTHROPIC
    return LLM.OLLAMA if settings.ollama_host is not None else LLM.EXTRACTIVE


def _provider(kind: LLM, settings: Settings) -> "_Vendor":
    """Imported here, so that nobody waits for the client of a vendor that is not asked."""
    if kind is LLM.OPENAI:
        from .llm import openai

        return openai.OpenAIProvider(
            settings.openai_base_url, settings.openai_api_key, settings.openai_model or openai.DEFAULT_MODEL
        )
    if kind is LLM.ANTHROPIC:
        from .llm import anthropic

        assert settings.anthropic_api_key is not None  # the settings' check
        model = settings.anthropic_model or anthropic.DEFAULT_MODEL
        return anthropic.AnthropicProvider(settings.anthropic_base_url, settings.anthropic_api_key, model)
    from .llm import ollama

    return ollama.OllamaProvider(
        settings.ollama_host or ollama.DEFAULT_HOST, settings.ollama_model or ollama.DEFAULT_MODEL
    )


def _models(settings: Settings) -> Models:
    written = settings.llm_model_post_mortem
    by_task: dict[Task, str] = {task: written for task in Task if task is not Task.TURN} if written else {}
    return Models(
        model=settings.llm_model,
        by_task=by_task,
        max_tokens=settings.llm_answer_tokens,
        prompt_tokens=settings.llm_prompt_tokens,
        deadline=float(settings.llm_deadline),
        kept_minutes=settings.llm_cache_minutes,
    )


def budget(settings: Settings) -> Budget:
    """Prices and caps. Raises: Misconfigured."""

    def millionths(dollars: float | None) -> int | None:
        return None if dollars is None else math.floor(dollars * 1_000_000)

    return Budget(
        prices=_prices(settings),
        per_day=millionths(settings.llm_cap_day),
        per_user_day=millionths(settings.llm_cap_user_day),
        per_case=millionths(settings.llm_cap_case),
    )


def _prices(settings: Settings) -> dict[str, Price]:
    """Those that come with the program, and the settings' own over them. Raises: Misconfigured."""
    known = _read_prices(files("faultmaven_adapters.llm").joinpath("prices.json").read_text(encoding="utf-8"))
    if settings.llm_prices is None:
        return known
    path: Path = settings.under(settings.llm_prices)
    try:
        return known | _read_prices(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        form = '{"provider/model": [input, output]} in US dollars for a million tokens'
        raise Misconfigured(f"LLM_PRICES is {str(path)!r}, which cannot be read as {form}: {error}") from error


def _read_prices(text: str) -> dict[str, Price]:
    """Raises: ValueError; TypeError; AttributeError."""
    prices = {}
    for pattern, (given, made) in json.loads(text).items():
        price = Price(input=float(given), output=float(made))
        if not (0 <= price.input < math.inf and 0 <= price.output < math.inf):
            raise ValueError(f"{pattern} has a price below 0 or without end")
        prices[str(pattern)] = price
    return prices


class _Vendor(LLMProvider, Protocol):
    async def ping(self) -> None: ...

    async def close(self) -> None: ...


@define
class Seldom:
    """A ping that is sent once in a while, and repeats its last word in between."""

    ping: Callable[[], Awaitable[None]]
    clock: Clock
    _word: FaultMavenError | None = field(default=None, init=False)
    _at: float = field(default=-math.inf, init=False)

    async def __call__(self) -> None:
        """Raises: what the ping did."""
        now = self.clock.now().timestamp()
        if not 0 <= now - self._at < SELDOM:
            try:
                await self.ping()
                self._word = None
            except FaultMavenError as error:
                self._word = error
            self._at = now
        if self._word is not None:
            raise self._word
