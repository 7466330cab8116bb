"""The bundled incident and its runbooks: what the demo shows must be there, the same each time, and counted right."""

import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml

import faultmaven_http.demo
from faultmaven_http.demo.incident import INCIDENT_QUESTION, TITLE, ground_truth, write_incident
from faultmaven_http.demo.outage import play
from faultmaven_http.demo.outage.scene import CHECKOUT_PODS, END, MAX_CONNECTIONS, NEW_PODS
from faultmaven_http.demo.outage.stills import age

RUNBOOKS = sorted((Path(faultmaven_http.demo.__file__).parent / "runbooks").glob("*.md"))
SECTIONS = ["Meaning", "Symptoms", "Diagnosis", "Causes", "Fix", "Prevention"]
LOGS = ("gateway.log", "checkout.log", "postgres.log")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def incident(tmp_path: Path) -> dict[str, str]:
    write_incident(tmp_path / "incident")
    return {path.name: path.read_bytes().decode() for path in (tmp_path / "incident").iterdir()}


def _first(text: str, part: str) -> tuple[int, str]:
    return next((number, line) for number, line in enumerate(text.splitlines(), start=1) if part in line)


def test_two_writings_are_identical(tmp_path: Path) -> None:
    """The incident is the same bytes every time, and writing over an older one is no error."""
    for name in ("one", "two", "two"):
        write_incident(tmp_path / name)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert set(one) == {*LOGS, "checkout-config.yaml", "kubectl-get-pods.txt"}


def test_the_incident_has_thousands_of_lines_of_three_components(incident: dict[str, str]) -> None:
    """The three logs are as long as the ground truth says, six thousand lines or more together."""
    lines = {name: len(incident[name].splitlines()) for name in LOGS}
    assert lines == ground_truth["lines"]
    assert sum(lines.values()) >= 6_000
    assert min(lines.values()) >= 1_000


def test_counts_are_exact(incident: dict[str, str]) -> None:
    """Each count of the ground truth is what a text search finds and what the generator counted while it wrote."""
    found = {
        name: sum(pattern["text"] in line for line in incident[pattern["file"]].splitlines())
        for name, pattern in ground_truth["patterns"].items()
    }
    assert found == ground_truth["counts"] == play().counts
    assert min(found.values()) > 0


def test_the_origin_is_the_first_refusal_and_precedes_every_consequence(incident: dict[str, str]) -> None:
    """The stated origin is the first such line; the rollout is before it, and timeouts, errors, 503s and 504s after."""
    number, line = _first(incident[ground_truth["origin_file"]], ground_truth["origin_text"])
    assert number == ground_truth["origin_line"]
    assert line.startswith(ground_truth["origin_at"])
    rollout = ground_truth["rollout_at"].removesuffix(" UTC")
    origin = ground_truth["origin_at"].removesuffix(" UTC")
    waited = _first(incident["checkout.log"], "Connection is not available")[1][:23].replace(",", ".")
    gave_up = _first(incident["checkout.log"], "Could not obtain a database connection")[1][:23].replace(",", ".")
    assert rollout < origin < waited < gave_up
    for status in ("503", "504"):
        stamp = _first(incident["gateway.log"], f'" {status} ')[1].split("[")[1].split(" ")[0]
        assert datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S").isoformat(" ") > origin


def test_the_config_shows_the_root_cause(incident: dict[str, str]) -> None:
    """Pool size, replicas and the server's limit stand in one readable YAML, and their product exceeds the limit."""
    config = incident[ground_truth["config_file"]]
    assert ground_truth["config_text"] in config
    checkout, deployment, server, _ = yaml.safe_load(config)["items"]
    pool = yaml.safe_load(checkout["data"]["application.yaml"])["spring"]["datasource"]["hikari"]
    limit = re.search(r"max_connections = (\d+)", server["data"]["postgresql.conf"])
    assert limit is not None
    assert pool["minimum-idle"] == pool["maximum-pool-size"]
    assert pool["maximum-pool-size"] * deployment["spec"]["replicas"] == 360 > int(limit[1]) == MAX_CONNECTIONS


def test_the_server_never_grants_more_than_it_has() -> None:
    """Open connections reach the limit and never pass it, and they are refused only when it is reached."""
    slots = play().slots
    for turn in slots.turns:
        others = sum(s.since <= turn.ms < s.until for s in slots.sessions)
        assert others <= MAX_CONNECTIONS
        if turn.kind == "refused":
            assert others == MAX_CONNECTIONS
    assert sum(slots.held(pod.name, END) == 0 for pod in NEW_PODS) == 3
    assert max(slots.held(pod.name, END) for pod in NEW_PODS) == 60


