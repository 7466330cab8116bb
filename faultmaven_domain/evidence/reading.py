"""A file's text on its way from the reader to the store: counted while it passes, and never held."""

from collections.abc import AsyncGenerator, AsyncIterable

from attrs import define

from ..kernel.extraction import Extracted, UnreadableFile

#: Characters of the beginning that are kept, to tell a log by.
LONGEST_HEAD = 100_000


@define
class TextSeen:
    """What is known of a text once all of it has passed."""

    head: str = ""
    _breaks: int = 0
    _last: str = ""
    _found: Extracted | None = None

    @property
    def lines(self) -> int:
        return self._breaks + (self._last != "\n")

    def extracted(self) -> Extracted:
        """Raises: UnreadableFile where the reader ended without a word."""
        if self._found is None:
            raise UnreadableFile
        return self._found

    async def encoded(self, parts: AsyncIterable[str | Extracted]) -> AsyncGenerator[bytes, None]:
        """The text in UTF-8, as it comes."""
        async for part in parts:
            if isinstance(part, Extracted):
                self._found = part
            elif part:
                self.head += part[: max(0, LONGEST_HEAD - len(self.head))]
                self._breaks += part.count("\n")
                self._last = part[-1]
                yield part.encode()
