"""One command of the project as a process, from its start to its sudden or orderly end, again and again."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

from attrs import define, field

from .processes import kill_tree

#: How long a start or an orderly end may take, in seconds.
START, STOP = 90.0, 60.0
#: What the two long-running commands say when they are up.
SERVING, WORKING = re.compile(rb"^http://\S+$", re.M), re.compile(rb"The worker is ready\.")
PLAIN = {"MODEL_DOWNLOAD": "false", "LOG_LEVEL": "info", "ACCESS_TOKEN_MINUTES": "600"}


class DidNotStart(Exception):
    """The process ended, or took too long, before it said that it was up."""


@define(eq=False)
class Life:
    """``words`` are the command's; what it says goes into ``log``, all its lives one after the other."""

    words: tuple[str, ...]
    log: Path
    ready: "re.Pattern[bytes]"
    environment: Mapping[str, str] = field(factory=dict)
    #: When the present process was started, on the machine's running clock.
    started_at: float = 0.0
    _process: "subprocess.Popen[bytes] | None" = None
    _said_before: int = 0

    def start(self) -> None:
        """Returns at once; :meth:`wait` tells when it is up."""
        assert self._process is None
        with self.log.open("ab") as log:
            self._said_before = log.tell()
            self.started_at = time.monotonic()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faultmaven_http.cli", *self.words],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **PLAIN, **self.environment},
                start_new_session=True,
            )

    def up(self) -> bool:
        """Whether it lives and has said that it is ready."""
        return self.lives() and self.ready.search(self._said()) is not None

    def wait(self) -> float:
        """Until it is up; gives how long that took from its start, in seconds. Raises: DidNotStart."""
        while not self.up():
            took = time.monotonic() - self.started_at
            if not self.lives() or took > START:
                raise DidNotStart(f"{' '.join(self.words)} after {took:.1f} s:\n{self._said().decode()[-3000:]}")
            time.sleep(0.01)
        return time.monotonic() - self.started_at

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ended(self) -> int | None:
        """The exit code of a process that ended by itself."""
        return self._process.poll() if self._process is not None else None

    def kill(self, random: Random) -> None:
        """SIGKILL to it and everything below it."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            kill_tree(process.pid, random)
            process.wait()

    def stop(self) -> int:
        """SIGTERM, as a supervisor does; gives the exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=STOP)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid, Random(0))
            process.wait()
            return -int(signal.SIGKILL)

    def _said(self) -> bytes:
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            return log.read()


def server(data: Path, port: int, environment: Mapping[str, str], *, log: Path | None = None) -> Life:
    words = ("serve", "--data-dir", str(data), "--port", str(port))
    return Life(words, log or data.with_name("server.log"), SERVING, environment)


def worker(data: Path, name: str, environment: Mapping[str, str]) -> Life:
    return Life(("worker", "--data-dir", str(data)), data.with_name(f"{name}.log"), WORKING, environment)


def command(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself."""
    environment = {**os.environ, **PLAIN}
    whole = [sys.executable, "-m", "faultmaven_http.cli", *words, "--data-dir", str(data)]
    return subprocess.run(whole, capture_output=True, text=True, env=environment, timeout=120, check=False)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
