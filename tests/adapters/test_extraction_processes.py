"""What ProcessOffload promises beyond the port: a call may die, hang or eat memory, and only that call suffers."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from PIL import Image

from faultmaven_adapters.extraction import FileTextExtractor, ProcessOffload, WorkerDied, WorkerTooSlow
from faultmaven_adapters.extraction.formats import read
from faultmaven_domain.kernel.errors import RateLimited, Unavailable
from faultmaven_domain.kernel.extraction import UnreadableFile
from tests.contracts.offload import all_of, until_exists
from tests.contracts.text_extractor import InPieces, a_picture, read_by

ROOT = Path(__file__).parents[2]
#: Does not end, and holds the interpreter all the while, so that no thread beside it can run.
HOLD = "__import__('re').match('(a+)+$', 'a' * 99 + 'b')"


def hang(started: str) -> None:
    """Write the process's number to the file, and never return."""
    Path(f"{started}.new").write_text(str(os.getpid()))
    Path(f"{started}.new").rename(started)
    time.sleep(3600)


async def begun(path: Path) -> int:
    await until_exists(path)
    return int(path.read_text())  # noqa: ASYNC240 - a few bytes


@pytest.fixture
async def offload() -> AsyncIterator[ProcessOffload]:
    offload = ProcessOffload(workers=1, seconds=60, memory_bytes=2**30)
    yield offload
    await offload.close()


async def test_a_killed_process_costs_its_own_call_only(offload: ProcessOffload, tmp_path: Path) -> None:
    """After kill -9 in the middle, the call says so, and the next one works in another process."""
    call = asyncio.create_task(offload.run(hang, str(tmp_path / "pid")))
    pid = await begun(tmp_path / "pid")
    os.kill(pid, signal.SIGKILL)

    with pytest.raises(WorkerDied, match="SIGKILL"):
        await call
    assert pid != await offload.run(os.getpid)


async def test_a_process_killed_while_idle_costs_nothing(offload: ProcessOffload) -> None:
    """A process that died between two calls is replaced."""
    pid = await offload.run(os.getpid)
    os.kill(pid, signal.SIGKILL)
    while offload.pids:  # noqa: ASYNC110 - it goes by itself, and tells nobody
        await asyncio.sleep(0.005)

    assert pid != await offload.run(os.getpid)


@pytest.mark.parametrize(("end", "how"), [(os.abort, "SIGABRT"), (os._exit, "exit code 3"), (sys.exit, "exit code 3")])
async def test_a_process_that_ends_itself_says_how(offload: ProcessOffload, end: object, how: str) -> None:
    """A crash or an exit inside the function is the call's failure, and the caller's process goes on."""
    arguments = () if end is os.abort else (3,)
    with pytest.raises(WorkerDied, match=how):
        await offload.run(end, *arguments)  # type: ignore[arg-type]
    assert await offload.run(len, "abc") == 3


async def test_stops_what_takes_too_long() -> None:
    """A call past its seconds is stopped, even one that holds the interpreter, and the next one works."""
    offload = ProcessOffload(workers=1, seconds=1)
    try:
        with pytest.raises(WorkerTooSlow, match="1 second"):
            await offload.run(eval, HOLD)
        assert await offload.run(len, "abc") == 3
    finally:
        await offload.close()


def hold_after_one(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces)
    eval(HOLD)


async def test_stops_a_pipe_that_takes_too_long_over_a_piece() -> None:
    """Each piece has its seconds; past them the pipe is stopped, and the next call works."""
    offload = ProcessOffload(workers=1, seconds=1)
    try:
        with pytest.raises(WorkerTooSlow, match="1 second"):
            await all_of(offload.pipe(hold_after_one, InPieces(b"abc")), [])
        assert await offload.run(len, "abc") == 3
    finally:
        await offload.close()


async def test_a_process_killed_in_a_pipe_costs_that_pipe_only(offload: ProcessOffload) -> None:
    """Between two pieces as well; the next call has another process."""
    async with aclosing(offload.pipe(hold_after_one, InPieces(b"abc"))) as pieces:
        await anext(pieces)
        (pid,) = offload.pids
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="SIGKILL"):
            await anext(pieces)

    assert pid != await offload.run(os.getpid)


