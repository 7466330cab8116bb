import json
from datetime import UTC, datetime, timedelta

import pytest
from cattrs.preconf.json import make_converter
from hypothesis import given, settings
from hypothesis import strategies as st

from faultmaven_domain.evidence.analysis import LogPattern, LogReport, analyse_log, looks_like_log
from faultmaven_domain.evidence.analysis.severity import severity_of

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def a_log() -> list[str]:
    """An hour of a shop: orders, a warning now and then, and at half past a full disk."""
    lines = []
    for second in range(0, 3_600, 2):
        at = NOON + timedelta(seconds=second)
        lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ} INFO  [http-{second % 7}] c.e.Orders - order {second * 31} accepted")
        if second % 60 == 0:
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ} WARN  [pool-1] c.e.Cache - cache miss for key user:{second}")
        if second in (1_800, 1_802):
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ} ERROR [http-1] c.e.Disk - write failed: No space left on device")
        if second > 1_802 and second % 10 == 0:
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ} ERROR [http-1] c.e.Orders - order {second * 31} failed")
    return lines


def pattern(report: LogReport, start: str) -> LogPattern:
    (found,) = [p for p in report.patterns if p.template.startswith(start)]
    return found


def test_patterns_have_exact_counts_and_times() -> None:
    """A pattern says how often, from when, until when, and at which level and component."""
    report = analyse_log(a_log())
    found = pattern(report, "cache miss")

    assert (
        found.template,
        found.level,
        found.severity,
        found.component,
    ) == ("cache miss for key user:<*>", "WARN", "warning", "c.e.Cache")
    assert (found.count, found.first_time, found.last_time) == (60, "2024-05-01T12:00:00Z", "2024-05-01T12:59:00Z")
    assert (NOON, NOON + timedelta(minutes=59)) == (found.first_at, found.last_at)


def test_the_report_sums_up_the_log() -> None:
    """Lines, records, the span of time and the levels are those of the whole log."""
    report = analyse_log(a_log())

    assert report.line_count == report.record_count == len(a_log())
    assert (report.first_time, report.last_time) == ("2024-05-01T12:00:00Z", "2024-05-01T12:59:58Z")
    assert report.level_counts == (("ERROR", 181), ("WARN", 60), ("INFO", 1_800))
    assert report.dropped == 0


def test_failures_come_first_and_a_rare_grave_one_before_a_frequent_one() -> None:
    """A full disk seen twice is not buried under a hundred failed orders; warnings follow, then the rest."""
    report = analyse_log(a_log())

    assert [
        next(
            start
            for start in ("write failed", "order <*> failed", "cache miss", "order <*> accepted")
            if p.template.startswith(start)
        )
        for p in report.patterns
    ] == ["write failed", "order <*> failed", "cache miss", "order <*> accepted"]


def test_what_says_so_by_its_level_comes_before_what_only_reads_so() -> None:
    """An ERROR stands before INFO lines that tell of a failure, were they more."""
    lines = [f"2024-05-01 12:00:{n:02d} INFO attempt {n} failed" for n in range(30)]
    report = analyse_log([*lines, "2024-05-01 12:00:30 ERROR it broke", "2024-05-01 12:00:31 WARN it creaks"])

    assert [p.template for p in report.patterns] == ["it broke", "attempt <*> failed", "it creaks"]


def test_samples_are_lines_of_the_pattern_first_and_last_among_them() -> None:
    """Each quoted line stands in the log under its number and says what the pattern says."""
    lines = a_log()
    report = analyse_log([f"{line}\n" for line in lines], samples=4)

    for found in report.patterns:
        assert found.first_line == found.samples[0].number
        assert found.last_line == found.samples[-1].number
        assert len(found.samples) == min(4, found.count)
        numbers = [sample.number for sample in found.samples]
        assert numbers == sorted(set(numbers))
        for sample in found.samples:
            assert lines[sample.number - 1] == sample.text
            assert all(word in sample.text for word in found.template.split() if "<*>" not in word)


def test_times_out_of_order_give_earliest_and_latest() -> None:
    """The first time is the earliest, wherever in the log it stands."""
    report = analyse_log(f"2024-05-01 12:00:{second:02d} INFO tick {second}" for second in (5, 1, 9, 3))

    assert (report.first_time, report.last_time) == ("2024-05-01 12:00:01", "2024-05-01 12:00:09")
    (found,) = report.patterns
    assert (found.first_time, found.last_time) == (report.first_time, report.last_time)
    assert (found.first_line, found.last_line) == (1, 4)


def test_a_burst_is_seen() -> None:
    """The densest stretch of a pattern is given with its beginning."""
    calm = [f"2024-05-01 {hour:02d}:00:00 WARN slow answer {hour}" for hour in range(10)]
    burst = [f"2024-05-01 10:00:{second:02d} WARN slow answer {second}" for second in range(60)]

    (found,) = analyse_log(calm + burst).patterns

    assert found.peak >= 30
    assert found.peak_at is not None
    assert datetime(2024, 5, 1, 9, 30) <= found.peak_at < datetime(2024, 5, 1, 10, 1)


def test_exceptions_below_a_line_are_told() -> None:
    """The exceptions of a stack trace are the pattern's causes, and make it a failure."""
    (found,) = analyse_log(
        ["2024-05-01 12:00:00 INFO job 1 ended", "  java.io.IOException: disk full", "    at a.B(B.java:1)"]
    ).patterns

    assert (found.severity, found.causes) == ("failure", ("java.io.IOException: disk full",))


