import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cattrs.preconf.json import make_converter
from hypothesis import given, settings
from hypothesis import strategies as st

from faultmaven_domain.evidence.analysis import LogReport, Onset, Suspect, analyse_log, suspects, timeline

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
TROUBLE = 2_400  # seconds after noon


def java(second: float, text: str) -> str:
    return f"{NOON + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S.%fZ} {text}"


def postgres(second: float, text: str) -> str:
    return f"{NOON + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}.000 UTC [{second % 900:.0f}] {text}"


def syslog(second: float, text: str) -> str:
    return f"{NOON + timedelta(seconds=second):%b %d %H:%M:%S} node1 {text}"


def gateway() -> list[str]:
    """An hour of a gateway: noise from the start, and 5xx and timeouts from a little behind the trouble on."""
    lines = []
    for second in range(3_600):
        lines.append(java(second, f"INFO [http-{second % 9}] c.e.Gateway - GET /orders/{second} done in 12 ms"))
        if second % 400 == 11:
            lines.append(java(second, f"ERROR [http-1] c.e.Mail - mail to user{second} failed: invalid address"))
        if second > TROUBLE + 5 and second % 2:
            lines.append(java(second, f"ERROR [http-1] c.e.Gateway - GET /orders/{second} failed with status=503"))
            lines.append(
                java(second, f"WARN [http-1] c.e.Gateway - upstream orders timed out after {second} ms, retrying")
            )
    return lines


def service(write: Callable[[float, str], str], calm: str, cause: str, every: int = 7) -> list[str]:
    """A service that is calm until the trouble, and then tells its cause again and again."""
    lines = [write(second, calm.format(second)) for second in range(0, 3_600, 3)]
    lines += [write(second, cause.format(second)) for second in range(TROUBLE, 3_600, every)]
    return sorted(lines)


INCIDENTS = {
    "disk": (
        "postgres.log",
        service(
            postgres,
            "LOG:  checkpoint complete: wrote {} buffers",
            'PANIC:  could not write "pg_wal/{}": No space left on device',
        ),
        "No space left on device",
        "disk space",
    ),
    "memory": (
        "syslog",
        service(
            syslog,
            "systemd[1]: Started session {} of user root.",
            "kernel: Out of memory: Killed process {} (java)",
            600,
        ),
        "Out of memory",
        "memory",
    ),
    "certificate": (
        "identity.log",
        service(
            java,
            "INFO [main] c.e.Id - token {} issued",
            "ERROR [main] c.e.Tls - handshake {} failed: certificate has expired",
        ),
        "certificate has expired",
        "a certificate",
    ),
    "names": (
        "orders.log",
        service(
            java,
            "INFO [main] c.e.Orders - order {} stored",
            "ERROR [main] c.e.Orders - dial db.internal, request {}: no such host",
        ),
        "no such host",
        "does not resolve",
    ),
    "pool": (
        "orders.log",
        service(
            java,
            "INFO [main] c.e.Orders - order {} stored",
            "ERROR [main] c.e.Pool - connection pool exhausted, {} waiting",
        ),
        "connection pool exhausted",
        "a pool",
    ),
    "configuration": (
        "orders.log",
        service(
            java,
            "INFO [main] c.e.Orders - order {} stored",
            "ERROR [main] c.e.Boot - start {} failed: missing environment variable PRICES",
        ),
        "missing environment variable",
        "a configuration",
    ),
}


@pytest.mark.parametrize(("name", "lines", "says", "ground"), INCIDENTS.values(), ids=INCIDENTS)
def test_the_cause_is_suspected_before_its_consequences(name: str, lines: list[str], says: str, ground: str) -> None:
    """However many timeouts and 5xx follow in the gateway, what names a cause and came first is looked at first."""
    found = suspects({"gateway.log": analyse_log(gateway()), name: analyse_log(lines)})

    assert name == found[0].source
    assert says in found[0].pattern.template
    assert ground in found[0].why


def test_a_consequence_ranks_behind_what_may_be_a_cause() -> None:
    """Of two failures that began together, the one that reads like a consequence comes second."""
    calm = [java(second, f"INFO [main] c.e.A - step {second}") for second in range(60)]
    both = [
        java(61, "ERROR [main] c.e.A - upstream timed out"),
        java(61, "ERROR [main] c.e.A - the sums do not add up"),
    ]

    found = suspects({"a.log": analyse_log([*calm, *both])})

    assert ["the sums" in suspect.pattern.template for suspect in found] == [True, False]
    assert "reads like a consequence" in found[1].why