async def test_a_process_has_its_limits(offload: ProcessOffload) -> None:
    """Address space, processor time and core files are bounded by the kernel, whatever a library does."""
    limits = await offload.run(eval, "[__import__('resource').getrlimit(n)[0] for n in (9, 0, 4)]")

    assert limits[0] == 2**30
    assert 0 < limits[1] <= 62 * (os.cpu_count() or 1)
    assert limits[2] == 0


async def test_limits_memory(offload: ProcessOffload) -> None:
    """More memory than allowed is a MemoryError for that call."""
    pid = await offload.run(os.getpid)
    with pytest.raises(MemoryError):
        await offload.run(bytes, 2**31)
    assert pid == await offload.run(os.getpid)


async def test_replaces_a_process_after_its_calls() -> None:
    """No process lives for ever."""
    offload = ProcessOffload(workers=1, calls_each=2)
    pids = [await offload.run(os.getpid) for _ in range(4)]
    await offload.close()

    assert pids[0] == pids[1] != pids[2] == pids[3]


async def test_a_cancelled_call_is_stopped(offload: ProcessOffload, tmp_path: Path) -> None:
    """Who no longer waits for a result does not keep a process busy."""
    call = asyncio.create_task(offload.run(hang, str(tmp_path / "pid")))
    pid = await begun(tmp_path / "pid")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert pid != await offload.run(os.getpid)


async def test_closing_ends_everything(tmp_path: Path) -> None:
    """Closing ends idle and busy processes; calls under way, waiting or later say that the server is shutting down."""
    descriptors = set(os.listdir("/proc/self/fd"))
    offload = ProcessOffload(workers=2)
    await asyncio.gather(offload.run(time.sleep, 0.01), offload.run(time.sleep, 0.01))
    calls = [asyncio.create_task(offload.run(hang, str(tmp_path / name))) for name in "abc"]
    await begun(tmp_path / "a")
    await offload.close()
    await offload.close()

    outcomes = await asyncio.gather(*calls, offload.run(len, ""), return_exceptions=True)
    assert [(Unavailable, "This server is shutting down.")] * 4 == [(type(o), str(o)) for o in outcomes]
    assert set(os.listdir("/proc/self/fd")) <= descriptors


async def test_says_that_it_cannot_start() -> None:
    """Where the system starts no process the call says so, and leaves nothing open."""
    descriptors = set(os.listdir("/proc/self/fd"))
    offload = ProcessOffload(python="/nowhere/python")
    with pytest.raises(Unavailable, match="No process could be started"):
        await offload.run(len, "")
    await offload.close()

    assert set(os.listdir("/proc/self/fd")) <= descriptors


async def test_keeps_its_results_apart_from_what_is_printed(offload: ProcessOffload) -> None:
    """A library that prints, or reads its standard input, does not get between the processes."""
    assert await offload.run(print, "a warning of some library") is None
    assert await offload.run(eval, "__import__('sys').stdin.read()") == ""
    assert await offload.run(len, "abc") == 3


async def test_raises_an_exception_that_cannot_travel_as_another(offload: ProcessOffload) -> None:
    """An exception that pickle cannot write, or not read again, comes as a RuntimeError with what it said."""
    with pytest.raises(RuntimeError, match="Odd: of its own kind"):
        await offload.run(exec, "class Odd(Exception): ...\nraise Odd('of its own kind')")
    with pytest.raises(RuntimeError, match="RateLimited: slow"):
        await offload.run(exec, f"from {RateLimited.__module__} import *\nraise RateLimited('slow', retry_after=1)")


