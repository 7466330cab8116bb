import os
import signal
import subprocess
import sys
from pathlib import Path


def test_a_stop_at_the_very_beginning_is_heard(tmp_path: Path) -> None:
    """SIGTERM while a command is still being imported ends it by its own hand: as the first process of a container it
    would ignore what it does not handle."""
    command = [
        sys.executable,
        "-m",
        "faultmaven_http.cli",
        "serve",
        "--data-dir",
        str(tmp_path / "data"),
        "--port",
        "0",
    ]
    environment = {**os.environ, "MODEL_DOWNLOAD": "false"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        while not _handles(process.pid, signal.SIGTERM):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)

    assert (process.returncode in {0, 128 + signal.SIGTERM}, said) == (True, b"")


def _handles(pid: int, number: signal.Signals) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt:"))
    return bool(caught >> (number - 1) & 1)
