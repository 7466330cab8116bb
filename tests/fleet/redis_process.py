"""A redis-server of the wheel's at a port, as hosts share one; it may be stopped and started over its file."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from attrs import define, field

from faultmaven_adapters.redis.embedded import _program
from tests.faults.life import free_port

PATIENCE = 30.0


@define
class RedisProcess:
    """What it acknowledged is in its append-only file, also when it is killed."""

    directory: Path
    port: int = field(factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def log(self) -> Path:
        return self.directory / "redis.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "RedisProcess":
        """Returns once it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = {"bind": "127.0.0.1", "port": self.port, "dir": self.directory, "save": "", "appendonly": "yes"}
        words = [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [_program(None), *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text()[-2_000:]
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.005)
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(timeout=PATIENCE)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")  # "-LOADING ..." until it has read its file
        except OSError:
            return False
