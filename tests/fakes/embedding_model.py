import math
from collections.abc import Awaitable, Callable, Sequence
from zlib import crc32

from attrs import define, field

#: Words of one meaning, for the model.
_SAME = {"pods": "container", "pod": "container", "containers": "container", "crashes": "dies", "crashed": "dies"}


@define
class FakeModel:
    """Words point somewhere, texts where most of their words do. It remembers what it was given and does as it is told:
    before each call it runs what is next in ``meanwhile``, and raises what is next in ``failures``."""

    name: str = "fake/1"
    dimension: int = 512
    given: list[tuple[str, ...]] = field(factory=list)
    meanwhile: list[Callable[[], Awaitable[object]]] = field(factory=list)
    failures: list[Exception] = field(factory=list)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.given.append(tuple(texts))
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        if self.failures:
            raise self.failures.pop(0)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.dimension
        for word in "".join(c if c.isalnum() else " " for c in text.lower()).split():
            vector[crc32(_SAME.get(word, word).encode()) % self.dimension] += 1.0
        length = math.hypot(*vector) or 1.0
        return [value / length for value in vector]
