import asyncio
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from faultmaven_adapters.redis.child import _spawn
from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.embedded import EmbeddedRedis, embedded_redis, socket_of
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable

#: A process that starts a server, says so, and then does nothing until it is killed.
OWNER = """
import asyncio, sys
from pathlib import Path
from faultmaven_adapters.redis.embedded import embedded_redis

async def own() -> None:
    async with embedded_redis(Path(sys.argv[1])) as server:
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(own())
"""


@contextmanager
def an_owner(directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as owner:
        assert owner.stdout is not None
        try:
            assert int(owner.stdout.readline())
            yield owner
        finally:
            owner.kill()


def wait_until_free(directory: Path) -> None:
    """Returns when no process holds the directory's lock any more: neither a server nor the shell beside it."""
    give_up = time.monotonic() + 20  # lest a broken one hang the suite
    with (directory / "redis.lock").open() as lock:
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                assert time.monotonic() < give_up, "somebody still holds the lock"
                time.sleep(0.002)


async def ask(server: EmbeddedRedis | Path, *words: str) -> object:
    client = connect(server.socket if isinstance(server, EmbeddedRedis) else server)
    try:
        return await client.execute_command(*words)  # type: ignore[no-untyped-call]
    finally:
        await close(client)


async def test_answers_on_a_socket_and_no_port(tmp_path: Path) -> None:
    """The server listens on a socket for its user alone, and on no port."""
    async with embedded_redis(tmp_path / "redis") as server:
        assert await ask(server, "PING")
        assert await ask(server, "CONFIG", "GET", "port") == [b"port", b"0"]
        assert server.socket == tmp_path / "redis" / "redis.sock" == socket_of(tmp_path / "redis")
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    files = [tmp_path / "redis", *(tmp_path / "redis").iterdir()]
    assert not any(file.stat().st_mode & 0o077 for file in files)


async def test_is_gone_with_its_block(tmp_path: Path) -> None:
    """After the block neither the server, nor its socket, nor the shell beside it is left."""
    async with embedded_redis(tmp_path) as server:
        pass

    wait_until_free(tmp_path)
    assert not server.socket.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


async def test_is_gone_when_its_block_fails(tmp_path: Path) -> None:
    """An error inside ends the server too, and stays the error."""
    with pytest.raises(ZeroDivisionError):
        async with embedded_redis(tmp_path):
            1 / 0  # noqa: B018

    wait_until_free(tmp_path)


async def test_keeps_what_it_was_given(tmp_path: Path) -> None:
    """The next server over the same directory has what the last one had."""
    async with embedded_redis(tmp_path) as server:
        await ask(server, "SET", "k", "v")
    async with embedded_redis(tmp_path) as server:
        assert await ask(server, "GET", "k") == b"v"


def test_dies_with_a_killed_owner(tmp_path: Path) -> None:
    """A SIGKILL of the owner ends the server within moments, and loses nothing it had acknowledged."""
    with an_owner(tmp_path) as owner:
        asyncio.run(ask(socket_of(tmp_path), "SET", "k", "v"))
        owner.kill()
        owner.wait()

    wait_until_free(tmp_path)
    with pytest.raises((ConnectionError, FileNotFoundError)):
        asyncio.run(asyncio.open_unix_connection(socket_of(tmp_path)))

    async def again() -> object:
        async with embedded_redis(tmp_path) as server:
            return await ask(server, "GET", "k")

    assert asyncio.run(again()) == b"v"


async def test_starts_right_after_a_kill(tmp_path: Path) -> None:
    """An owner that comes at the very moment its predecessor is killed waits for the old server and has all it knew."""
    with an_owner(tmp_path) as owner:
        await ask(socket_of(tmp_path), "SET", "k", "v")
        owner.kill()
        async with embedded_redis(tmp_path) as server:
            assert await ask(server, "GET", "k") == b"v"
            assert await ask(server, "CONFIG", "GET", "appendonly") == [b"appendonly", b"yes"]


async def test_an_interrupt_from_the_terminal_is_for_the_owner(tmp_path: Path) -> None:
    """The server is in no process group of its owner's, so a Ctrl-C does not take it away first."""
    async with embedded_redis(tmp_path) as server:
        assert os.getpgid(server.pid) != os.getpgid(0)
        assert os.getsid(server.pid) != os.getsid(0)


def test_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    """The owner is the process: the end of the thread that started the server does not end the server."""
    with asyncio.Runner() as runner:
        context = embedded_redis(tmp_path)
        started: list[EmbeddedRedis] = []
        thread = threading.Thread(target=lambda: started.append(runner.run(context.__aenter__())))
        thread.start()
        thread.join()

        assert runner.run(ask(started[0], "PING"))
        runner.run(context.__aexit__(None, None, None))


async def test_is_followed_by_another_when_it_ends_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that dies in the block is told of in the log, and another has all it knew, at the same place."""
    async with embedded_redis(tmp_path) as server:
        first = server.pid
        await ask(server, "SET", "k", "v")
        client = connect(server.socket)
        assert await client.get("k") == b"v"
        os.kill(first, signal.SIGKILL)
        while server.pid == first:  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(0.002)

        assert await client.get("k") == b"v"
        await close(client)
        assert "ended by itself" in caplog.text
        os.kill(server.pid, 0)
    wait_until_free(tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


async def test_one_that_has_only_just_ended_is_not_waited_for(tmp_path: Path) -> None:
    """Whoever leaves the block while the server is away leaves nothing behind."""
    async with embedded_redis(tmp_path) as server:
        os.kill(server.pid, signal.SIGKILL)

    wait_until_free(tmp_path)


@pytest.mark.parametrize(("line", "end"), [(b"ended\n", -signal.SIGKILL), (b"", -signal.SIGTERM)])
async def test_the_shell_kills_nobody_once_it_was_told(tmp_path: Path, line: bytes, end: int) -> None:
    """A line in the pipe sends the shell away as it is; the pipe's end alone makes it kill."""
    # The program lets go of its output, so that the pipe it goes to ends with the shell beside it.
    os.mkfifo(tmp_path / "said")
    said = os.open(tmp_path / "said", os.O_RDONLY | os.O_NONBLOCK)
    lock = os.open(tmp_path / "redis.lock", os.O_RDWR | os.O_CREAT)
    program = ["/bin/sh", "-c", "echo let go; exec sleep 600 >/dev/null 2>&1"]
    process, pipe = await _spawn(program, tmp_path / "said", lock)
    try:
        async with asyncio.timeout(20):  # lest a broken one hang the suite
            await until(said, lambda read: read != b"")
            os.write(pipe, line)
            os.close(pipe)
            await until(said, lambda read: read == b"")
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)  # process.kill() would take the exit status from whoever waits for it
        os.close(said)
        os.close(lock)

    assert await process.wait() == end
    wait_until_free(tmp_path)


