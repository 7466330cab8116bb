"""What stands before a server of Redis: TLS that it has none of, or a name that leads to another some day."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


@asynccontextmanager
async def a_door(behind: Callable[[], int], context: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[int]:
    """Its port. ``behind`` says for each visitor which port it leads to; who is there when it closes is put out."""
    visits: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", behind())
        ways = {asyncio.create_task(carry(reader, onward)), asyncio.create_task(carry(there, writer))}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, onward):
                end.transport.abort()

    async def carry(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while piece := await source.read(65_536):
                to.write(piece)
                await to.drain()

    def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.add(asyncio.create_task(visit(reader, writer)))

    server = await asyncio.start_server(come, "127.0.0.1", port, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for one in visits:
            one.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
