"""Files in and out: an upload's way into the store, and a download nobody's browser will run."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.kernel.errors import FaultMavenError
from faultmaven_domain.kernel.files import Measured, StoredFile

from .shares import Shares
from .wire import Upload

PIECE = 256 * 1024
#: How many downloads of one user, and of all, a process has under way: each holds a connection to where files are kept
#: for as long as its reader takes.
DOWNLOADS_EACH, DOWNLOADS = 8, 100
ANY_BYTES = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,127}")


@asynccontextmanager
async def stored(fm: FaultMaven, upload: Upload, *, prefix: str) -> AsyncIterator[StoredFile]:
    """Put an upload into the store, for a use-case to take it over; what it refuses for good is deleted again.

    Raises: StorageFull; Unavailable.
    """

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await upload.file.read(PIECE):
            yield piece

    key, passing = f"{prefix}{fm.ids.new('file')}", Measured(pieces())
    await fm.files.upload(key, passing, media_type_of(upload.media_type))
    try:
        yield passing.stored(key)
    except FaultMavenError as error:
        if error.final:  # after any other it may have been taken over; the sweep will tell
            await fm.files.delete(key)
        raise


async def file_response(
    content: AsyncIterator[bytes],
    *,
    downloads: Shares,
    whose: str,
    filename: str,
    media_type: str,
    size: int | None = None,
) -> Response:
    """Bytes to be saved, never shown: whoever uploaded them chose name and type.

    Raises: FileMissing; RateLimited or Busy while ``whose`` or all ``downloads`` that may be under way are.
    """
    downloads.check(whose)
    with downloads.held(whose):
        first = await anext(content, b"")  # before the answer begins, so that a missing file is a 404
    headers = {
        "Content-Disposition": attachment(filename),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    if size is not None:
        headers["Content-Length"] = str(size)

    async def pieces() -> AsyncIterator[bytes]:
        yield first
        async for piece in content:
            yield piece

    return _Download(pieces(), headers=headers, media_type=media_type_of(media_type), held=downloads.held(whose))


class _Download(StreamingResponse):
    """Holds its place for as long as its reader takes."""

    def __init__(self, content: AsyncIterator[bytes], *, held: AbstractContextManager[None], **more: Any) -> None:
        super().__init__(content, **more)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


def media_type_of(claimed: str) -> str:
    """A media type without parameters; what does not look like one is just bytes."""
    claimed = claimed.partition(";")[0].strip().lower()
    return claimed if _MEDIA_TYPE.fullmatch(claimed) else ANY_BYTES


def attachment(filename: str) -> str:
    """A Content-Disposition (RFC 6266) with a plain name for old clients and the whole one for the rest."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%/' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