async def until(pipe: int, expected: Callable[[bytes], bool]) -> None:
    while True:
        with suppress(BlockingIOError):
            if expected(os.read(pipe, 100)):
                return
        await asyncio.sleep(0.002)


async def test_two_owners_of_one_directory(tmp_path: Path) -> None:
    """The second is refused, with the process id of the first's server, which does not notice."""
    async with embedded_redis(tmp_path) as server:
        with pytest.raises(Unavailable, match=f"process {server.pid}"):
            async with embedded_redis(tmp_path, patience=timedelta(milliseconds=20)):
                pass
        assert await ask(server, "PING")


@pytest.mark.parametrize("depth", [1, 3])
async def test_a_path_too_long_for_a_socket(tmp_path: Path, depth: int) -> None:
    """Where the directory's path is too long, the socket is in a private temporary directory, found the same way."""
    directory = tmp_path.joinpath(*["ü" * 60] * depth)
    async with embedded_redis(directory) as server:
        assert len(os.fsencode(server.socket)) <= 100
        assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
        assert socket_of(directory) == server.socket
        assert await ask(socket_of(directory), "PING")

    assert not server.socket.parent.exists()
    assert not (directory / "redis.sock").is_symlink()


async def test_takes_over_what_a_killed_owner_left(tmp_path: Path) -> None:
    """A stale socket, or a link to one in a temporary directory, is cleared away at the next start."""
    directory = tmp_path / ("x" * 120)
    with an_owner(directory):
        stale = socket_of(directory)
        assert stale.exists()
    async with embedded_redis(directory) as server:
        assert await ask(server, "PING")
        assert server.socket != stale
        assert not stale.parent.exists()


