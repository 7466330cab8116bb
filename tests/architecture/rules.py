"""Import rules in the allow-list form: whatever a rule does not name is refused, and so is a rule that meets nothing.

pytest-archon takes the relative imports of an ``__init__`` as if it lay one level higher. An allow-list then refuses
too much rather than too little; where a rule is about faces, they are read by :func:`faces_that_reach_out` instead.
"""

import re
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pytest_archon import archrule
from pytest_archon.failure import pop_failures
from pytest_archon.rule import RuleTargets

from tests.architecture.source import ROOT, Use, sources, uses

#: Of the standard library, what cannot do I/O, tell the time or be random, or whose names are listed one by one in
#: ``test_domain_purity.py``.
PURE = (
    "array",
    "asyncio",
    "base64",
    "bisect",
    "collections",
    "contextlib",
    "contextvars",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "logging",
    "math",
    "operator",
    "pathlib",
    "re",
    "string",
    "typing",
    "unicodedata",
)
STDLIB = tuple(sorted(sys.stdlib_module_names))


def within(*modules: str) -> str:
    """These modules and everything in them."""
    return rf"^(?:{'|'.join(map(re.escape, modules))})(?:\.|$)"


def beneath(module: str) -> str:
    """What is in a package, its ``__init__`` not among it."""
    return rf"^{re.escape(module)}\."


def exactly(*modules: str) -> str:
    return rf"^(?:{'|'.join(map(re.escape, modules))})$"


def breaches(package: str, targets: RuleTargets, *allowed: str) -> list[str]:
    """What the modules a rule is about import beyond what is allowed, in pytest-archon's words."""
    rule = targets.should_not_import(".").may_import(*allowed)
    rule.check(package, only_direct_imports=True)
    return [failure.reason for failure in pop_failures()]  # type: ignore[no-untyped-call]


def domain_imports(package: str, prompts: str) -> list[str]:
    """The domain imports the pure part of the standard library, attrs and itself; prompts read their own files."""
    rule = archrule("The domain is pure", use_regex=True)
    allowed = (*PURE, "attrs", package)
    elsewhere = breaches(package, rule.match(".").exclude(within(prompts)), within(*allowed))
    return elsewhere + breaches(package, rule.match(within(prompts)), within(*allowed, "importlib.resources"))


def room_imports(package: str, rooms: Mapping[str, Iterable[str]]) -> list[str]:
    """A room imports the kernel, itself, and the faces of those it may know; the kernel imports itself alone."""
    rule = archrule("A room knows others by their faces", use_regex=True)
    shared = (*STDLIB, "attrs", f"{package}.kernel")
    found = breaches(package, rule.match(within(f"{package}.kernel")), within(*shared))
    for room, known in rooms.items():
        own = f"{package}.{room}"
        faces = [f"{package}.{other}" for other in known]
        found += breaches(package, rule.match(beneath(own)), within(*shared, own), exactly(own, *faces))
    return found


def faces_that_reach_out(package: str, rooms: Iterable[str], root: Path = ROOT) -> list[str]:
    """A face shows what is in its own room and nothing else."""
    return [
        f"{package}.{room} imports {use.module}"
        for room in rooms
        for use in uses(root / package / room / "__init__.py", root)
        if not use.module.startswith(f"{package}.{room}.")
    ]


def imports_by_face(package: str, domain: str, rooms: Iterable[str]) -> list[str]:
    """Outside the domain a room is imported by its face, the kernel by its modules."""
    rule = archrule("Adapters and shells know a room by its face", use_regex=True)
    faces = exactly(*(f"{domain}.{room}" for room in rooms))
    not_domain = rf"^(?!{re.escape(domain)}(?:\.|$))"
    return breaches(package, rule.match("."), not_domain, within(f"{domain}.kernel"), faces)


def placed_imports(
    package: str, places: Mapping[str, Iterable[str]], *, everywhere: Collection[str], faces: Collection[str] = ()
) -> list[str]:
    """``places`` tells where in the package each foreign module may be imported.

    Besides, each may import itself, the standard library, what is allowed everywhere, and ``faces`` without what is
    behind them. A place is a module or a package; one within another may what that may, and more; "" is all of it.
    """
    rule = archrule("A vendor is imported in its place", use_regex=True)
    named = {place for where in places.values() for place in where}
    found: list[str] = []
    for place in sorted({"", *named}):
        targets = rule.match(within(f"{package}.{place}") if place else ".")
        inner = [other for other in named if other != place and _in(other, place)]
        if inner:
            targets = targets.exclude(within(*(f"{package}.{other}" for other in inner)))
        vendors = [vendor for vendor, where in places.items() if any(_in(place, one) for one in where)]
        allowed = within(*STDLIB, package, *everywhere, *vendors)
        found += breaches(package, targets, allowed, *([exactly(*faces)] if faces else []))
    return found


def idle_places(package: str, places: Mapping[str, Iterable[str]], root: Path = ROOT) -> list[str]:
    """Where a vendor may be imported and is not: the table is to say what is so."""
    used = {
        (".".join(path.relative_to(root / package).with_suffix("").parts).removesuffix(".__init__"), use.module)
        for path in sources(root / package)
        for use in (*uses(path, root), *_named(path, root))
    }
    return [
        f"{vendor} is not imported in {place or package}"
        for vendor, where in places.items()
        for place in where
        if not any(_in(module, place) and _in(imported, vendor) for module, imported in used)
    ]


def _named(path: Path, root: Path) -> list[Use]:
    """``from package import module``, as the module."""
    return [Use(f"{use.module}.{use.name}", None, use.line) for use in uses(path, root) if use.name]


def _in(module: str, place: str) -> bool:
    return not place or module == place or module.startswith(f"{place}.")
