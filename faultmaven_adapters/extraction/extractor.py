"""The ``TextExtractor`` of a server: every file is read in a process that may fail without it."""

from attrs import frozen

from faultmaven_domain.kernel.extraction import Extracted, Offload, UnreadableFile

from .formats import OCR_SECONDS, read
from .process_pool import WorkerDied, WorkerTooSlow


@frozen
class FileTextExtractor:
    """``ocr_seconds``: how long the scanned pages of one PDF may be read; the rest is named in its notes."""

    _offload: Offload
    _ocr_seconds: float = OCR_SECONDS

    async def extract(self, data: bytes, *, filename: str) -> Extracted:
        """Raises: UnreadableFile; Unavailable when the offload is closed meanwhile."""
        try:
            return await self._read(data, filename)
        except WorkerTooSlow as error:
            raise UnreadableFile("Reading the file took too long, and was stopped.") from error
        except MemoryError as error:
            raise UnreadableFile("Reading the file takes more memory than it may.") from error

    async def _read(self, data: bytes, filename: str) -> Extracted:
        try:
            return await self._offload.run(read, data, filename, self._ocr_seconds)
        except WorkerDied:
            pass  # it may have been stopped from outside, for memory another program wanted: once more will tell
        try:
            return await self._offload.run(read, data, filename, self._ocr_seconds)
        except WorkerDied as error:
            raise UnreadableFile("The process reading the file ended twice; it may be damaged.") from error
