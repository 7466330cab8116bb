"""Files stay small enough to be read at a sitting."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.architecture.source import PACKAGES, ROOT, sources

LONGEST = 500
SECOND_LOOK = 400
#: Longer than what wants a second look, had it, and why it is one file all the same.
LOOKED_AT: dict[str, str] = {}


def too_long(files: Iterable[Path], looked_at: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """Files past the limit, and those past the second one that nobody wrote a reason for."""
    lengths = {path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    return [
        f"{name} has {length} lines"
        for name, length in lengths.items()
        if length > LONGEST or (length > SECOND_LOOK and name not in looked_at)
    ] + [f"{name} is short by now" for name in looked_at if lengths.get(name, 0) <= SECOND_LOOK]


def test_files_are_short() -> None:
    """No file of the packages is past 500 lines, and past 400 only those with a reason."""
    assert too_long((path for package in PACKAGES for path in sources(ROOT / package)), LOOKED_AT) == []


def test_a_long_file_is_found(tmp_path: Path) -> None:
    """A file past the limit is named, with a reason or without, and so is a reason for a short one."""
    for name, lines in (("a.py", 500), ("b.py", 501), ("c.py", 401), ("d.py", 400)):
        (tmp_path / name).write_text("x = 1\n" * lines)
    reasons = dict.fromkeys(("a.py", "b.py", "d.py"), "because")

    assert too_long(sources(tmp_path), reasons, tmp_path) == [
        "b.py has 501 lines",
        "c.py has 401 lines",
        "d.py is short by now",
    ]
