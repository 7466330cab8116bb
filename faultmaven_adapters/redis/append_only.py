"""An append-only file that the server refuses: keep what can be kept, and never stand in the way of the start."""

import asyncio
import logging
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

log = logging.getLogger(__name__)


def is_meant(said: str) -> bool:
    """Whether these lines of a server that ended complain about its file."""
    return any(word in said for word in ("append only", "AOF", "RDB"))


async def repair(directory: Path, program: str) -> None:
    """Cut the file before its first fault. The server's program is the repairer too, under another name."""
    file = directory / "appendonly.aof"
    if not file.exists():
        return
    process = await asyncio.create_subprocess_exec(
        "redis-check-aof", "--fix", str(file), executable=program, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL
    )
    await process.communicate(b"y\n")


async def set_aside(directory: Path, program: str) -> None:
    """Keep the file for whoever wants to look at it, and start without."""
    for name in ("appendonly.aof", "appendonlydir"):
        if (directory / name).exists():
            damaged = tempfile.mkdtemp(prefix="damaged-", dir=directory)
            log.error("the embedded Redis starts empty; its unreadable file is kept in %s", damaged)
            (directory / name).rename(Path(damaged) / name)