async def test_a_cut_tail_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Half a command at the end of the file, as a power cut leaves it, costs that command alone."""
    await with_tail(tmp_path, b"*3\r\n$3\r\nSET\r\n$4\r\nla")

    async with embedded_redis(tmp_path) as server:
        assert await ask(server, "KEYS", "*") == [b"k"]
    assert caplog.text == ""


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"garbage\r\n"])
async def test_a_garbled_tail_is_repaired(tmp_path: Path, tail: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Nonsense at the end of the file does not stop the start, and what is before it is kept."""
    await with_tail(tmp_path, tail)

    async with embedded_redis(tmp_path) as server:
        known = await ask(server, "KEYS", "*")

    assert "cannot read its append-only file" in caplog.text
    assert known == [b"k"]


@pytest.mark.parametrize("content", [b"REDIS0009" + bytes(range(256)), b"*1\r\n$5\r\nBLAST\r\n"])
async def test_a_hopeless_file_is_set_aside(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A file of which nothing can be read is kept under another name, and the server starts empty."""
    (tmp_path / "appendonly.aof").write_bytes(content)

    async with embedded_redis(tmp_path) as server:
        assert await ask(server, "DBSIZE") == 0

    [kept] = find(tmp_path, "damaged-*/appendonly.aof")
    assert kept.read_bytes().startswith(content[:9])
    assert "starts empty" in caplog.text


def find(directory: Path, pattern: str) -> list[Path]:
    return list(directory.glob(pattern))


async def with_tail(directory: Path, tail: bytes) -> None:
    async with embedded_redis(directory) as server:
        await ask(server, "SET", "k", "v")
    with (directory / "appendonly.aof").open("ab") as file:
        file.write(tail)


async def test_a_newer_servers_file_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What a newer Redis wrote is not silently passed over."""
    (tmp_path / "appendonlydir").mkdir()

    async with embedded_redis(tmp_path):
        pass

    assert "REDIS_SERVER" in caplog.text


async def test_a_program_that_is_none(tmp_path: Path) -> None:
    """A REDIS_SERVER that cannot be run is a bad setting, named."""
    with pytest.raises(Misconfigured, match="REDIS_SERVER: /nowhere/redis-server") as caught:
        async with embedded_redis(tmp_path, server="/nowhere/redis-server"):
            pass

    assert caught.value.details == {"field": "REDIS_SERVER"}


async def test_a_server_that_does_not_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A program that ends at once is told of with the place of its log; the directory is free, its file untouched."""
    (tmp_path / "appendonly.aof").write_bytes(b"")
    with pytest.raises(Unavailable, match=r"redis\.log"):
        async with embedded_redis(tmp_path, server="false"):
            pass

    wait_until_free(tmp_path)
    assert (tmp_path / "appendonly.aof").exists()
    assert caplog.text == ""


async def test_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    """Called off while the server starts, the owner takes it along."""
    # A program that neither ends nor answers.
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\necho here\nexec sleep 600\n")
    silent.chmod(0o755)

    async def start() -> None:
        async with embedded_redis(tmp_path, server=str(silent)):
            pass

    starting = asyncio.create_task(start())
    log = tmp_path / "redis.log"
    while not (log.exists() and log.read_text()):  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    wait_until_free(tmp_path)
