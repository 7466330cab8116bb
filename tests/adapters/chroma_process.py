"""ChromaDB's own server as a process, which may be stopped and started again over the same folder."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
from attrs import define, field

#: In seconds, for a busy machine.
PATIENCE = 60.0


@define
class ChromaProcess:
    """On a free port of this machine, the same one each time."""

    path: Path
    port: int = field(init=False)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> "ChromaProcess":
        """Returns once it answers."""
        command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1"]
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), "--path", str(self.path)], stdout=log, stderr=log, cwd=self.path
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if httpx2.get(f"{self.url}/api/v2/heartbeat", verify=False).is_success:
                    return self
            except httpx2.TransportError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError((self.path / "server.log").read_text()[-2_000:])

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
