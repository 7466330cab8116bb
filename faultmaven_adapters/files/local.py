"""Files in a folder, through fsspec. A file is written beside its place, flushed to the disk and then moved there."""

import asyncio
import errno
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import fsspec
from attrs import field, frozen

from faultmaven_domain.kernel.errors import FaultMavenError, StorageFull, Unavailable
from faultmaven_domain.kernel.files import FileMissing

from .keys import checked_key
from .signing import UrlSigner

PIECE = 1024 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@frozen
class LocalFileProvider:
    root: Path
    signer: UrlSigner
    _fs: fsspec.AbstractFileSystem = field(factory=lambda: fsspec.filesystem("file"), init=False)

    async def ping(self) -> None:
        """Raises: Unavailable when the folder cannot be written."""
        key = f".ping-{secrets.token_hex(4)}"
        await self.upload(key, b"ping", "text/plain")
        await self.delete(key)

    async def close(self) -> None:
        """Nothing is held open."""

    async def upload(self, key: str, data: bytes | AsyncIterable[bytes], content_type: str) -> str:
        place = self._place(key)
        part = f"{place}.{secrets.token_hex(6)}.part"
        try:
            with _writing():
                await asyncio.to_thread(self._fs.makedirs, os.path.dirname(place), exist_ok=True)
                file = await asyncio.to_thread(self._fs.open, part, "wb")
            try:
                async for piece in _pieces(data):  # its errors are its own
                    with _writing():
                        await asyncio.to_thread(file.write, piece)
                with _writing():
                    await asyncio.to_thread(_flushed, file)
            finally:
                with _writing():
                    await asyncio.to_thread(file.close)
            with _writing():
                await asyncio.to_thread(os.replace, part, place)
        finally:
            with suppress(FileNotFoundError, NotADirectoryError):
                await asyncio.to_thread(os.unlink, part)
        return key

    async def download(self, key: str) -> bytes:
        try:
            return bytes(await asyncio.to_thread(self._fs.cat_file, self._place(key)))
        except OSError as error:
            raise _translated(error, key) from error

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        try:
            file = await asyncio.to_thread(self._fs.open, self._place(key), "rb")
        except OSError as error:
            raise _translated(error, key) from error
        try:
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece
        finally:
            await asyncio.to_thread(file.close)

    async def delete(self, key: str) -> bool:
        try:
            await asyncio.to_thread(self._fs.rm_file, self._place(key))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _translated(error, key) from error
        return True

    async def get_url(self, key: str, expires_in: int = 3600) -> str:
        if not await asyncio.to_thread(self._fs.isfile, self._place(key)):
            raise FileMissing(key=key)
        return self.signer.url(key, expires_in)

    async def keys(self, prefix: str, *, older_than: datetime) -> list[str]:
        found = await asyncio.to_thread(self._fs.find, str(self.root), detail=True)
        root = f"{self.root}/"
        old = [
            name.removeprefix(root)
            for name, info in found.items()
            if datetime.fromtimestamp(info["mtime"], UTC) < older_than
        ]
        return sorted(key for key in old if key.startswith(prefix))

    def _place(self, key: str) -> str:
        return str(self.root.joinpath(*checked_key(key)))


async def _pieces(data: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(data, bytes):
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]
    else:
        async for piece in data:
            yield piece


def _flushed(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _writing() -> Iterator[None]:
    """Raises: StorageFull; Unavailable."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        raise (StorageFull() if full else Unavailable("The file store cannot be written.")) from error


def _translated(error: OSError, key: str) -> FaultMavenError:
    """What a failed read means."""
    if isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return FileMissing(key=key)
    return Unavailable("The file store cannot be read.")
