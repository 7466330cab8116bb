"""Who owns a data directory. The owner keeps a lock on it for as long as it lives; others read where its Redis is."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO

from attrs import define, frozen

from faultmaven_domain.kernel.errors import Misconfigured

LOCK = "owner.lock"


class Role(StrEnum):
    """What a process is for. ``LIBRARY`` does its own jobs: an embedding program, or a command that ends by itself."""

    SERVE = "serve"
    WORKER = "worker"
    LIBRARY = "library"


@frozen
class Holder:
    """The owner as its lock file tells of it; ``socket`` is None until its Redis is up."""

    pid: int
    role: Role
    socket: Path | None


class DirectoryHeld(Misconfigured):
    """Another process serves this data directory."""


@define
class Ownership:
    """What :func:`own` gives: the right to the directory."""

    _file: IO[str]
    role: Role

    def tell(self, socket: Path) -> None:
        """Let the others know where Redis listens."""
        _write(self._file, Holder(os.getpid(), self.role, socket))


@contextmanager
def own(directory: Path, role: Role) -> Iterator[Ownership | None]:
    """Own the directory while the block runs; None where another process does.

    Raises: Misconfigured when the directory cannot be used.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (directory / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"The data directory {directory} cannot be used: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        _write(file, Holder(os.getpid(), role, None))
        yield Ownership(file, role)
        _empty(file)


def holder(directory: Path) -> Holder | None:
    """Who owns the directory now; None where nobody does."""
    try:
        with open(directory / LOCK, "r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read(file)
    except FileNotFoundError:
        pass
    return None


def refuse_second(directory: Path) -> None:
    """For a server. Raises: DirectoryHeld naming the process that owns the directory."""
    owner = holder(directory)
    if owner is not None:
        raise DirectoryHeld(f"Process {owner.pid} ({owner.role.value}) already works on {directory}.", pid=owner.pid)


def _read(file: IO[str]) -> Holder | None:
    try:
        told = json.loads(file.read())
        return Holder(int(told["pid"]), Role(told["role"]), Path(told["socket"]) if told["socket"] else None)
    except (ValueError, KeyError, TypeError):
        return None  # it is writing this very moment


def _write(file: IO[str], holder: Holder) -> None:
    _empty(file)
    socket = str(holder.socket) if holder.socket else None
    file.write(json.dumps({"pid": holder.pid, "role": holder.role, "socket": socket}))
    file.flush()


def _empty(file: IO[str]) -> None:
    file.seek(0)
    file.truncate()
