"""Processes that end with whoever started them, however that one ends."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

#: It remembers the last line of its pipe, whose other end only we hold, and kills what that names once it is closed.
_KEEPER = (
    'while read -r line; do held=$line; done; for one in $held; do kill -9 -- "-$one"; kill -9 "$one"; done 2>/dev/null'
)


@define
class Leash:
    """Holds processes by their ids, each with its group where it leads one."""

    _pipe: int
    _held: set[int] = field(factory=set)

    def hold(self, pid: int) -> None:
        self._held.add(pid)
        self._tell()

    def let_go(self, pid: int) -> None:
        """It has ended; its id may soon be another's."""
        self._held.discard(pid)
        self._tell()

    def _tell(self) -> None:
        os.write(self._pipe, f"{' '.join(map(str, self._held))}\n".encode())


@contextmanager
def leash() -> Iterator[Leash]:
    with subprocess.Popen(["/bin/sh", "-c", _KEEPER], stdin=subprocess.PIPE, start_new_session=True) as keeper:
        assert keeper.stdin is not None
        yield Leash(keeper.stdin.fileno())
