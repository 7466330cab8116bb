"""A process that dies at a chosen moment, so that a test can see what is left."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

from attrs import define


class Killed(BaseException):
    """What a use-case meets instead of the next line, as with SIGKILL: nothing catches it."""


@define
class Fate:
    """Lets ``steps`` moments pass, then kills. Shared by every port of one process."""

    steps: int

    def step(self) -> None:
        if self.steps == 0:
            raise Killed
        self.steps -= 1

    def over(self, port: Any) -> Any:
        """The same port in a mortal process: it may die before a call, after it, and before or after a commit."""
        return _Mortal(port, self)


class _Mortal:
    def __init__(self, port: Any, fate: Fate) -> None:
        self._port, self._fate = port, fate

    def __getattr__(self, name: str) -> Any:
        reached = getattr(self._port, name)
        if name in {"begin", "view"}:
            return partial(self._block, reached)
        return self._call(reached) if callable(reached) else reached

    @asynccontextmanager
    async def _block(self, begin: Callable[..., AbstractAsyncContextManager[Any]], **how: Any) -> AsyncIterator[Any]:
        self._fate.step()
        async with begin(**how) as unit:
            yield unit
            self._fate.step()
        self._fate.step()

    def _call(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self._fate.step()
            result = await function(*args, **kwargs)
            self._fate.step()
            return result

        return call
