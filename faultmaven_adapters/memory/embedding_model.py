import hashlib
import logging
import math
import re
from collections import Counter
from collections.abc import Sequence

from attrs import define, field, validators

log = logging.getLogger(__name__)

_WORD = re.compile(r"[^\W_]+")


@define
class HashingEmbedder:
    """Words hashed to signed dimensions (Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning").

    Texts are near where they share words, and nothing is known of meaning: for tests, and for library use that can do
    without a model, as it says when it is built.
    """

    dimension: int = field(default=256, validator=validators.ge(64))

    def __attrs_post_init__(self) -> None:
        log.info("Texts are compared by the words they share, not by meaning: no embedding model is used.")

    @property
    def name(self) -> str:
        return f"hashing-{self.dimension}"

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(text) for text in texts]

    async def ping(self) -> None:
        """It always answers."""

    async def close(self) -> None:
        """Nothing is held open."""

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.dimension
        for word, count in Counter(_WORD.findall(text.casefold())).items():
            hashed = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest())
            vector[(hashed >> 1) % self.dimension] += (1 if hashed & 1 else -1) * (1 + math.log(count))
        length = math.hypot(*vector)
        if not length:  # no words, or words that cancel out
            return [1.0] + [0.0] * (self.dimension - 1)
        return [value / length for value in vector]
