"""The analysis against logs with ground truth (loghub: Zhu et al., ISSRE 2023), where they are at hand.

They lie in ``data/logs`` of the folder that ``FAULTMAVEN_SHARED`` names, or of ``shared`` beside the checkout.
"""

import csv
import os
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import pytest

from faultmaven_domain.evidence.analysis import LogReport, analyse_log, looks_like_log, suspects
from faultmaven_domain.evidence.analysis.masking import Masker
from faultmaven_domain.evidence.analysis.records import RecordReader
from faultmaven_domain.evidence.analysis.templates import TemplateMiner

SHARED = Path(os.environ.get("FAULTMAVEN_SHARED") or Path(__file__).parents[3].parent / "shared")
LOGS = SHARED / "data" / "logs"
FLOORS = {
    "Android": 0.98,
    "Apache": 1.0,
    "HDFS": 0.995,
    "Hadoop": 0.99,
    "Linux": 0.99,
    "OpenSSH": 1.0,
    "Proxifier": 1.0,
    "Zookeeper": 0.99,
}

pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason=f"no logs with ground truth in {LOGS}")


def lines_of(system: str) -> list[str]:
    return (LOGS / system / f"{system}_2k.log").read_text(encoding="utf-8").splitlines()


def truth_of(system: str) -> list[dict[str, str]]:
    with (LOGS / system / f"{system}_2k.log_structured.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def grouping_accuracy(found: Sequence[Hashable], truth: Sequence[Hashable]) -> float:
    """The share of lines in groups that hold exactly the lines of one true group."""

    def groups(labels: Sequence[Hashable]) -> set[frozenset[int]]:
        members: dict[Hashable, set[int]] = defaultdict(set)
        for line, label in enumerate(labels):
            members[label].add(line)
        return {frozenset(lines) for lines in members.values()}

    return sum(map(len, groups(found) & groups(truth))) / len(truth)


@pytest.mark.parametrize(("system", "floor"), FLOORS.items(), ids=FLOORS)
def test_lines_are_grouped_as_people_group_them(system: str, floor: float) -> None:
    """Without being told the system, its lines fall into the groups of the ground truth."""
    masker, miner = Masker(), TemplateMiner()
    shapes = [miner.add(r.level, masker.words(r.message)) for r in RecordReader().records(lines_of(system))]
    miner.merge()

    found = [shape.root() if shape else None for shape in shapes]

    assert grouping_accuracy(found, [row["EventId"] for row in truth_of(system)]) >= floor


@pytest.mark.parametrize("system", FLOORS)
def test_messages_are_told_from_heads(system: str) -> None:
    """Every line is a record, and its message is the ground truth's content."""
    records = list(RecordReader().records(lines_of(system)))

    assert [row["Content"].split() for row in truth_of(system)] == [record.message.split() for record in records]


@pytest.mark.parametrize("system", FLOORS)
def test_they_are_known_for_logs(system: str) -> None:
    """The first lines are enough to know a log."""
    assert looks_like_log("\n".join(lines_of(system)[:50]))


def test_zookeepers_warnings_are_counted_exactly() -> None:
    """The five most frequent warnings have the true counts, and each quoted line is of its pattern."""
    truth = truth_of("Zookeeper")
    events = Counter(row["EventId"] for row in truth if row["Level"] in ("WARN", "ERROR"))
    lines = lines_of("Zookeeper")

    report = analyse_log(lines)
    warnings = sorted((p for p in report.patterns if p.severity == "warning"), key=lambda p: -p.count)[:5]

    assert [314, 291, 266, 262, 86] == [p.count for p in warnings] == [n for _, n in events.most_common(5)]
    for pattern, (event, _) in zip(warnings, events.most_common(5), strict=True):
        of_event = [place for place, row in enumerate(truth) if row["EventId"] == event]
        assert {event} == {truth[sample.number - 1]["EventId"] for sample in pattern.samples}
        assert all(lines[sample.number - 1].rstrip() == sample.text for sample in pattern.samples)
        times = sorted(f"{truth[place]['Date']} {truth[place]['Time']}" for place in of_event)
        assert (times[0], times[-1]) == (pattern.first_time, pattern.last_time)


FIRST = {
    "Apache": "mod_jk child workerEnv in error state <*>",
    "HDFS": "Got exception while serving",
    "Hadoop": "java.net.NoRouteToHostException",
    "OpenSSH": "POSSIBLE BREAK-IN ATTEMPT!",
    "Linux": "authentication failure",
    "Proxifier": "error :",
    "Zookeeper": "Unexpected exception causing shutdown",
}


@pytest.mark.parametrize(("system", "says"), FIRST.items(), ids=FIRST)
def test_what_ranks_first_is_what_one_would_look_at(system: str, says: str) -> None:
    """The first pattern of each log is its plainest trouble."""
    assert says in analyse_log(lines_of(system)).patterns[0].template


def test_zookeepers_first_suspect_is_the_peer_that_cannot_be_reached() -> None:
    """The channel to the election address, which cannot be opened, began before the rest."""
    report: LogReport = analyse_log(lines_of("Zookeeper"))

    assert "Cannot open channel" in suspects({"zookeeper.log": report})[0].pattern.template
