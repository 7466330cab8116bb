"""Functions run in a few processes of their own: an event loop never waits for one, and none can take it down.

``concurrent.futures`` breaks the whole pool when one process dies and cannot stop a call; it and every library over
``multiprocessing`` import the program's ``__main__`` in the child, which runs a script that has no guard again. So the
child is a file of ours, started like any other program (never forked: LanceDB and ONNX Runtime have threads).
"""

import asyncio
import os
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field

from faultmaven_domain.kernel.errors import Unavailable

from .process_child import DONE, FAILED, GIVES

T = TypeVar("T")

CHILD = Path(__file__).with_name("process_child.py")
BUFFER = 2**20  # bytes read ahead of what is asked for
GRACE = 5.0  # seconds a process has to leave by itself


class WorkerDied(Unavailable):
    """The process doing this ended before it was done."""

    passes = False


class WorkerTooSlow(Unavailable):
    """This took longer than it may, and was stopped."""

    passes = False


@define(eq=False)
class Worker:
    """One process, doing one job at a time."""

    process: Process
    jobs: asyncio.StreamWriter
    replies: asyncio.StreamReader
    life_line: int  # our end of the pipe that, once closed, ends the process
    calls: int = 0
    busy: bool = False  # with a job whose end has not come yet

    @classmethod
    async def started(cls, *, python: str, seconds: int, memory_bytes: int) -> "Worker":
        """Raises: Unavailable where the system starts no process."""
        theirs, ours = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                python, "-P", str(CHILD), str(theirs), str(memory_bytes), str(seconds),
                stdin=PIPE, stdout=PIPE, pass_fds=(theirs,), limit=BUFFER,
                start_new_session=True,  # Ctrl-C is for the owner, which then ends its workers
            )  # fmt: skip
        except OSError as error:
            os.close(ours)
            raise Unavailable("No process could be started for this.") from error
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        assert process.stdin is not None
        assert process.stdout is not None
        worker = cls(process, process.stdin, process.stdout, ours)
        worker._send(pickle.dumps(sys.path))
        return worker

    def _send(self, frame: bytes) -> None:
        self.jobs.write(len(frame).to_bytes(8))
        self.jobs.write(frame)

    async def ask(self, frame: bytes | None) -> tuple[str, Any]:
        """Send a frame, if there is one, and give the next reply.

        Raises: ConnectionError or IncompleteReadError when the process ends first.
        """
        if frame is not None:
            self._send(frame)
            await self.jobs.drain()
        size = int.from_bytes(await self.replies.readexactly(8))
        said, value = pickle.loads(await self.replies.readexactly(size))
        self.busy = said not in (DONE, FAILED)
        return said, value

    def alive(self) -> bool:
        return self.process.returncode is None

    def leave(self) -> None:
        """The end of its input: an idle process exits."""
        self.jobs.close()

    def kill(self) -> None:
        if self.alive():
            with suppress(ProcessLookupError):  # gone, and not yet noted
                os.kill(self.process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        await self.process.wait()
        os.close(self.life_line)


@define(eq=False)
class ProcessOffload:
    """An ``Offload`` of at most ``workers`` processes, each started when first needed.

    A call may take ``seconds`` from the moment a process has it, a piped one that long for each piece it takes or
    gives, and ``memory_bytes`` of address space; past the first it is stopped, past the second it gets MemoryError.
    Cancelling a call stops it. A process is replaced after
    ``calls_each`` calls, so that what a native library leaks is given back. ``python`` is the interpreter to start.
    """

    workers: int = field(default=2, kw_only=True)
    seconds: int = field(default=300, kw_only=True)
    memory_bytes: int = field(default=2 * 2**30, kw_only=True)
    calls_each: int = field(default=500, kw_only=True)
    python: str = field(default=sys.executable, kw_only=True)
    _idle: list[Worker] = field(factory=list, init=False)
    _watched: dict[Worker, asyncio.Task[None]] = field(factory=dict, init=False)
    _room: asyncio.Semaphore = field(init=False)
    _closed: bool = field(default=False, init=False)

    @_room.default
    def _as_many_as_workers(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(self.workers)

    @property
    def pids(self) -> frozenset[int]:
        """The processes there are now."""
        return frozenset(worker.process.pid for worker in self._watched)

    async def run(self, function: Callable[..., T], /, *args: object) -> T:
        """What the function returns or raises; it, its arguments and its result travel by pickle.

        Raises: WorkerTooSlow, WorkerDied; Unavailable once closed, or where no process can be started.
        """
        job = pickle.dumps((function, args, False), protocol=5)
        async with self._lent() as worker:
            _, value = await self._reply(worker, job)
        result: T = value
        return result

    async def pipe(
        self, function: Callable[..., Iterator[T]], pieces: AsyncIterable[bytes], /, *args: object
    ) -> AsyncGenerator[T, None]:
        """What the generator function yields. Raises: as ``run``."""
        source = aiter(pieces)
        frame = pickle.dumps((function, args, True), protocol=5)
        try:
            async with self._lent() as worker:
                said, value = await self._reply(worker, frame)
                while said != DONE:
                    if said == GIVES:
                        yield value
                    said, value = await self._reply(worker, None if said == GIVES else await _next_of(source))
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()

    async def close(self) -> None:
        """End every process, the busy ones at once; their calls raise Unavailable."""
        self._closed = True
        for worker in self._watched:
            if worker in self._idle:
                worker.leave()
            else:
                worker.kill()
        for _ in range(self.workers):  # every call under way has left, or is refused
            await self._room.acquire()
        for _ in range(self.workers):
            self._room.release()
        if self._watched:
            await asyncio.wait(self._watched.values(), timeout=GRACE)
        for worker in self._watched:
            worker.kill()
        await asyncio.gather(*self._watched.values())

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Worker]:
        """A worker for one job; one that is left in the middle of it is ended."""
        async with self._room:
            worker = await self._taken()
            worker.calls, worker.busy = worker.calls + 1, True
            try:
                yield worker
            finally:
                if worker.busy or worker.calls >= self.calls_each:
                    worker.kill()
                else:
                    self._idle.append(worker)

    async def _reply(self, worker: Worker, frame: bytes | None) -> tuple[str, Any]:
        try:
            async with asyncio.timeout(self.seconds):
                said, value = await worker.ask(frame)
        except TimeoutError as error:
            raise WorkerTooSlow(f"This took longer than {self.seconds} seconds, and was stopped.") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._death(worker) from error
        if said == FAILED:
            raise value
        return said, value

    async def _taken(self) -> Worker:
        while self._idle and not self._closed:
            if (worker := self._idle.pop()).alive():
                return worker
        if not self._closed:
            worker = await Worker.started(python=self.python, seconds=self.seconds, memory_bytes=self.memory_bytes)
            self._watched[worker] = watch = asyncio.create_task(worker.gone())
            watch.add_done_callback(lambda _: self._watched.pop(worker))
            if not self._closed:
                return worker
            worker.kill()
        raise Unavailable("This server is shutting down.")

    async def _death(self, worker: Worker) -> Unavailable:
        if self._closed:
            return Unavailable("This server is shutting down.")
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await worker.process.wait()
        worker.kill()
        return WorkerDied(f"The process doing this ended before it was done ({how(await worker.process.wait())}).")


def how(exit_code: int) -> str:
    """An exit code of ``asyncio``'s in words: minus a signal's number where one ended it."""
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"


async def _next_of(source: AsyncIterator[bytes]) -> bytes:
    """The next piece that is not empty; an empty one at the end."""
    async for piece in source:
        if piece:
            return piece
    return b""
