"""Answers that are kept, so that a request that comes again is answered and not done again."""

from datetime import timedelta
from typing import Protocol

from attrs import frozen

from .errors import Conflict


class KeyReused(Conflict):
    """This Idempotency-Key came with another request before; another request needs another key."""

    code = "IDEMPOTENCY_KEY_REUSED"


class KeyInUse(Conflict):
    """The first request with this Idempotency-Key is still being answered; ask again soon."""

    code = "IDEMPOTENCY_KEY_IN_USE"
    final = False

    def __init__(self, message: str | None = None, *, retry_after: int = 5, **details: object) -> None:
        """``retry_after``: whole seconds after which it is worth asking again."""
        super().__init__(message, **details)
        self.retry_after = retry_after


@frozen(kw_only=True)
class KeptReply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@frozen(kw_only=True)
class Claim:
    """One attempt at a request: ``key`` names the request, ``fingerprint`` what it asks, ``owner`` the attempt."""

    key: str
    fingerprint: str
    owner: str


@frozen(kw_only=True)
class Held:
    """What stands under a key: the reply, or None while its owner is still at it."""

    fingerprint: str
    reply: KeptReply | None


class ReplyStore(Protocol):
    """Who is at a request, and what was answered, shared by all processes.

    A store that fails lets every request pass and keeps nothing.
    """

    async def claim(self, claim: Claim, *, lease: timedelta) -> Held | None:
        """None: the request is the claim's to answer, until its lease is over. Of many at once one gets that."""
        ...

    async def renew(self, claim: Claim, *, lease: timedelta) -> bool:
        """False where the key is not the claim's any more."""
        ...

    async def keep(self, claim: Claim, reply: KeptReply, *, ttl: timedelta) -> bool:
        """Answer with this from now on. False, changing nothing, where another attempt has the key or answered
        something else."""
        ...

    async def release(self, claim: Claim) -> None:
        """Let the next attempt begin; nothing happens where the key is not the claim's."""
        ...
