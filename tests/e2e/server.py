"""A real server in a process of its own, which a test may kill at any moment."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from attrs import define, field


@define
class Server:
    """``faultmaven serve`` over a data directory; its address is there once it is up."""

    data: Path
    environment: dict[str, str] = field(factory=dict)
    words: tuple[str, ...] = ()
    url: str = ""
    _process: "subprocess.Popen[str] | None" = None

    def start(self) -> "Server":
        command = [sys.executable, "-m", "faultmaven_http.cli", "serve", "--data-dir", str(self.data), "--port", "0"]
        command += self.words
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, f"the server did not start:\n{self.log.read_text()[-3000:]}"
        return self

    @property
    def log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL to the whole process group: nothing gets to say good-bye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, as a supervisor does; gives the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        self._process = None
        if number is signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        code = process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()
        return code


@define
class Worker:
    """``faultmaven worker`` beside a server on the same data directory."""

    data: Path
    environment: dict[str, str] = field(factory=dict)
    _process: "subprocess.Popen[str] | None" = None

    def start(self) -> "Worker":
        """Returns when it is ready."""
        command = [sys.executable, "-m", "faultmaven_http.cli", "worker", "--data-dir", str(self.data)]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command, stderr=log, env={**os.environ, **self.environment}, start_new_session=True, text=True
            )
        while "The worker is ready." not in self.log.read_text():
            assert self._process.poll() is None, self.log.read_text()[-3000:]
            time.sleep(0.02)
        return self

    @property
    def log(self) -> Path:
        return self.data.with_name(f"worker-{id(self)}.log")

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to the whole process group."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=30)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
