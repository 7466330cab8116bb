"""A real server in a process of its own, which a test may kill at any moment."""

import os
import signal
import subprocess
import sys
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
