from typing import Protocol, TypeVar

T = TypeVar("T")


class DataProvider(Protocol[T]):
    """Values of one kind, by their id. Each repository port specialises this with its own questions."""

    async def get(self, id: str) -> T | None: ...

    async def save(self, entity: T) -> T:
        """Insert, or replace the one with the same id."""
        ...

    async def delete(self, id: str) -> bool:
        """False where there was none."""
        ...

    async def query(self, **filters: object) -> list[T]:
        """Those whose attributes equal every filter, oldest first. Raises: TypeError on an unknown attribute."""
        ...
