"""Requests and their replies, each a hash ``fm:reply:{key}`` judged in one step. Without Redis all pass, said once."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from attrs import Factory, field, frozen
from redis.asyncio import Redis

from faultmaven_domain.kernel.errors import FaultMavenError
from faultmaven_domain.kernel.idempotency import Claim, Held, KeptReply

from .connection import Outage, calling
from .line import line_to
from .script import Script

# All of them are sent once more when a connection breaks, and bear it. ARGV[1] is the owner; once there is a reply that
# field goes, and the request is nobody's.
_CLAIM = Script("""
local there = redis.call('HMGET', KEYS[1], 'owner', 'fingerprint', 'reply')
if there[2] and there[1] ~= ARGV[1] then return {there[2], there[3]} end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'fingerprint', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return false
""")
_RENEW = Script("""
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
""")
_KEEP = Script("""
local there = redis.call('HMGET', KEYS[1], 'owner', 'fingerprint', 'reply')
if there[2] and there[1] ~= ARGV[1] then return there[3] == ARGV[4] and 1 or 0 end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[2], 'reply', ARGV[4])
redis.call('HDEL', KEYS[1], 'owner')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
""")
_RELEASE = Script("""
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")


@frozen
class RedisReplyStore:
    _redis: Redis
    _send: Callable[..., Awaitable[Any]] = field(
        init=False, default=Factory(lambda self: line_to(self._redis), takes_self=True)
    )
    _outage: Outage = field(factory=lambda: Outage("the store of replies"), init=False)

    async def claim(self, claim: Claim, *, lease: timedelta) -> Held | None:
        found = await self._run(_CLAIM, claim, claim.fingerprint, _milliseconds(lease), failed=None)
        if found is None:
            return None
        fingerprint, reply = found
        return Held(fingerprint=fingerprint.decode(), reply=None if reply is None else _read(reply))

    async def renew(self, claim: Claim, *, lease: timedelta) -> bool:
        return bool(await self._run(_RENEW, claim, _milliseconds(lease), failed=False))

    async def keep(self, claim: Claim, reply: KeptReply, *, ttl: timedelta) -> bool:
        asked = (claim.fingerprint, _milliseconds(ttl), _written(reply))
        return bool(await self._run(_KEEP, claim, *asked, failed=False))

    async def release(self, claim: Claim) -> None:
        await self._run(_RELEASE, claim, failed=None)

    async def _run(self, script: Script, claim: Claim, *asked: str | int | bytes, failed: object) -> Any:
        """What the script gives, or ``failed`` where Redis is away."""
        try:
            async with calling(self._redis):
                found = await script.run(self._send, [f"fm:reply:{claim.key}"], claim.owner, *asked)
        except FaultMavenError as error:
            self._outage.met(error)
            return failed
        self._outage.over()
        return found


def _milliseconds(life: timedelta) -> int:
    return max(1, life // timedelta(milliseconds=1))


def _written(reply: KeptReply) -> bytes:
    """A line of JSON and then the body as it is."""
    return json.dumps([reply.status, reply.headers], separators=(",", ":")).encode() + b"\n" + reply.body


def _read(data: bytes) -> KeptReply:
    head, _, body = data.partition(b"\n")
    status, headers = json.loads(head)
    return KeptReply(status=status, headers=tuple((name, value) for name, value in headers), body=body)