async def test_a_process_imports_little(offload: ProcessOffload) -> None:
    """A process that reads files has loaded neither the server nor the stores, nor a reader no file asked for."""
    await offload.run(read, b"one line", "a.txt")
    loaded = set(await offload.run(eval, "[name.split('.')[0] for name in __import__('sys').modules]"))

    assert "attrs" in loaded
    assert not loaded & {"arq", "databases", "lancedb", "pyarrow", "redis", "sqlalchemy", "starlette", "uvicorn"}
    assert not loaded & {"cv2", "docx", "lxml", "numpy", "onnxruntime", "PIL", "pypdfium2", "rapidocr"}


@pytest.mark.parametrize("kills", [1, 2])
async def test_reads_once_more_after_a_death(offload: ProcessOffload, kills: int) -> None:
    """A file is read again when its process was killed from outside, and given up when that happens twice."""
    killed: set[int] = set()
    await offload.run(len, "")  # now there is one
    call = asyncio.create_task(read_by(FileTextExtractor(offload), b"one line", filename="a.txt"))
    while len(killed) < kills:
        await asyncio.sleep(0)
        for pid in offload.pids - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)

    if kills == 1:
        assert (await call).text == "one line"
    else:
        with pytest.raises(UnreadableFile, match="ended twice"):
            await call


async def test_a_file_that_takes_too_long_is_unreadable() -> None:
    """Too long for the processes is unreadable for the person who sent the file."""
    offload = ProcessOffload(workers=1, seconds=1)
    try:
        with pytest.raises(UnreadableFile, match="took too long"):
            await read_by(FileTextExtractor(offload), a_picture(*["much to read"] * 80), filename="a.png")
    finally:
        await offload.close()


async def test_a_file_that_takes_too_much_memory_is_unreadable() -> None:
    """More memory than a process has is unreadable for the person who sent the file."""
    offload = ProcessOffload(workers=1, memory_bytes=2**29)
    file = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(file, "PNG")
    try:
        with pytest.raises(UnreadableFile, match="more memory"):
            await read_by(FileTextExtractor(offload), file.getvalue(), filename="a.png")
    finally:
        await offload.close()


async def test_says_that_pictures_cannot_be_read(offload: ProcessOffload) -> None:
    """On a machine where the engine does not load, a picture is refused for that, and a PDF names the page."""
    from fpdf import FPDF

    await offload.run(exec, "__import__('sys').modules['rapidocr'] = None")
    scan = FPDF()
    scan.add_page()
    scan.image(io.BytesIO(a_picture("hello")), w=180)
    extractor = FileTextExtractor(offload)
    with pytest.raises(UnreadableFile, match="Pictures cannot be read on this machine"):
        await read_by(extractor, a_picture("hello"), filename="a.png")
    extracted = await read_by(extractor, bytes(scan.output()), filename="a.pdf")

    assert extracted.text == ""
    assert extracted.notes[0].startswith("Not read: page 1: Pictures cannot be read on this machine: ")


def test_no_process_outlives_its_owner() -> None:
    """When the owner is killed by kill -9 its processes end at once, also in the middle of a call that holds all."""
    owner = f"""
import asyncio
from faultmaven_adapters.extraction import ProcessOffload
async def main():
    offload = ProcessOffload(workers=2)
    await asyncio.gather(offload.run(len, "idle"), offload.run(exec, '''print("begun", flush=True); {HOLD}'''))
asyncio.run(main())
"""
    process = subprocess.Popen([sys.executable, "-c", owner], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process, process.stderr:
        assert process.stderr.readline() == "begun\n"
        process.kill()
        # Its end comes only when nobody has it open any more, so when the last process is gone.
        assert process.communicate(timeout=60)[1] == ""


def test_works_in_a_script_without_a_guard(tmp_path: Path) -> None:
    """A script that runs everything at its top level is not run again by the processes."""
    script = tmp_path / "script.py"
    script.write_text("""
import asyncio
from faultmaven_adapters.extraction import FileTextExtractor, ProcessOffload
print("once")
async def main():
    offload = ProcessOffload()
    async def contents():
        yield b"hello"
    print([part async for part in FileTextExtractor(offload).extract(contents(), filename="a.txt")][0])
    await offload.close()
asyncio.run(main())
""")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=60)

    assert (done.stdout, done.stderr, done.returncode) == ("once\nhello\n", "", 0)
