"""Text out of files that are text: no other kind is opened, and no process is started."""

from collections.abc import AsyncGenerator, AsyncIterable

from attrs import evolve, frozen

from faultmaven_domain.kernel.extraction import Extracted, UnreadableFile

from ..extraction.plain import read_plain
from ..extraction.sniff import NAMES, binary_kind

READS = frozenset({"text", "markdown", "log", "json", "yaml", "csv", "xml"})


@frozen
class MemoryTextExtractor:
    """Reads ``READS``, and says so of the rest."""

    async def extract(self, contents: AsyncIterable[bytes], *, filename: str) -> AsyncGenerator[str | Extracted, None]:
        """Raises: UnreadableFile."""
        data = b"".join([piece async for piece in contents])
        if not data:
            raise UnreadableFile("The file is empty.")
        binary = binary_kind(data)
        extracted = None if binary else read_plain(data, filename)
        if extracted is None or extracted.kind not in READS:
            kind = binary[0] if binary else "html"
            raise UnreadableFile(f"Only plain text is read here, and this is {NAMES[kind]}.")
        yield extracted.text
        yield evolve(extracted, text="")
