"""Which model answers what, who is asked when it does not, and how long all that may take."""

from collections.abc import Iterator

from attrs import define, field, frozen

from ..kernel.clock import Clock
from .breaker import Breaker
from .models import ModelChoice, Task
from .ports import LLMProvider


class Providers(tuple[LLMProvider, ...]):
    """The models that may answer: the first one does, the others when those before them cannot."""


@frozen(kw_only=True)
class Models:
    """``model`` and ``by_task`` name the first provider's models; what they leave open is each provider's own choice.

    ``deadline`` in seconds, for all tries of all providers together; ``prompt_tokens`` is the most a prompt may hold.
    """

    model: str | None = None
    by_task: dict[Task, str] = field(factory=dict)
    temperature: float = 0.2
    max_tokens: int = 2_000
    prompt_tokens: int = 12_000
    deadline: float = 90.0
    kept_minutes: int = 60


@frozen(kw_only=True)
class Route:
    """One provider to try, and what to ask it for."""

    provider: LLMProvider
    choice: ModelChoice


@define
class Router:
    """One for the process: it remembers who failed lately."""

    providers: Providers
    models: Models
    clock: Clock
    _breakers: dict[int, Breaker] = field(factory=dict, init=False)

    def routes(self, task: Task) -> Iterator[Route]:
        """Every provider in the order they are to be tried: those that failed again and again come last."""
        now = self.clock.now()
        order = sorted(range(len(self.providers)), key=lambda place: not self._breaker(place).closed(at=now))
        for place in order:
            self._breakers[place] = self._breaker(place).entered(at=self.clock.now())
            yield Route(provider=self.providers[place], choice=self._choice(task, first=place == 0))

    def failed(self, provider: LLMProvider) -> None:
        place = self._place(provider)
        self._breakers[place] = self._breaker(place).failed(at=self.clock.now())

    def succeeded(self, provider: LLMProvider) -> None:
        place = self._place(provider)
        self._breakers[place] = self._breaker(place).succeeded()

    def _choice(self, task: Task, *, first: bool) -> ModelChoice:
        models = self.models
        return ModelChoice(
            model=models.by_task.get(task, models.model) if first else None,
            temperature=models.temperature,
            max_tokens=models.max_tokens * (1 if task is Task.TURN else 2),
        )

    def _breaker(self, place: int) -> Breaker:
        return self._breakers.get(place, Breaker())

    def _place(self, provider: LLMProvider) -> int:
        return next(place for place, one in enumerate(self.providers) if one is provider)
