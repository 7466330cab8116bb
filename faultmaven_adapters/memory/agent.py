from typing import Self

from attrs import frozen

from faultmaven_domain.agent import Turn

from ..rows import RowCodec
from .jobs import MemoryJobs, MemoryOutbox
from .tables import MemoryRecords, Picture

_TURNS = RowCodec(Turn)


class MemoryTurns(MemoryRecords[Turn]):
    async def delete_of_case(self, case_id: str) -> int:
        return self._remove(self._rows(case_id=case_id))


@frozen
class MemoryAgentUnit:
    jobs: MemoryJobs
    outbox: MemoryOutbox
    turns: MemoryTurns

    @classmethod
    def over(cls, picture: Picture) -> Self:
        return cls(
            jobs=MemoryJobs(picture),
            outbox=MemoryOutbox(picture),
            turns=MemoryTurns(picture, "turns", _TURNS, key="job_id"),
        )
