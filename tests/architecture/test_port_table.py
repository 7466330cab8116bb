"""The table of ports and adapters tells what a run left out; shown on a little suite of its own, in its own process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.architecture.test_contract_suites import BASES, BESIDE, suites
from tests.port_table import BESIDE as NO_PORTS
from tests.port_table import DECLARED, TITLE, adapter_of, declared

PAGE = "| port | adapters |\n|---|---|\n| `Cache` | Memory, Redis tls, Redis plain, Broken, Away, Absent |\n"
FILES = {
    "pytest.ini": "[pytest]\ntestpaths = checks\npythonpath = .\naddopts = --import-mode=importlib\n",
    DECLARED: PAGE,
    "checks/conftest.py": """
from tests.port_table import DECLARED, PortTable

def pytest_configure(config):
    config.pluginmanager.register(PortTable(config.rootpath / DECLARED), "ports and adapters")
""",
    "checks/contracts/cache.py": """
import pytest

class CacheContract:
    @pytest.fixture
    def cache(self):
        return {"k": "v"}

    @pytest.mark.parametrize("key", ["k", "other"])
    def test_gets(self, cache, key):
        assert cache.get(key) == {"k": "v"}.get(key)

    def test_counts(self, cache):
        if "uncounted" in cache:
            pytest.skip("This one does not count.")
""",
    "checks/test_cache.py": """
import pytest
from checks.contracts.cache import CacheContract

class TestMemoryCache(CacheContract):
    def test_is_its_own(self, cache):
        assert cache

class TestRedisCache(CacheContract):
    @pytest.fixture(params=["tls", "plain"])
    def cache(self, request):
        return {"k": "v", "uncounted": request.param}

class TestBrokenCache(CacheContract):
    @pytest.fixture
    def cache(self):
        return {"other": "v"}

class TestAwayCache(CacheContract):
    @pytest.fixture
    def cache(self):
        pytest.skip("There is no such server here.")

class TestNewCache(CacheContract):
    def test_counts(self): ...
""",
}
ROW = (
    "Cache  Away 0 (3 skipped) · Broken 1 (2 failed) · Memory 3 · New 2 · New with its own test_counts 1 · "
    "Redis plain 2 −1 · Redis tls 2 −1"
)
GAPS = {
    "Cache × Absent: no test passed",
    "Cache × Away: 0 failed, 3 skipped",
    "Cache × Broken: 2 failed, 0 skipped",
    f"Cache × New: not in {DECLARED}",
    f"Cache × New with its own test_counts: not in {DECLARED}",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(project: Path, *words: str) -> tuple[int, list[str]]:
    """The exit code and the lines of a run of the little suite."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("words", [(), ("-p", "xdist", "-n2", "checks")], ids=["alone", "in several processes"])
def test_a_whole_run_tells_of_every_gap(project: Path, words: tuple[str, ...]) -> None:
    """What is missing, failed, skipped, evaded or undeclared fails the run by name, before pytest's last line."""
    code, lines = run(project, *words)

    assert code == pytest.ExitCode.TESTS_FAILED
    assert ROW in lines
    told = {line.partition("::")[2].partition(" - ")[0] for line in lines if line.startswith(f"FAILED {DECLARED}::")}
    assert told == GAPS
    assert re.fullmatch(r"=+ 7 failed, 12 passed, 5 skipped in .+ =+", lines[-1])


def test_a_run_without_a_gap_passes(project: Path) -> None:
    """Where all that is declared passed, the table is printed and nothing fails."""
    (project / DECLARED).write_text(PAGE.replace(", Broken, Away, Absent", ""), encoding="utf-8")
    cases = (project / "checks/test_cache.py").read_text(encoding="utf-8")
    (project / "checks/test_cache.py").write_text(cases.partition("class TestBroken")[0], encoding="utf-8")

    code, lines = run(project, "checks")

    assert (code, "Cache  Memory 3 · Redis plain 2 −1 · Redis tls 2 −1" in lines) == (0, True)


@pytest.mark.parametrize("words", [("checks/test_cache.py::TestMemoryCache",), ("-k", "Memory")])
def test_a_run_of_a_part_is_left_alone(project: Path, words: tuple[str, ...]) -> None:
    """Who asks for a part of the tests is told of no gap."""
    code, lines = run(project, *words)

    assert code == 0
    assert not any(TITLE in line for line in lines)


@pytest.mark.parametrize(
    ("test_class", "port", "adapter"),
    [
        ("TestMemoryCases", "CaseRepository", "Memory"),
        ("TestSqlFamilies", "FamilyRepository", "Sql"),
        ("TestLanceVectorProviderOnS3", "VectorProvider", "LanceOnS3"),
        ("TestScriptedLLM", "LLMProvider", "Scripted"),
        ("TestOpenAIEmbeddings", "EmbeddingModel", "OpenAI"),
        ("TestArgon2Hasher", "PasswordHasher", "Argon2"),
    ],
)
def test_an_adapter_is_called_after_its_test_class(test_class: str, port: str, adapter: str) -> None:
    """What is left of the name without the port's words is the adapter's."""
    assert adapter_of(test_class, port) == adapter


def test_every_suite_is_a_row() -> None:
    """Each port with a suite is in the table of the page, and each room, and nothing twice."""
    cells = declared(ROOT / DECLARED)
    ports = {port for port, _ in cells if not port.endswith(" module")}

    assert ports == {
        suite.removesuffix("Contract") for suite in suites(ROOT / "tests/contracts") if suite not in BESIDE | BASES
    }
    assert len(set(cells)) == len(cells) > 80
    assert NO_PORTS == BESIDE | BASES
