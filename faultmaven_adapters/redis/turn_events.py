"""What happens to a turn, as a Redis stream ``fm:turn:{<job_id>}``; the braces are there: a cluster's one slot."""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from attrs import Factory, field, frozen
from redis.asyncio import Redis

from faultmaven_domain.agent import EventKind, TurnEvent

from .connection import calling

KEPT = timedelta(hours=1)
#: The longest a stream gets, about; a turn has some hundreds of events.
LONGEST = 10_000
#: How many are read at once.
BATCH = 500
#: How long one call blocks, well within the patience of all calls; and the pause where there is no seat for one.
BLOCK, PAUSE = timedelta(seconds=2), timedelta(milliseconds=200)
#: Connections that are left to those who do not block.
SPARE = 20
_BEGINNING = b"0-0"
_ID = re.compile(r"([0-9]{1,20})-([0-9]{1,20})")
_HIGHEST = 2**64 - 1

Entry = tuple[bytes, Mapping[bytes, bytes]]


def _seats(self: "RedisTurnEvents") -> asyncio.Semaphore:
    # Nobody is to wait inside the pool: where some do, redis-py 5.3 loses a connection if a caller is cancelled while
    # giving it back.
    return asyncio.Semaphore(max(1, self._redis.connection_pool.max_connections - SPARE))


@frozen
class RedisTurnEvents:
    """``redis`` is for this alone: each reader that waits holds one of its connections. ``kept`` counts from the last
    event."""

    _redis: Redis
    _kept: timedelta = KEPT
    _seats: asyncio.Semaphore = field(init=False, default=Factory(_seats, takes_self=True))

    async def add(self, job_id: str, kind: EventKind, data: dict[str, object]) -> None:
        """Raises: Unavailable; TypeError for what JSON cannot say."""
        entry: dict[Any, Any] = {"kind": kind.value, "data": json.dumps(data, separators=(",", ":"))}
        async with calling(self._redis):
            async with self._redis.pipeline() as pipe:
                pipe.xadd(_key(job_id), entry, maxlen=LONGEST, approximate=True)
                pipe.pexpire(_key(job_id), self._kept)
                await pipe.execute()

    async def read(self, job_id: str, *, after: str | None = None, wait: timedelta) -> tuple[TurnEvent, ...]:
        """Raises: Unavailable."""
        deadline = time.monotonic() + wait.total_seconds()
        position = await self._position(job_id, after)
        while True:
            left = timedelta(seconds=deadline - time.monotonic())
            entries = await self._entries(job_id, position, left)
            if entries:
                position = entries[-1][0]
            if found := _events(entries):
                return found
            if time.monotonic() >= deadline:
                return ()

    async def _position(self, job_id: str, after: str | None) -> bytes:
        """Where to read on. An event that is no longer there is older than all that are."""
        match = _ID.fullmatch(after or "")
        if match is None or any(int(part) > _HIGHEST for part in match.groups()):
            return _BEGINNING
        position = match[0].encode()
        async with calling(self._redis):
            there = await self._redis.xrange(_key(job_id), position, position)
        return position if there else _BEGINNING

    async def _entries(self, job_id: str, position: bytes, left: timedelta) -> list[Entry]:
        """What is there, or what comes first within ``left`` or a while shorter than that."""
        seated = left > timedelta(0) and not self._seats.locked()
        if seated:
            async with self._seats:
                return await self._read(job_id, position, min(left, BLOCK))
        found = await self._read(job_id, position, None)
        if not found and left > timedelta(0):
            await asyncio.sleep(min(left, PAUSE).total_seconds())
        return found

    async def _read(self, job_id: str, position: bytes, block: timedelta | None) -> list[Entry]:
        milliseconds = None if block is None else max(1, round(block.total_seconds() * 1000))  # 0 is for ever
        async with calling(self._redis):
            found = await self._redis.xread({_key(job_id): position}, count=BATCH, block=milliseconds)
        return found[0][1] if found else []


def _key(job_id: str) -> str:
    return f"fm:turn:{{{job_id}}}"


def _events(entries: Iterable[Entry]) -> tuple[TurnEvent, ...]:
    """Without those of a kind that only a newer version knows."""
    return tuple(
        TurnEvent(id=id.decode(), kind=EventKind(kind), data=json.loads(entry[b"data"]))
        for id, entry in entries
        if (kind := entry[b"kind"].decode()) in set(EventKind)
    )
