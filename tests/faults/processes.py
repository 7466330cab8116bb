"""A process and everything below it, and their sudden end."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from random import Random

#: How long the kernel may take to be done with killed processes, in seconds.
GONE = 10.0


def tree(pid: int) -> list[int]:
    """A process and everything it started that is still below it, whatever group or session that is in by now."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        if (fields := _fields(stat)) is not None:
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:  # which grows while it is walked
        found += children.get(one, [])
    return found


def kill_tree(pid: int, random: Random) -> None:
    """SIGKILL to all of them, in an order nobody knows; returns when they are gone.

    The first is stopped for the moment in which the others are looked up, so that none is started behind our back.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    doomed = tree(pid)
    random.shuffle(doomed)
    for one in doomed:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    deadline = time.monotonic() + GONE
    while any(alive(one) for one in doomed):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{doomed} were killed and some still live")
        time.sleep(0.002)


def alive(pid: int) -> bool:
    fields = _fields(Path("/proc") / str(pid) / "stat")
    return fields is not None and fields[0] != "Z"


def _fields(stat: Path) -> list[str] | None:
    """State, parent, group and so on (proc(5)); None where the process has gone."""
    try:
        return stat.read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
