from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_adapters.vectors.lancedb import LanceVectorProvider
from tests.contracts.vector_provider import VectorProviderContract


class TestMemoryVectorProvider(VectorProviderContract):
    @pytest.fixture
    async def index(self) -> MemoryVectorProvider:
        return MemoryVectorProvider()

    @pytest.fixture
    async def beside(self, index: MemoryVectorProvider) -> MemoryVectorProvider:
        return index


class TestLanceVectorProvider(VectorProviderContract):
    @pytest.fixture
    async def index(self, tmp_path: Path) -> AsyncIterator[LanceVectorProvider]:
        index = LanceVectorProvider(tmp_path / "vectors")
        yield index
        await index.close()

    @pytest.fixture
    async def beside(self, index: LanceVectorProvider, tmp_path: Path) -> AsyncIterator[LanceVectorProvider]:
        beside = LanceVectorProvider(tmp_path / "vectors")
        yield beside
        await beside.close()
