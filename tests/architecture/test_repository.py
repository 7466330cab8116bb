"""The files of the repository: what lies at the top, what decisions say, what is written nowhere."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGES, ROOT

#: The card's folders and files, and what every repository has beside them; names that begin with a dot are free.
TOP = frozenset(
    {
        *PACKAGES,
        "tests",
        "deploy",
        "docs",
        "pyproject.toml",
        "noxfile.py",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "requirements.lock",
        "requirements-dev.lock",
    }
)
IGNORED = tuple(line.strip("/") for line in (ROOT / ".gitignore").read_text().split() if not line.startswith("#"))
SECTIONS = ["Context", "Decision", "Consequences", "The check that enforces it"]

#: Written in pieces, so that this file does not hold what it looks for.
_HOMES = "|".join(("work", "root", "tmp/w"))
_INDEXES = "|".join(
    ("--" + "index-url", "--extra-" + "index-url", "pypi" + r"\.org/simple", "files\\.python" + "hosted")
)
NOWHERE = re.compile(rf"(?<![\w./-])/(?:{_HOMES})/|(?<!no-emit-)(?:{_INDEXES})".encode())


def kept(directory: Path) -> Iterator[Path]:
    """Every file that is not ignored, ``.git`` left out."""
    for path in sorted(directory.iterdir()):
        if path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in IGNORED):
            continue
        if path.is_dir():
            yield from kept(path)
        else:
            yield path


def strangers(directory: Path) -> list[str]:
    """What lies at the top and is not named by the card."""
    return sorted({path.relative_to(directory).parts[0] for path in kept(directory)} - _dotted(directory) - TOP)


def leaks(files: Iterable[Path]) -> list[str]:
    """Lines that name a place of one machine or an address of a package index."""
    return [
        f"{path}:{number} {line[:120]!r}"
        for path in files
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if NOWHERE.search(line)
    ]


def unfinished(record: Path) -> list[str]:
    """What a decision's record lacks."""
    text = record.read_text(encoding="utf-8")
    number = int(record.name[:4])
    found = [] if re.match(rf"# {number}\. \S", text) else [f"{record.name} does not begin with its number and title"]
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^#).*\n?)*)", text, re.M))
    if list(sections) != SECTIONS:
        found.append(f"{record.name} has the sections {', '.join(sections) or 'none'}")
    return found + [f"{record.name} says nothing under {name}" for name, body in sections.items() if not body.strip()]


def unlisted(directory: Path) -> list[str]:
    """Records the index does not name by number and title, and entries of no record."""
    listed = dict(re.findall(r"\[\d{4}\]\((\d{4}-[^)]+\.md)\) \| (.+?) \|", (directory / "README.md").read_text()))
    titled = {path.name: _title(path) for path in directory.glob("[0-9]*.md")}
    return sorted(name for name in {*listed, *titled} if listed.get(name) != titled.get(name))


def _title(record: Path) -> str:
    return record.read_text(encoding="utf-8").partition("\n")[0].partition(". ")[2]


def _dotted(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.name.startswith(".")}


def test_the_top_level_is_the_cards() -> None:
    """At the top lie the card's folders and files, and what every repository has."""
    assert strangers(ROOT) == []


def test_no_file_names_a_machine_or_an_index() -> None:
    """The project holds no path of the machine it was written on and no address of a package index."""
    assert leaks(kept(ROOT)) == []


def test_every_decision_is_recorded_in_full() -> None:
    """A record tells its context, its decision, what follows, and the check that keeps it."""
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))

    assert [found for record in records for found in unfinished(record)] == []
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))


def test_the_checks_that_decisions_name_are_there() -> None:
    """A path that a record names is one of the repository's."""
    named = {
        (record.name, path)
        for record in (ROOT / "docs/adr").glob("[0-9]*.md")
        for path in re.findall(r"`((?:tests|docs|deploy)/[\w./-]+)`", record.read_text(encoding="utf-8"))
    }

    assert len(named) > 3
    assert {(record, path) for record, path in named if not (ROOT / path).exists()} == set()


def test_every_decision_is_listed() -> None:
    """The index of decisions has each record under its own title."""
    assert unlisted(ROOT / "docs/adr") == []


def test_a_stranger_is_found(tmp_path: Path) -> None:
    """A folder of another name at the top is named, an ignored or hidden one is not."""
    for name in ("scripts", "docs", ".ci", "dist"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()

    assert strangers(tmp_path) == ["scripts"]


@pytest.mark.parametrize(
    "text",
    [
        "see /" + "work/main/a.py",
        "'/" + "root/.cache'",
        "(/" + "tmp/w/venv)",
        "pip install --" + "index-url https://example.org",
        "https://pypi" + ".org/simple/attrs",
        "https://files.python" + "hosted.org/packages",
    ],
)
def test_a_leak_is_found(text: str, tmp_path: Path) -> None:
    """A line that names one machine's place or an index is said with its number."""
    (tmp_path / "a.txt").write_text(f"first\n{text}\n")

    [found] = leaks(kept(tmp_path))

    assert ":2 " in found


@pytest.mark.parametrize(
    "text", ["docs/work/a.md", "https://example.org/root/", "--no-emit-" + "index-url", "/workload/"]
)
def test_what_only_looks_so_is_no_leak(text: str, tmp_path: Path) -> None:
    """A path within something else, and the switch that leaves addresses out, are no leak."""
    (tmp_path / "a.txt").write_text(text)

    assert leaks(kept(tmp_path)) == []


GOOD = "# 7. A title\n\n" + "".join(f"## {name}\n\nWords.\n\n" for name in SECTIONS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD, []),
        (GOOD.replace("# 7.", "# 8."), ["0007-a.md does not begin with its number and title"]),
        (GOOD.replace("## Decision", "## Choice"), [f"0007-a.md has the sections {', '.join(SECTIONS)}"]),
        (GOOD.replace("## Context\n\nWords.\n", "## Context\n"), ["0007-a.md says nothing under Context"]),
    ],
)
def test_an_unfinished_record_is_found(text: str, said: list[str], tmp_path: Path) -> None:
    """A wrong number, a section too few and an empty one are each said."""
    record = tmp_path / "0007-a.md"
    record.write_text(text)

    assert unfinished(record) == [one.replace("Decision", "Choice") if "sections" in one else one for one in said]


def test_an_unlisted_record_is_found(tmp_path: Path) -> None:
    """A record the index does not know, or knows by another title, is named."""
    (tmp_path / "0001-a.md").write_text("# 1. A title\n")
    (tmp_path / "0002-b.md").write_text("# 2. Another\n")
    (tmp_path / "README.md").write_text("| [0001](0001-a.md) | A title |\n| [0002](0002-b.md) | Wrong |\n")
    (tmp_path / "0003-c.md").write_text("# 3. New\n")

    assert unlisted(tmp_path) == ["0002-b.md", "0003-c.md"]