def test_a_component_is_named_only_where_it_is_the_patterns() -> None:
    """A message that several components write belongs to none of them."""
    lines = [f"2024-05-01 12:00:{n:02d} INFO a.b.C{n % 5} - checkpoint done" for n in range(20)]

    assert [p.component for p in analyse_log(lines).patterns] == [None]


SEVERITIES = {
    "Failed password for root": "failure",
    "connection refused": "failure",
    "Connection reset by peer": "failure",
    "request timed out after <*>ms": "failure",
    "java.lang.OutOfMemoryError: Java heap space": "failure",
    "write: no space left on device": "failure",
    "POSSIBLE BREAK-IN ATTEMPT!": "failure",
    "GET <*> status=503": "failure",
    "GET <*> status=429": "warning",
    "GET <*> status=404": "normal",
    "segfault at <*>": "failure",
    "permission denied": "failure",
    "Retrying connect to server": "warning",
    "Expiring session <*>, timeout of <*>ms exceeded": "warning",
    "Invalid user <*> from <*>": "warning",
    "Notification time out: <*>": "normal",
    "Established session <*> with negotiated timeout <*> for client <*>": "normal",
    "finished with 0 errors": "normal",
    "job ended, failed=0": "normal",
    "completed without any errors": "normal",
    "Verification succeeded": "normal",
    "accepted connection": "normal",
}


@pytest.mark.parametrize(("text", "severity"), SEVERITIES.items(), ids=SEVERITIES)
def test_words_tell_where_the_level_does_not(text: str, severity: str) -> None:
    """An INFO line may tell of a failure, and a setting called timeout does not."""
    assert severity == severity_of(None, text) == severity_of("INFO", text)


def test_the_level_counts_where_it_is_alarming() -> None:
    """ERROR is a failure and WARN a warning whatever the words; DEBUG is never more than a warning."""
    assert severity_of("ERROR", "all is well") == "failure"
    assert severity_of("WARN", "it failed") == "warning"
    assert severity_of("DEBUG", "it failed") == "warning"


def test_a_report_survives_json() -> None:
    """Written as JSON and read again, a report is the same."""
    converter = make_converter()
    report = analyse_log([*a_log(), "Jun 14 15:16:01 host sshd[1]: Failed password"])

    assert report == converter.structure(json.loads(converter.dumps(report)), LogReport)


def test_an_empty_log_is_a_report_too() -> None:
    """Nothing in, nothing out."""
    report = analyse_log([])

    assert (report.line_count, report.record_count, report.first_at, report.patterns) == (0, 0, None, ())


LINES = st.one_of(
    st.text(max_size=120),
    st.builds(
        "2024-05-01 12:{:02d}:{:02d} {} {}".format,
        st.integers(0, 59),
        st.integers(0, 59),
        st.sampled_from(["INFO", "ERROR", "WARN [x] a.b.C -", ""]),
        st.text(max_size=60),
    ),
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=40))
def test_any_text_makes_a_report_that_adds_up(lines: list[str]) -> None:
    """Whatever is read, every record is in one pattern or dropped, and every sample is in the text."""
    lines = [line.replace("\n", " ").replace("\r", " ") for line in lines]
    report = analyse_log(lines)

    assert report.record_count == sum(p.count for p in report.patterns) + report.dropped
    for found in report.patterns:
        assert 1 <= found.first_line <= found.last_line <= report.line_count
        assert found.samples
        for sample in found.samples:
            assert sample.text.strip() in lines[sample.number - 1] or "\x1b" in lines[sample.number - 1]


LOGS = {
    "with times": "\n".join(a_log()[:50]),
    "with levels": "[INFO] Building\n[INFO] Compiling\n[ERROR] No such file\n",
    "syslog": "Jun 14 15:16:01 a sshd[1]: check pass\nJun 14 15:16:02 a sshd[1]: session closed\n",
    "json": '{"ts":"2024-05-01T12:00:00Z","level":"info","msg":"up"}\n{"ts":"2024-05-01T12:00:01Z","msg":"down"}\n',
    "traces": "2024-05-01 12:00:00 ERROR it broke\n" + "\tat a.B\n" * 30 + "2024-05-01 12:00:01 INFO next\n",
}
NO_LOGS = {
    "nothing": "",
    "prose": "The database was slow on 2024-05-01 12:00:00.\nWe restarted it.\nThen it was fast.\n",
    "a runbook": "# Disk full\n\n## Meaning\nThe disk is full.\n\n## Fix\n- delete files\n- ERROR lines tell which\n",
    "yaml": "apiVersion: v1\nkind: Pod\nmetadata:\n  creationTimestamp: 2024-05-01T12:00:00Z\n  name: web\nspec: {}\n",
    "json": '{\n  "a": 1,\n  "b": [2, 3]\n}\n',
    "a table": "NAME   READY  STATUS\nweb-1  1/1    Running\nweb-2  0/1    CrashLoopBackOff\n",
    "numbers": "2024-05-01 12:00:00,1,2\n2024-05-01 12:00:01,3,4\n",
}


@pytest.mark.parametrize("text", LOGS.values(), ids=LOGS)
def test_logs_are_known_by_their_heads(text: str) -> None:
    """Lines that begin with a time or a level make a log."""
    assert looks_like_log(text)


@pytest.mark.parametrize("text", NO_LOGS.values(), ids=NO_LOGS)
def test_other_texts_are_not_taken_for_logs(text: str) -> None:
    """Prose, runbooks, manifests and tables are no logs, even with a time in them."""
    assert not looks_like_log(text)
