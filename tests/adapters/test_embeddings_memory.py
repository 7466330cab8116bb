import logging

import pytest

from faultmaven_adapters.memory.embedding_model import HashingEmbedder
from tests.contracts.embedding_model import EmbeddingModelContract


class TestHashingEmbedder(EmbeddingModelContract):
    @pytest.fixture
    def model(self) -> HashingEmbedder:
        return HashingEmbedder()

    def test_says_that_it_knows_no_meaning(self, caplog: pytest.LogCaptureFixture) -> None:
        """Who builds it is told what it cannot do."""
        with caplog.at_level(logging.INFO):
            HashingEmbedder()

        assert "no embedding model" in caplog.text

    @pytest.mark.parametrize("dimension", [64, 1000])
    async def test_dimensions_are_part_of_the_name(self, dimension: int) -> None:
        """Two sizes are two models, so their vectors are never compared."""
        model = HashingEmbedder(dimension)

        assert [dimension] == [len(vector) for vector in await model.embed(["word"])]
        assert model.name != HashingEmbedder(256).name

    def test_too_few_dimensions_are_refused(self) -> None:
        """With a handful of dimensions every word would be every other."""
        with pytest.raises(ValueError, match="64"):
            HashingEmbedder(63)

    async def test_answers_pings(self) -> None:
        """It is never away, opened or closed."""
        model = HashingEmbedder()

        await model.ping()
        await model.close()
