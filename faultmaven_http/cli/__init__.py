"""The command line's door. The commands take seconds to import, and a signal may come meanwhile."""

import gc
import signal
import sys
from types import FrameType

#: How a shell tells of a process that SIGTERM ended.
TERMINATED = 128 + signal.SIGTERM


def main() -> None:
    """The console script."""
    # A process that is the first of its container ignores what it has no handler for.
    signal.signal(signal.SIGTERM, _leave)
    try:
        gc.disable()  # of what is imported nothing is garbage, and to look for it takes a fifth of the start
        from .run import run

        gc.freeze()
        gc.enable()
        run()
    except KeyboardInterrupt:
        sys.exit(130)


def _leave(number: int, frame: FrameType | None) -> None:
    """Unwinds whatever is open; the server and the worker put gentler ways in its place."""
    sys.exit(TERMINATED)
