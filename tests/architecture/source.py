"""The project's own files, parsed once in a test process, and packages that are planted to offend."""

import ast
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
DOMAIN, ADAPTERS, HTTP, WORKER = "faultmaven_domain", "faultmaven_adapters", "faultmaven_http", "faultmaven_worker"
PACKAGES = (DOMAIN, ADAPTERS, HTTP, WORKER)


@frozen
class Use:
    """One ``import``, by absolute names: ``name`` is None for ``import module``."""

    module: str
    name: str | None
    line: int

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a file's tree."""
    return tuple(ast.walk(parsed(path)))


def sources(directory: Path) -> list[Path]:
    """Its Python files, in the order of their names."""
    found = sorted(directory.rglob("*.py"))
    assert found, f"{directory} holds no Python file."
    return found


@cache
def uses(path: Path, root: Path = ROOT) -> tuple[Use, ...]:
    """Every import of a file, also those within functions and under TYPE_CHECKING.

    Other than pytest-archon this resolves the relative imports of an ``__init__`` as Python does.
    """
    package = path.relative_to(root).parent.parts
    found: list[Use] = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [Use(alias.name, None, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            within = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*within, *(node.module or "").split("."))).strip(".")
            found += [Use(module, alias.name, node.lineno) for alias in node.names]
    return tuple(found)


def outside(path: Path, root: Path = ROOT) -> set[str]:
    """The top-level names of what a file imports from other projects."""
    return {use.top for use in uses(path, root)} - sys.stdlib_module_names - {*PACKAGES, "tests"}


@contextmanager
def planted(directory: Path, files: Mapping[str, str]) -> Iterator[Path]:
    """A directory whose packages can be found by name for as long as the block runs."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for parent in path.relative_to(directory).parents[:-1]:
            (directory / parent / "__init__.py").touch()
    sys.path.insert(0, str(directory))
    try:
        yield directory
    finally:
        sys.path.remove(str(directory))
