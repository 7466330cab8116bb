from collections.abc import AsyncIterator

import pytest

from faultmaven_adapters.extraction import FileTextExtractor, ProcessOffload
from faultmaven_adapters.memory.offload import InlineOffload
from faultmaven_adapters.memory.text_extractor import READS, MemoryTextExtractor
from tests.contracts.offload import OffloadContract
from tests.contracts.text_extractor import TextExtractorContract


@pytest.fixture
async def processes() -> AsyncIterator[ProcessOffload]:
    offload = ProcessOffload()
    yield offload
    await offload.close()


class TestInlineOffload(OffloadContract):
    @pytest.fixture
    def offload(self) -> InlineOffload:
        return InlineOffload()


class TestProcessOffload(OffloadContract):
    @pytest.fixture
    def offload(self, processes: ProcessOffload) -> ProcessOffload:
        return processes


class TestMemoryTextExtractor(TextExtractorContract):
    @pytest.fixture
    def extractor(self) -> MemoryTextExtractor:
        return MemoryTextExtractor()

    @pytest.fixture
    def reads(self) -> frozenset[str]:
        return READS


class TestFileTextExtractor(TextExtractorContract):
    @pytest.fixture
    def extractor(self, processes: ProcessOffload) -> FileTextExtractor:
        return FileTextExtractor(processes)


class TestFileTextExtractorInline(TextExtractorContract):
    @pytest.fixture
    def extractor(self) -> FileTextExtractor:
        return FileTextExtractor(InlineOffload())
