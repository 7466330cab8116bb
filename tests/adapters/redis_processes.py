"""Redis as operators run it: servers on ports, Sentinels beside them, a cluster. Each dies with the process it serves.

The servers are the bundled ones, which the tests of each process start once and share.
"""

import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen
from redis import Redis
from redis.exceptions import RedisError

from faultmaven_adapters.redis.child import _WATCHED
from faultmaven_adapters.redis.embedded import _program

SLOTS = 16_384
PATIENCE = 30.0  # lest a broken one hang the suite


@frozen
class Server:
    process: "subprocess.Popen[bytes]"
    port: int
    password: str | None = None

    @property
    def host(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def asked(self, *words: str | int) -> Any:
        with Redis(port=self.port, password=self.password, decode_responses=True) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def a_server(directory: Path, *words: str, password: str | None = None) -> Iterator[Server]:
    """Answering. A cluster's server takes the port 10,000 above its own as well."""
    port = a_port()
    directory.mkdir(parents=True, exist_ok=True)
    fixed = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", "", "--loglevel", "warning")
    guarded = () if password is None else ("--requirepass", password)
    with _watched([_program(None), *fixed, *guarded, *words]) as process:
        server = Server(process, port, password)
        until(lambda: server.asked("PING"))
        yield server


@contextmanager
def a_sentinel(
    directory: Path, primary: Server, *, password: str | None = None, patience: int = 30_000
) -> Iterator[Server]:
    """One whose word is enough. ``patience`` is for how many milliseconds a primary may be silent."""
    directory.mkdir(parents=True, exist_ok=True)
    name, port, book = "main", a_port(), directory / "sentinel.conf"
    book.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {directory}\nsentinel monitor {name} 127.0.0.1 {primary.port} 1\n"
        f"sentinel down-after-milliseconds {name} {patience}\nsentinel failover-timeout {name} 2000\n"
        + (f"requirepass {password}\n" if password is not None else "")
    )
    with _watched([_program(None), str(book), "--sentinel", "--loglevel", "warning"]) as process:
        sentinel = Server(process, port, password)
        until(lambda: sentinel.asked("PING"))
        yield sentinel


@contextmanager
def a_cluster(directory: Path, *words: str, primaries: int = 3, replicas: int = 0) -> Iterator[list[Server]]:
    """The primaries, and then the replicas of the first of them."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(a_server(directory / str(n), "--cluster-enabled", "yes", "--appendonly", "no", *words))
            for n in range(primaries + replicas)
        ]
        share = -(-SLOTS // primaries)
        for n, server in enumerate(servers):
            server.asked("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            if n < primaries:
                server.asked("CLUSTER", "ADDSLOTS", *range(n * share, min(SLOTS, (n + 1) * share)))
            if n:
                server.asked("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
        first = servers[0].asked("CLUSTER", "MYID")
        for replica in servers[primaries:]:
            until(lambda one=replica: first in str(one.asked("CLUSTER", "NODES")))  # type: ignore[misc]
            replica.asked("CLUSTER", "REPLICATE", first)
        for server in servers:
            until(lambda one=server: is_well(one, len(servers)))  # type: ignore[misc]
        yield servers


def is_well(server: Server, known: int) -> bool:
    said = server.asked("CLUSTER", "INFO")
    return "cluster_state:ok" in said and f"cluster_known_nodes:{known}\r" in said


def until(so: Any) -> None:
    """Returns when it is so; what it raises of Redis meanwhile is not yet."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            if so():
                return
        except (RedisError, OSError):
            pass
        assert time.monotonic() < give_up, "it has not come about"
        time.sleep(0.005)


def a_port() -> int:
    """A free one, whose neighbour 10,000 above is free too; below those that the system gives away by itself."""
    while True:
        port = random.randrange(11_000, 22_000)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port


@contextmanager
def _watched(command: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """With the shell beside it that ends it when this process is no more."""
    shell = ["/bin/sh", "-c", _WATCHED, "redis", *command]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            with suppress(BrokenPipeError):
                assert process.stdin is not None
                process.stdin.write(b"ended\n")
                process.stdin.flush()
