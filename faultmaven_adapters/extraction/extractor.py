"""The ``TextExtractor`` of a server: every file is read in a process that may fail without it."""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from attrs import frozen

from faultmaven_domain.kernel.extraction import Extracted, Offload, UnreadableFile

from .formats import OCR_SECONDS
from .pieces import read_in_pieces
from .process_pool import WorkerDied, WorkerTooSlow


@frozen
class FileTextExtractor:
    """``ocr_seconds``: how long the scanned pages of one PDF may be read; the rest is named in its notes."""

    _offload: Offload
    _ocr_seconds: float = OCR_SECONDS

    async def extract(self, contents: AsyncIterable[bytes], *, filename: str) -> AsyncGenerator[str | Extracted, None]:
        """Raises: UnreadableFile; Unavailable when the offload is closed meanwhile, or dies behind the first piece."""
        for again in (True, False):
            given = False
            try:
                async with aclosing(self._offload.pipe(read_in_pieces, contents, filename, self._ocr_seconds)) as parts:
                    async for part in parts:
                        given = True
                        yield part
                return
            except WorkerDied as error:
                if given:
                    raise  # text can be read: it was stopped from outside, and the job comes again
                if not again:
                    raise UnreadableFile("The process reading the file ended twice; it may be damaged.") from error
            except WorkerTooSlow as error:
                raise UnreadableFile("Reading the file took too long, and was stopped.") from error
            except MemoryError as error:
                raise UnreadableFile("Reading the file takes more memory than it may.") from error
