"""The tests' own habits: a sentence that says the behaviour, and no mocks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, nodes, parsed, sources, uses

MOCKS = frozenset({"mock", "pytest_mock", "unittest.mock"})
PATCHERS = frozenset({"monkeypatch", "mocker"})


def mocks(path: Path, root: Path = ROOT) -> list[str]:
    """Where a file mocks, or patches what is not its own."""
    found = {
        (use.line, use.module) for use in uses(path, root) if use.module in MOCKS or f"{use.module}.{use.name}" in MOCKS
    }
    for node in nodes(path):
        if isinstance(node, ast.arg) and node.arg in PATCHERS:
            found.add((node.lineno, node.arg))
        elif isinstance(node, ast.Attribute) and node.attr == "MonkeyPatch":
            found.add((node.lineno, node.attr))
        elif isinstance(node, ast.Constant) and node.value in PATCHERS and path != Path(__file__):
            found.add((node.lineno, str(node.value)))
    return [f"{path.relative_to(root)}:{line} {what}" for line, what in sorted(found)]


def unsaid(path: Path, root: Path = ROOT) -> list[str]:
    """Tests whose docstring is not one sentence."""
    return [
        f"{path.relative_to(root)}:{node.lineno} {node.name}"
        for node in _tests(parsed(path))
        if not _one_sentence(ast.get_docstring(node) or "")
    ]


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for body in bodies:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                yield node


def _one_sentence(text: str) -> bool:
    return text.endswith((".", "?", "!")) and not re.search(r"[.!?]\s+[A-Z]|\n\s*\n", text)


def test_nothing_is_mocked() -> None:
    """No test mocks or patches: it uses a memory adapter, a fake with a name, or the real thing."""
    assert [found for path in sources(ROOT / "tests") for found in mocks(path)] == []


def test_every_test_says_what_it_is_about() -> None:
    """Each test has a docstring of one sentence."""
    assert [found for path in sources(ROOT / "tests") for found in unsaid(path)] == []


@pytest.mark.parametrize(
    "text",
    [
        "from unittest.mock import Mock",
        "import unittest.mock",
        "from unittest import mock",
        "import mock",
        "from pytest_mock import MockerFixture",
        "def test_a(monkeypatch): ...",
        "def helper(*, mocker): ...",
        "patch = pytest.MonkeyPatch()",
        "request.getfixturevalue('monkeypatch')",
    ],
)
def test_a_mock_is_found(text: str, tmp_path: Path) -> None:
    """However a test comes by a mock, it is said where."""
    file = tmp_path / "test_a.py"
    file.write_text(f"{text}\n")

    [found] = mocks(file, tmp_path)

    assert found.startswith("test_a.py:1 ")


@pytest.mark.parametrize(
    ("body", "well"),
    [
        ('"""It says what it does."""', True),
        ('"""It says what it does,\n    over two lines."""', True),
        ('"""Does version 1.2 say it?"""', True),
        ("assert True", False),
        ('""""""', False),
        ('"""It says"""', False),
        ('"""It says. And it goes on."""', False),
        ('"""It says.\n\n    More.\n    """', False),
    ],
)
def test_a_test_without_its_sentence_is_found(body: str, well: bool, tmp_path: Path) -> None:
    """A test that says nothing, or more than a sentence, is named, in a class too."""
    file = tmp_path / "test_a.py"
    file.write_text(f"def test_b():\n    {body}\n\nclass TestA:\n  async def test_c(self):\n    {body}\n")

    assert [found.split()[1] for found in unsaid(file, tmp_path)] == ([] if well else ["test_b", "test_c"])
