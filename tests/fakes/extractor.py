from collections.abc import Awaitable, Callable

from attrs import define, field

from faultmaven_adapters.memory.text_extractor import MemoryTextExtractor
from faultmaven_domain.kernel.extraction import Extracted


@define
class SlowExtractor:
    """The memory extractor, with something happening ``meanwhile``: once the file is read, and not yet given back."""

    meanwhile: list[Callable[[], Awaitable[object]]] = field(factory=list)
    read: list[str] = field(factory=list)

    async def extract(self, data: bytes, *, filename: str) -> Extracted:
        self.read.append(filename)
        try:
            return await MemoryTextExtractor().extract(data, filename=filename)
        finally:
            while self.meanwhile:
                await self.meanwhile.pop(0)()
