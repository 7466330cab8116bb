"""PgBouncer, as Debian packages it, before a server of the tests': with its own defaults, but that anybody may come in.

Where there is none its tests are skipped; PGBOUNCER names another program than the one on the PATH.
"""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from pwd import getpwuid
from tempfile import mkdtemp

import pytest

from tests.adapters.postgres_server import SOMEBODY, PostgresServer
from tests.adapters.redis_processes import _watched, a_port

PATIENCE = 30.0


@contextmanager
def a_pooler(server: PostgresServer, **settings: object) -> Iterator[int]:
    """The port of one that answers; ``settings`` are PgBouncer's. It dies with this process."""
    program, port, home = _program(), a_port(), Path(mkdtemp(prefix="fmpgb-", dir="/tmp"))
    if os.geteuid() == 0:  # as which it does not run
        os.chown(home, SOMEBODY, SOMEBODY)
    log, book = home / "log", home / "ini"
    fixed = {"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "", "auth_type": "any", "logfile": log}
    lines = "".join(f"{name} = {value}\n" for name, value in (fixed | settings).items())
    book.write_text(f"[databases]\n* = host={server.data.parent} user=postgres\n[pgbouncer]\n{lines}")
    who = ["-u", getpwuid(SOMEBODY).pw_name] if os.geteuid() == 0 else []
    with _watched([program, "-q", *who, str(book)]) as process:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            assert time.monotonic() < deadline, log.read_text() if log.exists() else process.args
            time.sleep(0.01)
        yield port
    shutil.rmtree(home)


def _program() -> str:
    """Skips the test where there is none."""
    found = os.environ.get("PGBOUNCER") or shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        pytest.skip("There is no pgbouncer here; `apt-get install pgbouncer`, or name one in PGBOUNCER.")
    return found


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
