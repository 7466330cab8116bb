"""The domain does no I/O, asks no clock and throws no dice: those are ports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import DOMAIN, ROOT, nodes, planted, sources, uses

#: What the domain may use of modules that can do more than compute. ``asyncio`` waits, gathers and stops, by its loop's
#: own time, which is that of its time-outs and no time of day; ``pathlib`` takes names apart; a prompt is a text file
#: that ships beside the code and is read once, as a module is.
NAMES: dict[str, frozenset[str]] = {
    "asyncio": frozenset(
        {
            "CancelledError",
            "Event",
            "Task",
            "create_task",
            "gather",
            "get_running_loop",
            "shield",
            "sleep",
            "timeout",
            "timeout_at",
            "wait",
        }
    ),
    "pathlib": frozenset({"PurePath", "PurePosixPath"}),
    "importlib.resources": frozenset({"files"}),
    "logging": frozenset({"getLogger"}),
    "hashlib": frozenset({"sha256"}),
}
BUILTINS = frozenset({"open", "input", "print", "eval", "exec", "compile", "__import__", "breakpoint", "id"})
CLOCKS = frozenset({"now", "utcnow", "today"})


def impurities(path: Path, root: Path = ROOT) -> list[str]:
    """What a file would do beyond computing, with the line it stands in."""
    return [f"{path.relative_to(root)}:{line} {what}" for line, what in sorted({*_names(path, root), *_calls(path)})]


def _names(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    whole = set()
    for use in uses(path, root):
        if use.module not in NAMES:
            continue
        if use.name is None:
            whole.add(use.module)
        elif use.name not in NAMES[use.module]:
            yield use.line, f"{use.module}.{use.name}"
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in whole:
            module = ast.unparse(node.value)
            if node.attr not in NAMES[module]:
                yield node.lineno, f"{module}.{node.attr}"
        elif isinstance(node, ast.alias) and node.name in NAMES and node.asname:
            yield node.lineno, f"{node.name} under another name"


def _calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in BUILTINS:
            yield node.lineno, f"{node.func.id}()"
        elif isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS and _is_clock(node.func.value):
            yield node.lineno, f"{ast.unparse(node.func)}()"


def _is_clock(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2] in {"datetime", "date"}


def test_the_domain_only_computes() -> None:
    """No file of the domain opens, prints, evaluates, tells the time or imports by name."""
    assert [found for path in sources(ROOT / DOMAIN) for found in impurities(path)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f():\n    return open('x')", "open()"),
        ("from datetime import datetime\nnow = datetime.now()", "datetime.now()"),
        ("import datetime\nnow = datetime.datetime.utcnow()", "datetime.datetime.utcnow()"),
        ("from datetime import date\nday = date.today()", "date.today()"),
        ("eval('1')", "eval()"),
        ("__import__('os')", "__import__()"),
        ("print(1)", "print()"),
        ("from asyncio import open_connection", "asyncio.open_connection"),
        ("import asyncio\nasyncio.create_subprocess_exec", "asyncio.create_subprocess_exec"),
        ("import asyncio as aio\naio.to_thread", "asyncio under another name"),
        ("from pathlib import Path", "pathlib.Path"),
        ("from importlib.resources import as_file", "importlib.resources.as_file"),
    ],
)
def test_a_violation_is_found(text: str, said: str, tmp_path: Path) -> None:
    """Each planted file does one thing that is not for the domain, and that is said."""
    with planted(tmp_path, {"pl_pure/a.py": text}) as root:
        [found] = impurities(root / "pl_pure/a.py", root)

    assert found.endswith(said)


def test_a_clock_that_is_given_is_no_violation(tmp_path: Path) -> None:
    """A port's ``now`` and a service's ``open`` are not those of the machine."""
    text = "async def f(self):\n    await self.sessions.open(at=self.clock.now())\n"
    with planted(tmp_path, {"pl_given/a.py": text}) as root:
        assert impurities(root / "pl_given/a.py", root) == []