def test_without_times_a_pattern_is_new_by_its_lines() -> None:
    """What first stands far down a log without times was absent from its early part."""
    (onset,) = timeline({"a.log": analyse_log([*(f"[INFO] step {n}" for n in range(50)), "[ERROR] it broke"])})

    assert onset.is_new
    assert onset.at is None


def test_a_suspicion_is_not_a_verdict() -> None:
    """Each suspect says on what grounds it is one; there are at most five, best first."""
    found = suspects({"gateway.log": analyse_log(gateway())})

    assert 1 <= len(found) <= 5
    assert sorted((s.score for s in found), reverse=True) == [s.score for s in found]
    for suspect in found:
        assert suspect.why.startswith("It ")
        assert suspect.why.endswith(".")


def test_noise_from_the_start_is_not_suspected_first() -> None:
    """What failed all along is said to have, and ranks behind what is new."""
    found = suspects({"gateway.log": analyse_log(gateway())})
    (noise,) = [s for s in found if "mail to" in s.pattern.template]

    assert "was there from the start of its log" in noise.why
    assert found[0] != noise


def test_a_change_just_before_the_trouble_is_a_suspect() -> None:
    """A deployment shortly before the first failure is named, one long before is not."""
    late = [*gateway(), java(TROUBLE - 60, "INFO [main] c.e.Deploy - deployed version 2.0 of orders")]
    early = [*gateway(), java(TROUBLE - 1_500, "INFO [main] c.e.Deploy - deployed version 2.0 of orders")]

    def deployed(lines: list[str]) -> list[Suspect]:
        return [s for s in suspects({"gateway.log": analyse_log(sorted(lines))}) if "deployed" in s.pattern.template]

    assert ["a change" in suspect.why for suspect in deployed(late)] == [True]
    assert deployed(early) == []


def test_a_log_that_others_failures_name_is_suspected_the_more() -> None:
    """Where the gateway's failures name redis, what fails in redis.log counts for more."""
    redis = service(
        java, "INFO [main] c.e.Redis - key {} set", "ERROR [main] c.e.Redis - replica {} fell behind and failed"
    )
    naming = [line.replace("upstream orders", "upstream redis") for line in gateway()]

    def score(lines: list[str]) -> float:
        found = suspects({"gateway.log": analyse_log(lines), "redis.log": analyse_log(redis)})
        return next(s.score for s in found if s.source == "redis.log")

    assert score(naming) > score(gateway())


def test_a_stray_failure_long_before_the_trouble_does_not_open_it() -> None:
    """One odd failure in the middle of the calm is not where the trouble began, and one just before it may be."""

    def first(second: float) -> str:
        lines = [*gateway(), java(second, "ERROR [main] c.e.Prices - the price table was not read")]
        return suspects({"gateway.log": analyse_log(sorted(lines))})[0].pattern.template

    assert "price table" in first(TROUBLE - 2)
    assert "price table" not in first(TROUBLE - 1_200)


def test_a_mention_by_what_failed_before_counts_for_nothing() -> None:
    """A database that refused a client first, and names it, does not make the client the suspect."""
    database = service(postgres, "LOG:  checkpoint {} complete", "FATAL:  sorry, too many clients already: orders {}")
    orders = service(
        lambda second, text: java(second + 20, text),
        "INFO [main] c.e.Orders - order {} stored",
        "ERROR [main] c.e.Orders - pool exhausted, {} waiting",
    )

    found = suspects({"postgres.log": analyse_log(database), "orders.log": analyse_log(orders)})

    assert [suspect.source for suspect in found] == ["postgres.log", "orders.log"]
    assert "mention" not in found[1].why


def test_without_times_it_is_said_that_the_order_is_unknown() -> None:
    """No time, no order: the words alone decide, and the sentence says so."""
    found = suspects({"a.log": analyse_log(["[ERROR] upstream timed out", "[ERROR] no space left on device"])})

    assert "no space" in found[0].pattern.template
    assert "what came first is not known" in found[0].why


