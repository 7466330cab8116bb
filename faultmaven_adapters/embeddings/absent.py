from collections.abc import Sequence

from attrs import frozen

from faultmaven_domain.kernel.errors import Unavailable


@frozen
class AbsentModel:
    """No embedding model is at hand: everything is found by full text alone, and says so."""

    why: str

    @property
    def name(self) -> str:
        return "none"

    @property
    def dimension(self) -> int:
        return 0

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise Unavailable("No embedding model is installed.")

    async def ping(self) -> None:
        raise Unavailable(self.why)

    async def close(self) -> None:
        """Nothing is held open."""
