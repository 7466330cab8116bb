"""The job these tests ask for."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

from attrs import frozen

from faultmaven_domain.kernel.events import Message
from faultmaven_domain.kernel.jobs import Job

Ask = Callable[..., Awaitable[Job]]
Row = Callable[[str], Awaitable[Job]]


@frozen(kw_only=True)
class CoffeeRequested(Message):
    topic: ClassVar[str] = "jobs.coffee"

    cups: int = 1
