"""A file that takes what is left of a disk, and gives it back."""

import os
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from attrs import define, field

#: How often it looks whether somebody freed something, in seconds.
LOOK = 0.01


@define(eq=False)
class Filler:
    """Between :meth:`fill` and :meth:`free` all but ``leave`` bytes are taken, also what others free meanwhile."""

    place: Path
    _over: Event = field(factory=Event)
    _thread: Thread | None = None

    def fill(self, leave: int) -> None:
        self._over.clear()
        self._take(leave)
        self._thread = Thread(target=self._keep, args=(leave,), name="filler")
        self._thread.start()

    def free(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.place.unlink(missing_ok=True)

    def _keep(self, leave: int) -> None:
        while not self._over.wait(LOOK):
            self._take(leave)

    def _take(self, leave: int) -> None:
        file = os.open(self.place, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            spare = os.statvfs(self.place.parent)
            more = spare.f_bavail * spare.f_frsize - leave
            with suppress(OSError):  # somebody was faster
                if more > 0:
                    os.posix_fallocate(file, os.fstat(file).st_size, more)
        finally:
            os.close(file)
