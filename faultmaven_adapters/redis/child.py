"""A redis-server as a child process that dies with its owner.

The kernel's own way (``PR_SET_PDEATHSIG``) fires when the *thread* that started the child ends. Here a second, tiny
shell reads a pipe whose other end only the owner holds. However the owner dies, the pipe ends, and the shell sends the
server SIGTERM, at which it writes what it has and goes. A line in the pipe instead of its end says that the server is
gone already and its process id may be another's.
"""

import asyncio
import logging
import os
from asyncio.subprocess import Process
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from attrs import frozen

from faultmaven_domain.kernel.errors import Unavailable

from .append_only import is_meant

log = logging.getLogger(__name__)

#: How long a server may take to read its append-only file, and how long to write it when it is told to go.
START, STOP = timedelta(seconds=60), timedelta(seconds=10)

#: The shell becomes the server (so ``$$`` is the server's process id); the part in brackets stays and reads the pipe.
_WATCHED = 'umask 077; exec 3<&0 </dev/null; (read -r line || kill -TERM $$) <&3 3<&- & exec "$@" 3<&-'


class Stumbled(Unavailable):
    """The server ended over its append-only file."""


@frozen
class Child:
    process: Process
    _watch: "asyncio.Task[None]"
    _expected: asyncio.Event

    @classmethod
    async def start(cls, command: list[str], *, socket: Path, book: Path, lock: int) -> "Child":
        """The server, answering. It writes its log into ``book`` and holds the descriptor ``lock`` while it lives.

        Raises: Stumbled; Unavailable for any other reason why it does not answer.
        """
        read_so_far = _size(book)
        process, pipe = await _spawn(command, book, lock)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{process.pid}\n".encode(), 0)
        expected = asyncio.Event()
        expected.set()  # until it is ready its end is told of by the error
        child = cls(process, asyncio.create_task(_watched(process, pipe, expected, book)), expected)
        try:
            await _ready(process, socket)
        except BaseException:
            await child.stop()
            raise
        if process.returncode is None:
            expected.clear()
            return child
        await child.stop()
        said = _read(book, read_so_far)
        if is_meant(said):
            raise Stumbled(said.strip().splitlines()[-1])
        raise Unavailable(f"The embedded Redis does not start; {book} says why.")

    async def ended(self) -> None:
        """Returns when it has, for whatever reason."""
        await asyncio.shield(self._watch)

    async def stop(self) -> None:
        """Let it write what it has and wait until it is gone."""
        self._expected.set()
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()
        try:
            async with asyncio.timeout(STOP.total_seconds()):
                await asyncio.shield(self._watch)
        except TimeoutError:
            log.error("the embedded Redis did not end when told to, and is killed")
        finally:
            if self.process.returncode is None:
                with suppress(ProcessLookupError):
                    self.process.kill()
                await self._watch


async def _spawn(command: list[str], book: Path, lock: int) -> tuple[Process, int]:
    """The process and the owner's end of its pipe."""
    out = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            _WATCHED,
            "redis",
            *command,
            stdin=reading,
            stdout=out,
            stderr=out,
            pass_fds=(lock,),
            start_new_session=True,  # a Ctrl-C in the terminal is for the owner, who still needs its Redis then
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
        os.close(out)
    return process, writing


async def _watched(process: Process, pipe: int, expected: asyncio.Event, book: Path) -> None:
    try:
        status = await process.wait()
        with suppress(BrokenPipeError):
            os.write(pipe, b"ended\n")
        if not expected.is_set():
            log.error("the embedded Redis ended by itself (status %d); %s may say why", status, book)
    finally:
        os.close(pipe)


async def _ready(process: Process, socket: Path) -> None:
    """Returns when it answers, or has ended. Raises: Unavailable when it does neither for too long."""
    try:
        async with asyncio.timeout(START.total_seconds()):
            while process.returncode is None:
                if await _answers(socket):
                    return
                await asyncio.sleep(0.002)
    except TimeoutError as error:
        raise Unavailable(f"The embedded Redis took over {START.total_seconds():.0f} s to start.") from error


async def _answers(socket: Path) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    try:
        writer.write(b"PING\r\n")
        return (await reader.readline()).startswith(b"+PONG")  # "-LOADING ..." until it has read its file
    except ConnectionError:
        return False
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _size(book: Path) -> int:
    return book.stat().st_size if book.exists() else 0


def _read(book: Path, start: int) -> str:
    with book.open("rb") as lines:
        lines.seek(start)
        return lines.read().decode(errors="replace")
