from collections.abc import AsyncGenerator, AsyncIterable
from datetime import datetime

from attrs import field, frozen

from faultmaven_adapters.files.keys import checked_key
from faultmaven_adapters.files.signing import UrlSigner
from faultmaven_domain.kernel.clock import Clock
from faultmaven_domain.kernel.files import FileMissing

PIECE = 1024 * 1024


@frozen
class MemoryFileProvider:
    """Files in this process; gone with it."""

    signer: UrlSigner
    clock: Clock
    _files: dict[str, tuple[bytes, datetime]] = field(factory=dict)

    async def ping(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Nothing is held open."""

    async def upload(self, key: str, data: bytes | AsyncIterable[bytes], content_type: str) -> str:
        checked_key(key)
        whole = data if isinstance(data, bytes) else b"".join([piece async for piece in data])
        self._files[key] = (whole, self.clock.now())
        return key

    async def download(self, key: str) -> bytes:
        if key not in self._files:
            raise FileMissing(key=key)
        return self._files[key][0]

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        whole = await self.download(key)
        for start in range(0, len(whole), PIECE):
            yield whole[start : start + PIECE]

    async def delete(self, key: str) -> bool:
        return self._files.pop(key, None) is not None

    async def get_url(self, key: str, expires_in: int = 3600) -> str:
        if key not in self._files:
            raise FileMissing(key=key)
        return self.signer.url(key, expires_in)

    async def keys(self, prefix: str, *, older_than: datetime) -> list[str]:
        return sorted(key for key, (_, at) in self._files.items() if key.startswith(prefix) and at < older_than)
