"""From the start of the process to ready, and the memory of everything it started, as the kernel counts it."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from faultmaven_http.demo.incident import INCIDENT_QUESTION, TITLE, write_incident
from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server

from .row import Row

READY, MEMORY = 4.0, 450  # seconds, MB
SETTLED = 2.0  # seconds until what a request left behind is let go of
EXTRACTIVE = {"LLM_PROVIDER": "extractive"}


def run(*, quick: bool) -> list[Row]:
    """Starts over an empty directory and over one with work in it; memory after the start and after the demo's flow."""
    times = 1 if quick else 5
    subprocess.run([sys.executable, "-m", "faultmaven_http.cli", "models", "pull"], check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as folder:
        fresh = [_started(Path(folder, f"fresh{n}")) for n in range(times)]
        data = Path(folder, "data")
        server, _ = _ready(data)
        try:
            time.sleep(SETTLED)
            idle = _memory(server.pid)
            _demo(server.url, Path(folder, "incident"))
            time.sleep(SETTLED)
            used = _memory(server.pid)
        finally:
            server.stop()
        again = [_started(data) for _ in range(times)]
    rows = []
    for what, took in (("in an empty directory", fresh), ("over the demo's data", again)):
        median = statistics.median(took)
        figure = f"{median:.2f} s"
        rows.append(Row(f"ready with the model on disk, {what}", figure, f"{READY:.0f} s", median <= READY, aim=True))
    for what, parts in (("once ready", idle), ("after the demo's flow", used)):
        whole = sum(parts.values())
        told = ", ".join(f"{name} {size}" for name, size in sorted(parts.items(), key=lambda part: -part[1]))
        rows.append(
            Row(f"memory (PSS) {what}: {told}", f"{whole} MB", f"{MEMORY} MB", whole <= MEMORY, aim=True),
        )
    return rows


def _started(data: Path) -> float:
    server, took = _ready(data)
    server.stop()
    return took


def _ready(data: Path) -> tuple[Server, float]:
    """A server that has said so, and the seconds since its process was started."""
    began = time.perf_counter()
    server = Server(data, EXTRACTIVE).start()
    while not _says_ready(server.url):
        time.sleep(0.01)
    return server, time.perf_counter() - began


def _says_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/health/ready") as answer:
            return bool(answer.status == 200)
    except URLError:  # a 503 too
        return False


def _demo(url: str, incident: Path) -> None:
    """Runbooks, evidence, one question, the post-mortem."""
    write_incident(incident)
    tour = Tour(url)
    tour.register()
    tour.log_in()
    with as_file(files("faultmaven_http.demo") / "runbooks") as folder:
        tour.load_runbooks(sorted(folder.glob("*.md")), lambda what, at, total: None)
    tour.open_session()
    tour.open_case(TITLE)
    tour.wait_for(tour.upload(sorted(incident.iterdir())), lambda what, at, total: None)
    tour.ask(INCIDENT_QUESTION)
    tour.close_case()
    tour.post_mortem()
    tour.close()


def _memory(root: int) -> dict[str, int]:
    """MB of the process and all below it by what they are, each shared page counted once in parts (PSS)."""
    sizes: dict[str, int] = {}
    for pid in _tree(root):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        size = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        kinds = {b"redis-server": "Redis", b"process_child": "parsers"}
        name = next((kind for word, kind in kinds.items() if word in command), "server")
        sizes[name] = sizes.get(name, 0) + size
    return {name: round(size / 1024) for name, size in sizes.items()}


def _tree(root: int) -> Iterator[int]:
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                after_name = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            parents.setdefault(int(after_name[1]), []).append(int(entry))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += parents.get(pid, [])
