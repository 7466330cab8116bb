"""Argon2id password hashes (RFC 9106), with the library's recommended cost, off the event loop."""

import asyncio

import argon2
from attrs import field, frozen

#: Verified in place of a hash that is not there, so that an unknown name takes as long as a wrong password.
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$jG0ViVYWDEs7TDBlfFIU1w$/LT99If6JJJHRARgyK4WUKfoKDVi80qOKdXxUI281NI"


@frozen
class Argon2Hasher:
    _hasher: argon2.PasswordHasher = field(factory=argon2.PasswordHasher)
    #: 64 MiB and a core each: more at a time would only push the server over.
    _turn: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(2))

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, hash: str | None) -> bool:
        async with self._turn:
            right = await asyncio.to_thread(self._verified, password, hash or _NOBODYS)
        return right and hash is not None

    def _verified(self, password: str, hash: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
