"""What every EmbeddingModel promises. An adapter's test class inherits this and gives `model`."""

import asyncio
import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from faultmaven_domain.knowledge import EmbeddingModel

#: One model serves all examples; and the suite is run by several classes.
INHERITED = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors)
TEXTS = [
    "The pod keeps restarting after the rollout.",
    "Disk full",
    "etcd lost its leader three times within the hour, and writes took more than ten seconds each time.",
    "certificate expired",
]
LONG = "connection refused by 10.0.0.7 " * 4000


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def same(one: list[list[float]], other: list[list[float]]) -> bool:
    return all(cosine(a, b) > 1 - 1e-6 for a, b in zip(one, other, strict=True))


class EmbeddingModelContract:
    @pytest.fixture
    def model(self) -> EmbeddingModel:
        raise NotImplementedError

    @pytest.fixture
    def trained(self) -> bool:
        """False for random weights, to which nothing is like anything."""
        return True

    @given(text=st.text(st.characters(), max_size=200))
    @example(text="")
    @example(text=" \n\t ")
    @example(text="a\x00b")
    @example(text="broken \ud800 surrogate")
    @example(text="Größe überschritten: 磁盘已满 💥 \u202eابجد")
    @settings(max_examples=30, deadline=None, suppress_health_check=INHERITED)
    async def test_any_text_has_a_vector_of_unit_length(self, model: EmbeddingModel, text: str) -> None:
        """Whatever a file held, its vector has the promised dimension and the length 1."""
        [vector] = await model.embed([text])

        assert len(vector) == model.dimension
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)

    async def test_nothing_for_nothing(self, model: EmbeddingModel) -> None:
        """No texts, no vectors."""
        assert await model.embed([]) == []

    async def test_keeps_the_order(self, model: EmbeddingModel) -> None:
        """The vectors come in the order of the texts, whatever their lengths."""
        alone = [(await model.embed([text]))[0] for text in TEXTS]

        assert same(alone, await model.embed(TEXTS))
        assert same(alone[::-1], await model.embed(TEXTS[::-1]))
        assert not same(alone, await model.embed(TEXTS[::-1]))

    async def test_a_vector_does_not_depend_on_its_company(self, model: EmbeddingModel) -> None:
        """A text has the same vector alone, twice in one call, and beside one that is much longer."""
        [alone] = await model.embed([TEXTS[1]])
        first, _, again = await model.embed([TEXTS[1], LONG, TEXTS[1]])

        assert same([alone, alone], [first, again])

    async def test_reads_the_beginning_of_what_is_too_long(self, model: EmbeddingModel) -> None:
        """A text beyond any length is cut, not refused, and has a vector like its beginning's."""
        [whole] = await model.embed([LONG])
        [beginning] = await model.embed([LONG[:20_000]])

        assert cosine(whole, beginning) > 0.99

    async def test_calls_at_once_do_not_mix(self, model: EmbeddingModel) -> None:
        """Each of many calls at the same time gets its own vectors."""
        alone = [await model.embed(TEXTS[: n % 4 + 1]) for n in range(12)]

        for one, other in zip(
            alone, await asyncio.gather(*(model.embed(TEXTS[: n % 4 + 1]) for n in range(12))), strict=True
        ):
            assert same(one, other)

    async def test_like_is_near_like(self, model: EmbeddingModel, trained: bool) -> None:
        """A text is nearer to one that says the same in nearly the same words than to one that says something else."""
        if not trained:
            pytest.skip("Random weights liken nothing.")
        text, near, far = await model.embed(
            ["The disk of the database is full.", "the database disk is full", "Renew the certificate before Friday."]
        )

        assert cosine(text, near) > cosine(text, far) + 0.1

    async def test_is_called_something(self, model: EmbeddingModel) -> None:
        """Its name tells it from others, and stays."""
        before = model.name
        await model.embed(TEXTS)

        assert before.strip()
        assert before == model.name
