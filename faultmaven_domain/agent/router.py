"""Which model answers what, and how long it may take."""

from attrs import field, frozen

from .models import ModelChoice, Task


@frozen(kw_only=True)
class Models:
    """``model`` for everything ``by_task`` does not name; None leaves it to the provider. ``deadline`` in seconds."""

    model: str | None = None
    by_task: dict[Task, str] = field(factory=dict)
    temperature: float = 0.2
    max_tokens: int = 2_000
    deadline: float = 90.0


@frozen
class Router:
    models: Models

    def choose(self, task: Task) -> ModelChoice:
        return ModelChoice(
            model=self.models.by_task.get(task, self.models.model),
            temperature=self.models.temperature,
            max_tokens=self.models.max_tokens * (2 if task is Task.POST_MORTEM else 1),
            deadline=self.models.deadline,
        )
