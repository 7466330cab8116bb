"""A small disk of one's own: a tmpfs in a namespace that ends with the process."""

import json
import subprocess
import sys
from pathlib import Path

import cattrs

from .row import Row

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
LONGEST = 3_600.0
NOT_ALLOWED = "skipped: this system allows no mount of one's own"


def mount(place: Path, *, megabytes: int) -> None:
    """Raises: CalledProcessError where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    words = ("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(place))
    subprocess.run(words, check=True, capture_output=True)


def allowed(directory: Path) -> bool:
    """Whether a process may have a disk of its own here."""
    place = directory / "try"
    place.mkdir(parents=True, exist_ok=True)
    words = (*NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place))
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def apart(module: str, directory: Path, **figures: int) -> list[Row]:
    """Run ``python -m module directory figures`` in a namespace of its own; the rows it says come back."""
    if not allowed(directory):
        return [Row("disk", NOT_ALLOWED)]
    words = (*NAMESPACE, sys.executable, "-m", module, str(directory), json.dumps(figures))
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=LONGEST, check=True)
    return cattrs.structure(json.loads(done.stdout), list[Row])


def told(rows: list[Row]) -> None:
    """The other end of :func:`apart`."""
    sys.stdout.write(json.dumps(cattrs.unstructure(rows)))
