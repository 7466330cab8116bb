from datetime import datetime

from faultmaven_domain.kernel.events import Outgoing
from faultmaven_domain.kernel.jobs import Job, JobState

from ..rows import RowCodec, from_json, in_utc, to_json
from .tables import MemoryRecords, Picture, latest, page

_JOBS = RowCodec(Job)
_OUTBOX = "outbox"


class MemoryJobs(MemoryRecords[Job]):
    def __init__(self, picture: Picture) -> None:
        super().__init__(picture, "jobs", _JOBS, key="job_id")

    async def of_owner(self, owner_id: str | None, *, states: tuple[JobState, ...], limit: int) -> list[Job]:
        rows = self._rows() if owner_id is None else self._rows(owner_id=owner_id)
        wanted = [row for row in rows if not states or row["state"] in states]
        return self._values(page(latest(wanted, "created_at"), limit))

    async def waiting(self, *, most: int, owner_id: str | None = None) -> int:
        queued = sorted(self._rows(state=JobState.QUEUED.value), key=lambda row: row["created_at"])[:most]
        return sum(owner_id in (None, row["owner_id"]) for row in queued)


class MemoryOutbox:
    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.used = False

    async def put(self, message: Outgoing, *, at: datetime) -> None:
        self.used = True
        self._picture.write(_OUTBOX)[message.id] = {
            "topic": message.topic,
            "payload": to_json(message.payload, dict[str, object]),
            "put_at": in_utc(at),
            "sent_at": None,
            "parked": False,
        }

    async def due(
        self, *, sent_before: datetime, sent_after: datetime | None = None, limit: int = 100
    ) -> list[Outgoing]:
        before, after = in_utc(sent_before), None if sent_after is None else in_utc(sent_after)

        def is_due(sent_at: datetime | None) -> bool:
            return sent_at is None or sent_at < before or (after is not None and sent_at > after)

        rows = self._picture.read(_OUTBOX).items()
        waiting = [(id, row) for id, row in rows if not row["parked"] and is_due(row["sent_at"])]
        return [
            Outgoing(id=id, topic=row["topic"], payload=from_json(row["payload"], dict[str, object]))
            for id, row in waiting[:limit]
        ]

    async def mark_sent(self, ids: list[str], *, at: datetime) -> None:
        self._mark(ids, in_utc(at))

    async def mark_unsent(self, ids: list[str]) -> None:
        self._mark(ids, None)

    async def mark_all_unsent(self) -> None:
        self._mark(list(self._picture.read(_OUTBOX)), None)

    async def park(self, id: str) -> None:
        rows = self._picture.write(_OUTBOX)
        if id in rows:
            rows[id] = {**rows[id], "parked": True}

    async def unpark(self, id: str) -> bool:
        self.used = True
        rows = self._picture.write(_OUTBOX)
        if id not in rows:
            return False
        rows[id] = {**rows[id], "sent_at": None, "parked": False}
        return True

    async def parked(self, *, limit: int = 100) -> list[str]:
        return [id for id, row in self._picture.read(_OUTBOX).items() if row["parked"]][:limit]

    async def drop_parked(self, *, put_before: datetime) -> int:
        before, rows = in_utc(put_before), self._picture.write(_OUTBOX)
        old = [id for id, row in rows.items() if row["parked"] and row["put_at"] < before]
        for id in old:
            del rows[id]
        return len(old)

    async def drop(self, id: str) -> None:
        self._picture.write(_OUTBOX).pop(id, None)

    def _mark(self, ids: list[str], sent_at: datetime | None) -> None:
        rows = self._picture.write(_OUTBOX)
        for id in ids:
            if id in rows and not rows[id]["parked"]:
                rows[id] = {**rows[id], "sent_at": sent_at}
