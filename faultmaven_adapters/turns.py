"""Writers in turn."""

import asyncio

from faultmaven_domain.kernel.errors import Unavailable


class Turns:
    """One writer at a time, in the order they came."""

    def __init__(self, *, patience: float) -> None:
        """``patience``: seconds a writer waits for its turn."""
        self._lock = asyncio.Lock()
        self._patience = patience
        self._holder: asyncio.Task[object] | None = None

    async def take(self) -> None:
        """Raises: Unavailable when the turn does not come; RuntimeError for a task that waits for itself."""
        task = asyncio.current_task()
        if task is not None and task is self._holder:
            raise RuntimeError("A transaction was begun inside another one of the same database; one would never end.")
        try:
            async with asyncio.timeout(self._patience):
                await self._lock.acquire()
        except TimeoutError as error:
            raise Unavailable("The database is busy; try again.") from error
        self._holder = task

    def give(self) -> None:
        self._holder = None
        self._lock.release()
