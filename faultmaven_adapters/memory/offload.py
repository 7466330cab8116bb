"""An ``Offload`` without processes: a thread runs the function, and cannot be stopped or limited."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from attrs import frozen

T = TypeVar("T")
_END: Any = object()


@frozen
class InlineOffload:
    async def run(self, function: Callable[..., T], /, *args: object) -> T:
        """What the function returns or raises."""
        return await asyncio.to_thread(function, *args)

    async def pipe(
        self, function: Callable[..., Iterator[T]], pieces: AsyncIterable[bytes], /, *args: object
    ) -> AsyncGenerator[T, None]:
        """What the generator function yields; its thread waits for each piece, and between them there is none."""
        loop, source = asyncio.get_running_loop(), aiter(pieces)

        def asked_for() -> Iterator[bytes]:
            while piece := asyncio.run_coroutine_threadsafe(_next_of(source), loop).result():
                yield piece

        values = function(asked_for(), *args)
        try:
            while (value := await asyncio.to_thread(next, values, _END)) is not _END:
                yield value
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def close(self) -> None:
        """Nothing is held."""


async def _next_of(source: AsyncIterator[bytes]) -> bytes:
    """The next piece that is not empty; an empty one at the end."""
    async for piece in source:
        if piece:
            return piece
    return b""
