from itertools import count
from uuid import UUID

from attrs import Factory, define


@define
class FakeIds:
    """Counts: ``case_1``, ``msg_2``, and UUIDs in the order they were asked for."""

    _numbers: "count[int]" = Factory(lambda: count(1))

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"

    def job(self) -> str:
        return str(UUID(int=next(self._numbers)))
