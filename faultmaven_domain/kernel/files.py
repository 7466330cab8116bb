"""Bytes by key. The shells put an upload here first and hand the use-case what was stored."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable
from datetime import datetime
from typing import Any, Protocol

from attrs import define, field, frozen

from .errors import NotFound


class FileMissing(NotFound):
    """The file is not in the store."""

    code = "FILE_NOT_FOUND"


@frozen(kw_only=True)
class StoredFile:
    """What an upload left in the store. ``sha256`` in hex, ``size`` in bytes."""

    key: str
    size: int
    sha256: str


class FileProvider(Protocol):
    """Keys are relative, ``/``-separated and made by us: no user's name is ever part of one."""

    async def upload(self, key: str, data: bytes | AsyncIterable[bytes], content_type: str) -> str:
        """Store all of it or nothing, replacing what was there; gives the key back.

        Raises: StorageFull; InvalidInput for a key that leaves the store.
        """
        ...

    async def download(self, key: str) -> bytes:
        """Raises: FileMissing."""
        ...

    def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """The bytes in pieces of at most 1 MiB. Raises: FileMissing, before the first piece."""
        ...

    async def delete(self, key: str) -> bool:
        """False where there was none."""
        ...

    async def get_url(self, key: str, expires_in: int = 3600) -> str:
        """An address that gives these bytes, to whoever has it, for ``expires_in`` seconds. Raises: FileMissing."""
        ...

    async def keys(self, prefix: str, *, older_than: datetime) -> list[str]:
        """Keys under a prefix last written before a time, for finding orphans."""
        ...


@frozen
class Contents:
    """A stored file's bytes, from the beginning whenever they are iterated. Raises: FileMissing, when they are."""

    files: FileProvider
    key: str

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        return self.files.stream(self.key)


@define
class Measured:
    """Bytes on their way into the store, counted and hashed while they pass, once."""

    pieces: AsyncIterable[bytes]
    size: int = 0
    _digest: Any = field(factory=hashlib.sha256)

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        async for piece in self.pieces:
            self._digest.update(piece)
            self.size += len(piece)
            yield piece

    def stored(self, key: str) -> StoredFile:
        """What passed, as it lies in the store."""
        return StoredFile(key=key, size=self.size, sha256=self._digest.hexdigest())
