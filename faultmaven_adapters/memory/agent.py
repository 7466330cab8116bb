from datetime import datetime
from typing import Self

from attrs import frozen

from faultmaven_domain.agent import Spent, Turn, Usage

from ..rows import RowCodec
from .jobs import MemoryJobs, MemoryOutbox
from .tables import MemoryRecords, Picture

_TURNS = RowCodec(Turn)
_USAGE = RowCodec(Usage)


class MemoryTurns(MemoryRecords[Turn]):
    async def delete_of_case(self, case_id: str) -> int:
        return self._remove(self._rows(case_id=case_id))


class MemoryUsage(MemoryRecords[Usage]):
    async def total(
        self, *, user_id: str | None = None, case_id: str | None = None, since: datetime | None = None
    ) -> Spent:
        given = {"user_id": user_id, "case_id": case_id}
        rows = self._rows(**{name: value for name, value in given.items() if value is not None})
        calls = [usage for usage in self._values(rows) if since is None or usage.created_at >= since]
        return Spent(
            calls=len(calls),
            input_tokens=sum(usage.input_tokens for usage in calls),
            output_tokens=sum(usage.output_tokens for usage in calls),
            cost=sum(usage.cost or 0 for usage in calls),
            unpriced=sum(usage.cost is None for usage in calls),
        )


@frozen
class MemoryAgentUnit:
    jobs: MemoryJobs
    outbox: MemoryOutbox
    turns: MemoryTurns
    usage: MemoryUsage

    @classmethod
    def over(cls, picture: Picture) -> Self:
        return cls(
            jobs=MemoryJobs(picture),
            outbox=MemoryOutbox(picture),
            turns=MemoryTurns(picture, "turns", _TURNS, key="job_id"),
            usage=MemoryUsage(picture, "usage", _USAGE, key="usage_id"),
        )