def test_nothing_fails_and_nothing_is_suspected() -> None:
    """A calm log has no onset and no suspect, and so has no log at all."""
    calm = {"a.log": analyse_log([java(s, f"INFO [main] c.e.A - step {s}") for s in range(50)])}

    assert () == suspects(calm) == timeline(calm) == suspects({}) == timeline({})


def test_the_timeline_runs_across_logs_and_their_ways_of_writing_time() -> None:
    """Aware, naive and yearless times are put on one clock, the year borrowed; new patterns are told from noise."""
    kernel = service(
        syslog, "systemd[1]: Started session {} of user root.", "kernel: Out of memory: Killed process {}", 600
    )
    onsets = timeline({"gateway.log": analyse_log(gateway()), "syslog": analyse_log(kernel)})

    assert [
        next(start for start in ("mail", "Out of", "GET", "upstream") if o.pattern.template.startswith(start))
        for o in onsets
    ] == ["mail", "Out of", "GET", "upstream"]
    assert [onset.is_new for onset in onsets] == [False, True, True, True]
    assert NOON + timedelta(seconds=TROUBLE) == onsets[1].at


def test_a_bare_clock_takes_the_day_of_the_other_logs() -> None:
    """A log that writes no date is put on the day of the others."""
    bare = [f"12:{minute:02d}:00.000 [main] ERROR c.e.A - step {minute} failed" for minute in range(10)]
    onsets = timeline({"gateway.log": analyse_log(gateway()), "bare.log": analyse_log(bare)})

    assert next(onset.at for onset in onsets if onset.source == "bare.log") == NOON


def test_a_burst_of_what_was_there_before_is_seen() -> None:
    """Retries now and then are noise; a minute full of them is a burst, and its time is when it began in earnest."""
    lines = [java(second, f"ERROR [main] c.e.A - call {second} failed") for second in range(0, 3_600, 300)]
    lines += [java(3_000 + second, f"ERROR [main] c.e.A - call {second} failed") for second in range(1, 60)]
    lines += [java(3_100, "ERROR [main] c.e.A - the sums do not add up")]
    reports = {"a.log": analyse_log(sorted(lines))}

    assert [(onset.is_new, onset.burst) for onset in timeline(reports)] == [(False, True), (True, False)]
    (found,) = [s for s in suspects(reports) if "call" in s.pattern.template]
    assert "then came in a burst" in found.why
    assert re.search(r"began at 2024-05-01 12:(?:49|50):\d\d, before 1 other failing pattern", found.why)


def test_the_timeline_keeps_to_its_limit_and_keeps_what_matters() -> None:
    """Failures are kept before warnings, and the order of time remains."""
    lines = [java(s, f"WARN [main] c.e.A - {'abcdefghij'[s % 10] * 3} is {'xyz'[s % 3]} slow") for s in range(60)]
    lines += [java(70, "ERROR [main] c.e.A - it broke")]
    onsets = timeline({"a.log": analyse_log(lines)}, limit=3)

    assert len(onsets) == 3
    assert onsets[-1].pattern.template == "it broke"


def test_onsets_and_suspects_survive_json() -> None:
    """Written as JSON and read again, they are the same."""
    converter = make_converter()
    reports = {"gateway.log": analyse_log(gateway())}
    onsets, found = timeline(reports), suspects(reports)

    assert onsets == converter.structure(json.loads(converter.dumps(onsets)), tuple[Onset, ...])
    assert found == converter.structure(json.loads(converter.dumps(found)), tuple[Suspect, ...])


LINE = st.builds(
    "{} {}".format,
    st.sampled_from(
        [
            "2024-05-01 12:00:00",
            "2024-05-01T12:30:00Z",
            "Feb 29 12:00:00",
            "12:00:00",
            "[1234.000001]",
            "",
            "10.30 16:49:06",
        ]
    ),
    st.sampled_from(["ERROR it failed", "WARN retrying", "INFO ok", "no space left on device", "deployed version 2"]),
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=12), st.lists(LINE, max_size=12).map(analyse_log), max_size=4))
def test_any_mixture_of_logs_is_borne(reports: dict[str, LogReport]) -> None:
    """Whatever times the logs write or do not, there is a timeline in order, and there are suspects of these logs."""
    times = [onset.at for onset in timeline(reports) if onset.at]

    assert times == sorted(times)
    assert {suspect.source for suspect in suspects(reports)} <= set(reports)