def test_a_failed_request_is_the_same_in_both_logs(incident: dict[str, str]) -> None:
    """Every 503 and 504 of the gateway names a pod's address and a request id that this very pod complained about."""
    names = {pod.ip: pod.name for pod in CHECKOUT_PODS}
    complaints = {
        (match[1], match[2])
        for match in re.finditer(
            r"^\S+ \S+ (?:ERROR|WARN ) \[(\S+)\] \[\S+\] \[(\w+)\]", incident["checkout.log"], re.M
        )
    }
    failed = re.findall(r'" 50[34] .* up=([\d.]+):8080 rid=(\w+)$', incident["gateway.log"], re.M)
    assert len(failed) == ground_truth["counts"]["gateway_503"] + ground_truth["counts"]["gateway_504"]
    assert {(names[ip], rid) for ip, rid in failed} <= complaints


def test_nothing_hints_at_the_cause_before_the_rollout(incident: dict[str, str]) -> None:
    """The red herrings are there before the rollout as well as after it, the planted failure only after."""
    before, after = incident["gateway.log"].split("[26/Mar/2026:14:02:19", 1)
    for status in ("502", "404", "499"):
        assert f'" {status} ' in before
        assert f'" {status} ' in after
    for status in ("503", "504"):
        assert f'" {status} ' not in before
    assert "timed out after" not in incident["checkout.log"].split(" 14:02:", 1)[0]


def test_kubectl_lists_the_pods_of_the_logs(incident: dict[str, str]) -> None:
    """The command's output shows the six new pods with their addresses, all Running, and none of the old ones."""
    rows = dict(re.findall(r"^(checkout-\S+) .*\bRunning .* (10\.\S+) ", incident["kubectl-get-pods.txt"], re.M))
    assert rows == {pod.name: pod.ip for pod in NEW_PODS}


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (119_000, "119s"),
        (120_000, "2m"),
        (190_000, "3m10s"),
        (600_000, "10m"),
        (3 * 3_600_000, "3h"),
        (3 * 3_600_000 + 60_000, "3h1m"),
        (9 * 3_600_000, "9h"),
        (48 * 3_600_000, "2d"),
    ],
)
def test_ages_are_written_as_kubectl_writes_them(ms: int, text: str) -> None:
    """An age is shown with the one or two units that kubectl would use."""
    assert age(ms) == text


def test_the_question_does_not_give_the_answer_away() -> None:
    """Neither the title nor the question names the database, a pool or a connection."""
    assert not re.search(r"postgres|pool|connection|database|deploy|release", f"{TITLE} {INCIDENT_QUESTION}", re.I)


def test_the_root_cause_has_its_runbook() -> None:
    """The runbook that the ground truth names is one of at least eight, and quotes the origin's message."""
    assert len(RUNBOOKS) >= 8
    text = next(path for path in RUNBOOKS if path.name == ground_truth["runbook"]).read_text()
    assert "sorry, too many clients already" in text


@pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_is_complete(path: Path) -> None:
    """A runbook has front matter, its title as heading, commands, and six sections in order of 60 to 250 words."""
    _, front, body = path.read_text().split("---\n", 2)
    matter = yaml.safe_load(front)
    assert list(matter) == ["title", "tags", "service", "severity"]
    assert all(isinstance(tag, str) for tag in matter["tags"])
    assert matter["severity"] in {"critical", "high", "medium", "low"}
    prose = FENCED.sub("", body)
    assert re.findall(r"^# (.*)$", prose, re.M) == [matter["title"]]
    assert re.findall(r"^#{2,} (.*)$", prose, re.M) == SECTIONS
    sections = dict(zip(SECTIONS, re.split(r"^## .*$", body, flags=re.M)[1:], strict=True))
    assert all(60 <= len(text.split()) <= 250 for text in sections.values())
    assert FENCED.search(sections["Diagnosis"])


def test_no_sentence_stands_in_two_runbooks() -> None:
    """No sentence, bullet or seven words of prose in a row are used twice, within a runbook or across them."""
    seen: dict[tuple[str, ...], str] = {}
    for path in RUNBOOKS:
        prose = FENCED.sub("", path.read_text().split("---\n", 2)[2])
        for sentence in re.split(r"[.:;?!]\s|\n\s*\n|\n(?=- |\d\. )", prose):
            words = re.findall(r"[\w'-]+", sentence.lower())
            runs = [tuple(words[place : place + 7]) for place in range(max(1, len(words) - 6))]
            for run in (run for run in runs if len(run) > 3):
                assert run not in seen, f"{path.name} and {seen[run]}: {' '.join(run)}"
                seen[run] = path.name
