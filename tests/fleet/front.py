"""One address before several: each connection goes to the next process in turn, and past one that is down."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from urllib.parse import urlsplit

from attrs import define, field


@contextmanager
def front(urls: Sequence[str]) -> Iterator[str]:
    """Its address. Whoever keeps no connection open has each request answered by another process than the last."""
    started: threading.Event = threading.Event()
    dealer = _Dealer([(str(url.hostname), int(url.port or 80)) for url in map(urlsplit, urls)], started)
    thread = threading.Thread(target=asyncio.run, args=(dealer.run(),), daemon=True)
    thread.start()
    started.wait()
    try:
        yield f"http://127.0.0.1:{dealer.port}"
    finally:
        dealer.stop()
        thread.join()


@define
class _Dealer:
    places: list[tuple[str, int]]
    started: threading.Event
    port: int = 0
    _turn: Iterator[int] = field(factory=count, init=False)
    _dealing: "set[asyncio.Task[None]]" = field(factory=set, init=False)
    _stopping: asyncio.Event = field(init=False)
    _loop: asyncio.AbstractEventLoop = field(init=False)

    async def run(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        await self._stopping.wait()
        server.close()
        for one in self._dealing:
            one.cancel()
        await asyncio.gather(*self._dealing, return_exceptions=True)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._deal(reader, writer))
        self._dealing.add(task)
        task.add_done_callback(self._dealing.discard)

    async def _deal(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, ends = next(self._turn), [writer]
        try:
            for n in range(len(self.places)):
                try:
                    inner, outer = await asyncio.open_connection(*self.places[(first + n) % len(self.places)])
                except OSError:
                    continue
                ends.append(outer)
                await asyncio.gather(_copied(reader, outer), _copied(inner, writer))
                return
        finally:
            for end in ends:
                end.close()
                with suppress(OSError):
                    await end.wait_closed()


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
