"""What each process of ``ProcessOffload`` runs. Started by path, so that it imports nothing but what is below.

Jobs come in on file descriptor 0 and replies leave on 1, each frame eight bytes of length (big-endian) and a pickle:
first the owner's ``sys.path``, then ``(function, args, piped)`` for each job; back comes ``(DONE, result)`` or
``(FAILED, exception)``. A piped function is a generator: before that it may say ``(WANTS, None)``, to which one frame
of plain bytes answers, an empty one at the end, and ``(GIVES, value)`` for each value it yields. The end of input ends
the process, and so does the death of its owner, at any moment.

The pickles make this a shelter against crashes, loops and greed, not against a hostile process: what runs here
is trusted as far as its owner.
"""

import fcntl
import os
import pickle
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import BinaryIO

DONE, FAILED, WANTS, GIVES = "done", "failed", "wants", "gives"


def main() -> None:
    """Arguments: the descriptor of the life line, bytes of address space, seconds a job may take."""
    life_line, memory, seconds = (int(argument) for argument in sys.argv[1:4])
    die_with_owner(life_line)
    jobs, results = taken_pipes()
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_AS, memory)
    os.nice(10)  # a request being answered comes before a file being read
    path = received(jobs)
    if path is None:
        return
    sys.path[:] = pickle.loads(path)
    while (job := received(jobs)) is not None:
        limit_time(seconds)
        reply = outcome(job, Pieces(jobs, results, seconds))
        send(results, reply)
        del job, reply  # not to be held while waiting for the next


def die_with_owner(life_line: int) -> None:
    """End this process as soon as the other end of the pipe is closed, as it is when its owner dies by any means.

    On Linux the kernel itself does it: a pipe with O_ASYNC raises SIGIO, which kills, even while native code holds
    the interpreter. The thread covers an owner that died before this line, and systems where SIGIO does nothing.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(life_line, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life_line, fcntl.F_SETFL, fcntl.fcntl(life_line, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        os.read(life_line, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def taken_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes, out of reach of a library that prints: its output goes where errors go."""
    jobs, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return jobs, results


def limit(what: int, value: int) -> None:
    """Set the soft limit; one that is already lower from outside stays."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def limit_time(seconds: int) -> None:
    """From now on, of all cores together."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    limit(resource.RLIMIT_CPU, used + (seconds + 1) * (os.cpu_count() or 1))


def received(stream: BinaryIO) -> bytes | None:
    """The next frame, or None at the end."""
    header = stream.read(8)
    return stream.read(int.from_bytes(header)) if len(header) == 8 else None


def send(stream: BinaryIO, frame: bytes) -> None:
    stream.write(len(frame).to_bytes(8))
    stream.write(frame)
    stream.flush()


class Pieces:
    """What a piped function works on, and where what it yields goes meanwhile."""

    def __init__(self, jobs: BinaryIO, results: BinaryIO, seconds: int) -> None:
        self.jobs, self.results, self.seconds = jobs, results, seconds

    def wanted(self) -> Iterator[bytes]:
        while True:
            send(self.results, pickle.dumps((WANTS, None)))
            piece = received(self.jobs)
            if not piece:
                return
            limit_time(self.seconds)
            yield piece

    def given(self, values: Iterator[object]) -> None:
        for value in values:
            send(self.results, pickle.dumps((GIVES, value), protocol=5))


def outcome(job: bytes, pieces: Pieces) -> bytes:
    try:
        function, args, piped = pickle.loads(job)
        if piped:
            pieces.given(function(pieces.wanted(), *args))
            return pickle.dumps((DONE, None))
        return pickle.dumps((DONE, function(*args)), protocol=5)
    except Exception as error:  # noqa: BLE001  it goes to whoever asked
        return failure(error)


def failure(error: Exception) -> bytes:
    """The exception with its traceback as a note. Some pickle but do not come back; those travel as a RuntimeError."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        packed = pickle.dumps((FAILED, error), protocol=5)
        pickle.loads(packed)
    except Exception:  # noqa: BLE001  pickling runs the exception's own code
        said = "".join(traceback.format_exception_only(error))
        return pickle.dumps((FAILED, RuntimeError(said)), protocol=5)
    return packed


if __name__ == "__main__":
    main()
