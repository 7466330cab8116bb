"""The suites notice what they are there to notice: a broken adapter of each kind fails, a healthy one passes."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from attrs import define, field

from tests.architecture.source import ROOT
from tests.architecture.test_contract_suites import BASES, BESIDE, suites
from tests.port_table import Cell, cell_of

ADAPTERS = Path(__file__).with_name("broken_adapters.py")
#: What a run within a run does without.
WITHOUT = ("xdist", "faulthandler", "unraisableexception", "threadexception", "cacheprovider")


@define(eq=False)
class Verdicts:
    """What became of each cell's tests. One failure of a broken adapter is enough: its other tests are passed over.

    So are those that hypothesis plays, which cost the most, above all where they fail.
    """

    found: dict[Cell, Counter[str]] = field(factory=lambda: defaultdict(Counter))

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        items[:] = [item for item in items if not hasattr(item.obj, "hypothesis")]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        cell = cell_of(item)
        if cell is not None and cell[1] == "broken" and self.found[cell]["failed"]:
            pytest.skip("It failed.")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        cell = dict(report.user_properties).get("cell")
        if isinstance(cell, list) and (report.failed or report.when == "call"):
            self.found[str(cell[0]), str(cell[1])][report.outcome] += 1


@pytest.fixture(scope="module")
def verdicts() -> dict[Cell, Counter[str]]:
    """Of one run of both adapters of every suite, within this process."""
    plugin = Verdicts()
    options = ["-q", "--capture=no", "--tb=no", *(f"-pno:{name}" for name in WITHOUT)]
    pytest.main([*options, f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", str(ADAPTERS)], [plugin])
    return plugin.found


def test_every_suite_finds_its_broken_adapter(verdicts: dict[Cell, Counter[str]]) -> None:
    """Each suite fails the adapter that loses, mixes up, repeats or lets through, and passes the one that does not."""
    wanted = {suite.removesuffix("Contract") for suite in set(suites(ROOT / "tests/contracts")) - BESIDE - BASES}

    assert {port for port, _ in verdicts} == wanted
    assert {port for port in wanted if not verdicts[port, "broken"]["failed"]} == set()
    assert {port for port in wanted if verdicts[port, "healthy"].keys() != {"passed"}} == set()
