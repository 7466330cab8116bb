"""The only way to a server on this machine, which may be shut: then nobody gets in, and who was inside is put out."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

from attrs import define, field

PIECE = 64 * 1024
T = TypeVar("T")


@define
class Door:
    """``behind`` is the server's port; ``port`` is its own, the same one each time it is opened."""

    behind: int
    port: int = field(default=0, init=False)
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)
    _inside: set[asyncio.StreamWriter] = field(factory=set, init=False)
    _left: int | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        self._done(self._open())

    def shut(self) -> None:
        self._done(self._shut())

    def shut_after(self, sent: int) -> None:
        """Once so many bytes more went in."""
        self._left = sent

    def _done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._left = None
        self._server = await asyncio.start_server(self._let_in, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            for socket in server.sockets:
                self._loop.remove_reader(socket)
            for _ in range(5):  # who was taken in already would be left lying, were the server closed meanwhile
                await asyncio.sleep(0)
            server.close()
        for writer in list(self._inside):
            writer.transport.abort()

    async def _emptied(self) -> None:
        """Shut for good, with nobody left inside."""
        await self._shut()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        await asyncio.sleep(0)  # until the connections' ends were told

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._inside.add(writer)
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.behind)
            self._inside.add(onward)
            try:
                await asyncio.gather(self._carried(reader, onward, True), self._carried(there, writer, False))
            finally:
                self._inside.discard(onward)
                onward.close()
        finally:
            self._inside.discard(writer)
            writer.close()

    async def _carried(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, inward: bool) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(PIECE):
                to.write(piece)
                await to.drain()
                if inward and self._left is not None:
                    self._left -= len(piece)
                    if self._left < 0:
                        await self._shut()
        to.close()


@contextmanager
def door_to(address: str) -> Iterator[Door]:
    """An open one."""
    port = urlsplit(address).port
    assert port is not None
    door = Door(port)
    thread = threading.Thread(target=door._loop.run_forever, daemon=True)
    thread.start()
    try:
        door.open()
        yield door
    finally:
        door._done(door._emptied())
        door._loop.call_soon_threadsafe(door._loop.stop)
        thread.join()
        door._loop.close()
