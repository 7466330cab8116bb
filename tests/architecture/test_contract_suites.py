"""Every port has one contract suite, which a memory adapter and a durable one inherit."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from faultmaven_adapters.composition import ROOMS
from tests.architecture.source import DOMAIN, ROOT, parsed, planted, sources

#: Ports whose suite bears another name, or that are no adapter's to provide.
OTHERWISE: dict[str, str] = {
    "PromptOffload": "OffloadContract",
    "Transactions": "UnitOfWorkContract",
    "UnitOfWork": "UnitOfWorkContract",
    "AuthTransactions": "UnitOfWorkContract",
    "CaseTransactions": "UnitOfWorkContract",
    "EvidenceTransactions": "UnitOfWorkContract",
    "KnowledgeTransactions": "UnitOfWorkContract",
    "AgentTransactions": "UnitOfWorkContract",
    "AuthUnitOfWork": "UnitOfWorkContract",
    "CaseUnitOfWork": "UnitOfWorkContract",
    "EvidenceUnitOfWork": "UnitOfWorkContract",
    "KnowledgeUnitOfWork": "UnitOfWorkContract",
    "AgentUnitOfWork": "UnitOfWorkContract",
}
#: Ports of one room that another room's service answers; that service's own tests are their suite.
ANSWERED = frozenset({"case.Users", "evidence.Cases", "agent.Cases", "agent.Evidence", "agent.Knowledge"})
#: The machine's own clock and randomness: one call of the standard library each, and no second engine to agree with.
MACHINE = frozenset({"kernel.Clock", "kernel.IdSource"})
#: Suites beside a port's own, for those of its adapters that share more than the port says.
BESIDE = frozenset({"ModuleContract", "VendorContract"})
#: A suite that others extend and no adapter inherits by itself.
BASES = frozenset({"DataProviderContract"})
#: Memory adapters that are called for what they do.
IN_MEMORY = frozenset({"TestInlineOffload", "TestHashingEmbedder", "TestExtractiveProvider"})


def ports(domain: Path) -> dict[str, str]:
    """Each Protocol of the domain as ``room.Name``, and the file it is in."""
    return {
        f"{path.relative_to(domain).parts[0].removesuffix('.py')}.{name}": path.relative_to(domain).as_posix()
        for path in sources(domain)
        for name, bases in _classes(path)
        if "Protocol" in bases
    }


def suites(directory: Path) -> list[str]:
    return [name for path in sources(directory) for name, _ in _classes(path) if name.endswith("Contract")]


def heirs(directory: Path) -> dict[str, set[str]]:
    """The test classes that inherit each suite, directly."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sources(directory):
        for name, bases in _classes(path):
            for base in bases:
                if name.startswith("Test") and base.endswith("Contract"):
                    found[base].add(name)
    return found


def gaps(wanted: Iterable[str], there: Iterable[str], inherited: Mapping[str, set[str]]) -> list[str]:
    """Ports without a suite, suites without a memory or a durable adapter, suites of no port."""
    found, needed = [], set(BASES)
    for port in wanted:
        name = port.partition(".")[2]
        suite = OTHERWISE.get(name, f"{name}Contract")
        needed.add(suite)
        classes = inherited.get(suite, set())
        memory = {one for one in classes if one.startswith("TestMemory") or one in IN_MEMORY}
        if suite not in set(there):
            found.append(f"{port} has no {suite}")
        elif suite not in BASES and not memory:
            found.append(f"no memory adapter of {port} passes {suite}")
        elif suite not in BASES and not classes - memory:
            found.append(f"no durable adapter of {port} passes {suite}")
    return found + [f"{suite} is of no port" for suite in there if suite not in needed]


def _classes(path: Path) -> Iterator[tuple[str, list[str]]]:
    for node in parsed(path).body:
        if isinstance(node, ast.ClassDef):
            plain = (base.value if isinstance(base, ast.Subscript) else base for base in node.bases)
            yield node.name, [ast.unparse(base).rpartition(".")[2] for base in plain]


def test_every_port_has_its_suite() -> None:
    """Each port's suite is inherited by the memory adapter and by one that lasts."""
    wanted = set(ports(ROOT / DOMAIN)) - ANSWERED - MACHINE
    there = [suite for suite in suites(ROOT / "tests/contracts") if suite not in BESIDE]

    assert gaps(sorted(wanted), there, heirs(ROOT / "tests/adapters")) == []
    assert len(there) == len(set(there)) > 20


def test_ports_are_where_they_are_looked_for() -> None:
    """A Protocol of the domain is in its room's ``ports.py`` or in the kernel."""
    found = ports(ROOT / DOMAIN)

    assert {
        file for file in found.values() if not file.endswith("/ports.py") and not file.startswith("kernel/")
    } == set()
    assert found.keys() >= ANSWERED | MACHINE


def test_other_rooms_answer_what_they_are_asked() -> None:
    """The ports without an adapter are those that a room's service is wired to."""
    answers = {port for room in ROOMS.values() for port in room.answers}

    assert {f"{port.__module__.split('.')[1]}.{port.__name__}" for port in answers} == ANSWERED


BOTH = {"CacheContract": {"TestMemoryCache", "TestRedisCache"}}


@pytest.mark.parametrize(
    ("wanted", "there", "inherited", "said"),
    [
        (["kernel.Cache"], ["CacheContract"], BOTH, []),
        (["kernel.Cache", "agent.Teleporter"], ["CacheContract"], BOTH, ["agent.Teleporter has no TeleporterContract"]),
        (
            ["kernel.Cache"],
            ["CacheContract"],
            {"CacheContract": {"TestRedisCache"}},
            ["no memory adapter of kernel.Cache passes CacheContract"],
        ),
        (
            ["kernel.Cache"],
            ["CacheContract"],
            {"CacheContract": {"TestMemoryCache"}},
            ["no durable adapter of kernel.Cache passes CacheContract"],
        ),
        ([], ["CacheContract"], BOTH, ["CacheContract is of no port"]),
    ],
)
def test_a_gap_is_found(wanted: list[str], there: list[str], inherited: dict[str, set[str]], said: list[str]) -> None:
    """A port, a suite or an heir that is missing is named."""
    assert gaps(wanted, there, inherited) == said


def test_ports_suites_and_heirs_are_read_from_the_files(tmp_path: Path) -> None:
    """A planted port, its suite and its heir are seen, however their bases are written."""
    files = {
        "pl_ports/near/ports.py": "class A(Base[int], Protocol): ...\nclass B(typing.Protocol[T]): ...\nclass C: ...\n",
        "pl_suites/a.py": "class AContract(DataProviderContract[int]): ...\n",
        "pl_tests/test_a.py": "class TestMemoryA(InMemory, AContract): ...\nclass Helper(AContract): ...\n",
    }
    with planted(tmp_path, files) as root:
        assert ports(root / "pl_ports") == {"near.A": "near/ports.py", "near.B": "near/ports.py"}
        assert suites(root / "pl_suites") == ["AContract"]
        assert heirs(root / "pl_tests") == {"AContract": {"TestMemoryA"}}
