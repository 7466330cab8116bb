"""The table port × adapter × tests passed, made of the very run that prints it.

A test counts for an adapter where its class inherits the port's suite (``…Contract``), and for a module in this process
or apart where it reaches the module's service both ways. What is to be in the table is said in ``docs/adapters.md``
alone. A run of the whole suite prints the table and fails for each gap in it; a run of a part does neither.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from attrs import define, field, frozen

#: What is not the port's own: a suite beside it for some of its adapters, and one that others extend.
BESIDE = frozenset({"VendorContract", "ModuleContract", "DataProviderContract"})
DECLARED = "docs/adapters.md"
TITLE = "ports × adapters: contract tests passed"
Cell = tuple[str, str]


@frozen
class Gap:
    """What a cell is and should not be."""

    cell: Cell
    what: str

    def __str__(self) -> str:
        return f"{self.cell[0]} × {self.cell[1]}: {self.what}"


@define
class Tally:
    """What became of each cell's tests. One that skips itself, by a capability its adapter declares, is ``declared``;
    one whose fixtures or marks skip it, as where a server is missing, is ``skipped``."""

    cells: dict[Cell, Counter[str]] = field(factory=dict)

    def count(self, cell: Cell, outcome: str) -> None:
        self.cells.setdefault(cell, Counter())[outcome] += 1

    def gaps(self, wanted: Iterable[Cell]) -> list[Gap]:
        found = []
        for cell in wanted:
            counted = self.cells.get(cell, Counter())
            if counted["failed"] or counted["skipped"]:
                found.append(Gap(cell, f"{counted['failed']} failed, {counted['skipped']} skipped"))
            elif not counted["passed"]:
                found.append(Gap(cell, "no test passed"))
        return found + [Gap(cell, f"not in {DECLARED}") for cell in sorted(self.cells.keys() - set(wanted))]

    def lines(self) -> list[str]:
        """A line for each port: its adapters with the tests passed, and after a minus those their suite passed over."""
        rows: dict[str, list[str]] = {}
        for (port, adapter), counted in sorted(self.cells.items()):
            rows.setdefault(port, []).append(f"{adapter} {_number(counted)}")
        width = max(map(len, rows), default=0)
        return [f"{port:<{width}}  {' · '.join(cells)}" for port, cells in rows.items()]


def _number(counted: Mapping[str, int]) -> str:
    wrong = [f"{counted[outcome]} {outcome}" for outcome in ("failed", "skipped") if counted[outcome]]
    passed = f"{counted['passed']}" + (f" −{counted['declared']}" if counted["declared"] else "")
    return f"{passed} ({', '.join(wrong)})" if wrong else passed


def declared(page: Path) -> list[Cell]:
    """The cells of the page's table: rows that begin with a port in backticks, and then its adapters."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [(port, adapter.strip()) for port, adapters in rows for adapter in adapters.split(",")]


def cell_of(item: pytest.Item) -> Cell | None:
    """Which cell a test counts for; an adapter's own tests, beside the suite, count for none.

    One that takes the place of the suite's counts for a cell that no page declares.
    """
    if ways := _ways(item, only="reach"):
        return f"{item.path.parent.name} module", ways[0]
    kind, name = getattr(item, "cls", None), getattr(item, "originalname", item.name)
    having = [base for base in getattr(kind, "__mro__", ()) if name in vars(base)]
    if kind is None or not any(base.__name__.endswith("Contract") for base in having):
        return None
    instead = None if having[0].__name__.endswith("Contract") else f"with its own {name}"
    suites = [base.__name__ for base in kind.__mro__ if base.__name__.endswith("Contract")]
    port = next(suite for suite in suites if suite not in BESIDE).removesuffix("Contract")
    return port, " ".join(filter(None, [adapter_of(kind.__name__, port), *_ways(item), instead]))


def adapter_of(test_class: str, port: str) -> str:
    """What is left of a test class's name without the port's words: TestSqlCases of CaseRepository is of ``Sql``."""
    words, said = _words(test_class.removeprefix("Test")), set(_words(port))
    return "".join(word for word in words if not {word, word.removesuffix("s"), re.sub("ies$", "y", word)} & said)


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z][a-z0-9]+|[A-Z]+[0-9]*", name)


def _ways(item: pytest.Item, only: str | None = None) -> list[str]:
    """What the engine's fixtures were given, as that of both SQL engines is; not what the test itself is tried with."""
    given = {} if getattr(item, "callspec", None) is None else item.callspec.params  # type: ignore[attr-defined]
    own = {word.strip() for mark in item.iter_markers("parametrize") for word in _argnames(mark)}
    return [str(value) for name, value in given.items() if name not in own and only in (None, name)]


def _argnames(mark: pytest.Mark) -> list[str]:
    names = mark.args[0]
    return names.split(",") if isinstance(names, str) else list(names)


def whole(config: pytest.Config) -> bool:
    """Whether nothing was left out by what the command line says."""
    all_of_it = {config.rootpath, *(config.rootpath / path for path in config.getini("testpaths"))}
    given = {(config.invocation_params.dir / arg).resolve() for arg in config.args}
    option = config.option
    narrowed = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "last_failed", "collectonly")
    return bool(given & all_of_it) and not any(getattr(option, name, None) for name in narrowed)


@define(eq=False)
class PortTable:
    """Notes each test's cell where it is collected, and counts where the reports come together."""

    page: Path
    tally: Tally = field(factory=Tally)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if (cell := cell_of(item)) is not None:
            item.user_properties.append(("cell", list(cell)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        cell = dict(report.user_properties).get("cell")
        if not isinstance(cell, list) or (report.passed and report.when != "call"):
            return
        passed_over = report.skipped and report.when == "call"
        self.tally.count((str(cell[0]), str(cell[1])), "declared" if passed_over else report.outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Each gap is one more failed test, before the terminal says how many there were."""
        ended = session.shouldfail or session.shouldstop or session.exitstatus not in (0, pytest.ExitCode.TESTS_FAILED)
        if self._told(session.config) and not ended and (found := self.tally.gaps(declared(self.page))):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            session.testsfailed += len(found)
            failed = session.config.pluginmanager.getplugin("terminalreporter").stats.setdefault("failed", [])
            failed.extend(_report(gap) for gap in found)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        if self._told(config):
            terminalreporter.section(TITLE)
            terminalreporter.write("".join(f"{line}\n" for line in self.tally.lines()))

    def _told(self, config: pytest.Config) -> bool:
        """Not by a worker, whose reports are a part."""
        return not hasattr(config, "workerinput") and whole(config)


def _report(gap: Gap) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=f"{DECLARED}::{gap}", location=(DECLARED, None, str(gap)), keywords={}, outcome="failed",
        longrepr=str(gap), when="call",
    )  # fmt: skip
