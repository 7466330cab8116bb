"""An ``Offload`` without processes: a thread runs the function, and cannot be stopped or limited."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class InlineOffload:
    async def run(self, function: Callable[..., T], /, *args: object) -> T:
        """What the function returns or raises."""
        return await asyncio.to_thread(function, *args)

    async def close(self) -> None:
        """Nothing is held."""
