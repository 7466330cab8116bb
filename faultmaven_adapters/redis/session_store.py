"""Sessions in Redis: ``fm:session:{id}`` holds the value and lapses with it.

``fm:sessions:client:{client_id}`` and ``fm:sessions:user:{user_id}`` are sorted sets of ids by the second they expire.
An index may name a session that is gone, or is another's by now: the value decides.
"""

import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import cast

from attrs import frozen
from redis.asyncio import Redis

from faultmaven_domain.session import Session

from .codec import Undecodable, dumps, loads
from .connection import calling

log = logging.getLogger(__name__)

#: An index outlives every session it names: no session lasts a day.
INDEX_LIFE = timedelta(days=1)


def _value(session_id: str) -> str:
    return f"fm:session:{session_id}"


def _of_client(client_id: str) -> str:
    return f"fm:sessions:client:{client_id}"


def _of_user(user_id: str) -> str:
    return f"fm:sessions:user:{user_id}"


@frozen
class RedisSessionStore:
    _redis: Redis

    async def get(self, session_id: str, *, now: datetime) -> Session | None:
        async with calling(self._redis):
            data = await self._redis.get(_value(session_id))
        return _live(data, now)

    async def latest_of(self, client_id: str, *, now: datetime) -> Session | None:
        found = [s for s in await self._indexed(_of_client(client_id), now) if s.client_id == client_id]
        return max(found, key=lambda session: session.last_seen_at, default=None)

    async def of_user(self, user_id: str, *, now: datetime) -> list[Session]:
        found = [s for s in await self._indexed(_of_user(user_id), now) if s.user_id == user_id]
        return sorted(found, key=lambda session: session.opened_at, reverse=True)

    async def put(self, session: Session, *, now: datetime) -> None:
        expires = session.expires_at()
        life = max(timedelta(milliseconds=1), expires - now)
        indexes = [_of_client(session.client_id)] if session.client_id is not None else []
        indexes += [_of_user(session.user_id)] if session.user_id is not None else []
        async with calling(self._redis):
            async with self._redis.pipeline() as pipe:
                pipe.set(_value(session.session_id), dumps(session), px=life)
                for index in indexes:
                    pipe.zremrangebyscore(index, "-inf", now.timestamp())
                    pipe.zadd(index, {session.session_id: expires.timestamp()})
                    pipe.pexpire(index, max(life, INDEX_LIFE))
                await pipe.execute()

    async def delete(self, session_id: str) -> bool:
        async with calling(self._redis):
            return bool(await self._redis.delete(_value(session_id)))

    async def _indexed(self, index: str, now: datetime) -> list[Session]:
        async with calling(self._redis):
            ids = await self._redis.zrangebyscore(index, now.timestamp(), "+inf")
            if not ids:
                return []
            values = await cast(
                "Awaitable[list[bytes | None]]", self._redis.mget([_value(found.decode()) for found in ids])
            )
        return [session for session in (_live(data, now) for data in values) if session is not None]


def _live(data: bytes | None, now: datetime) -> Session | None:
    if data is None:
        return None
    try:
        session = loads(data, Session)
    except Undecodable:
        log.warning("a stored session cannot be read by this version and counts as lapsed")
        return None
    return session if now < session.expires_at() else None
