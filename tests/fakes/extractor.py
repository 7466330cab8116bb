from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable

from attrs import define, field

from faultmaven_adapters.memory.text_extractor import MemoryTextExtractor
from faultmaven_domain.kernel.extraction import Extracted


@define
class SlowExtractor:
    """The memory extractor, with something happening ``meanwhile``: once the file is read, and not yet given back."""

    meanwhile: list[Callable[[], Awaitable[object]]] = field(factory=list)
    read: list[str] = field(factory=list)

    async def extract(self, contents: AsyncIterable[bytes], *, filename: str) -> AsyncGenerator[str | Extracted, None]:
        self.read.append(filename)
        try:
            async for part in MemoryTextExtractor().extract(contents, filename=filename):
                yield part
        finally:
            while self.meanwhile:
                await self.meanwhile.pop(0)()
