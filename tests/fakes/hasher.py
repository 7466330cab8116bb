from attrs import define, field

from faultmaven_adapters.memory.identity import MemoryPasswordHasher
from faultmaven_domain.kernel.ids import IdSource


@define
class WatchedHasher:
    """The memory hasher, with a record of what it was asked to verify: password and hash."""

    ids: IdSource
    verified: list[tuple[str, str | None]] = field(factory=list)

    async def hash(self, password: str) -> str:
        return await MemoryPasswordHasher(self.ids).hash(password)

    async def verify(self, password: str, hash: str | None) -> bool:
        self.verified.append((password, hash))
        return await MemoryPasswordHasher(self.ids).verify(password, hash)
