"""``faultmaven demo`` and the commands, as a newcomer runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from faultmaven_http.demo.incident import ground_truth, write_incident


def faultmaven(
    *words: str, cwd: Path, given: str | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "faultmaven_http.cli", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        input=given,
        env={**os.environ, "MODEL_DOWNLOAD": "false", **environment},
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> "subprocess.CompletedProcess[str]":
    return faultmaven("demo", "--json", cwd=tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def outcome(demo: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert demo.returncode == 0, demo.stderr
    found: dict[str, Any] = json.loads(demo.stdout)
    return found


def test_the_demo_says_what_it_does(demo: "subprocess.CompletedProcess[str]") -> None:
    """Ten numbered, timed steps on stderr as plain lines, and nothing but data on stdout."""
    steps = [line for line in demo.stderr.splitlines() if line.startswith("[")]

    assert [line.split("]")[0] + "]" for line in steps] == [f"[{n}/10]" for n in range(1, 11)]
    assert all(line.rstrip().endswith(" s)") for line in steps)
    assert "\x1b" not in demo.stderr


def test_the_demo_finds_the_planted_cause(outcome: dict[str, Any]) -> None:
    """The answer names the origin, and cites its file and the runbook for it."""
    assert "too many clients already" in outcome["answer"]
    cited = {(citation["kind"], citation["title"]) for citation in outcome["citations"]}
    assert ("evidence", ground_truth["origin_file"]) in cited
    assert any(kind == "runbook" and "onnection" in title for kind, title in cited)
    assert "## Root cause" in outcome["post_mortem"]["content"]


def test_the_demos_citations_hold(outcome: dict[str, Any], tmp_path: Path) -> None:
    """Each quoted line of evidence stands in its file at the number it is cited with."""
    write_incident(tmp_path)
    checked = 0
    for citation in outcome["citations"]:
        if citation["kind"] == "evidence":
            lines = (tmp_path / citation["title"]).read_text().splitlines()
            for number, quoted in zip(citation["lines"], citation["quote"].splitlines(), strict=False):
                assert lines[number - 1].startswith(quoted.rstrip("…")[:200])
                checked += 1
    assert checked > 5


def test_each_statement_is_cited(outcome: dict[str, Any]) -> None:
    """Every item of the answer ends with a source that is listed."""
    numbers = {citation["number"] for citation in outcome["citations"]}
    items = [line for line in outcome["answer"].splitlines() if line.lstrip().startswith("- ")]

    assert items
    assert all(any(f"[{number}]" in item for number in numbers) for item in items)


def test_the_demo_takes_ones_own_incident(tmp_path: Path) -> None:
    """A folder of logs and runbooks goes through the same steps, and its own runbook is what is cited."""
    incident = tmp_path / "mine"
    (incident / "runbooks").mkdir(parents=True)
    (incident / "runbooks" / "quota.md").write_text(
        "# Disk quota exceeded\n\n## Meaning\n\nThe volume has no room left.\n\n## Diagnosis\n\n- Run `df -h`.\n\n"
        "## Fix\n\n- Delete old segments.\n"
    )
    lines = [f"2026-05-01 10:{n // 60:02d}:{n % 60:02d} INFO store: segment {n} written" for n in range(600)]
    lines += [
        f"2026-05-01 10:{10 + n // 60}:{n % 60:02d} ERROR store: write failed: Disk quota exceeded" for n in range(90)
    ]
    (incident / "store.log").write_text("\n".join(lines) + "\n")

    done = faultmaven("demo", "--json", "--incident", str(incident), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "90 times" in found["answer"]
    assert "Disk quota exceeded" in {citation["title"] for citation in found["citations"]}


def test_ingest_search_and_ask(tmp_path: Path) -> None:
    """The commands work on a folder without a server: teach, teach again, find, ask."""
    books = tmp_path / "books"
    books.mkdir()
    (books / "LICENSE").write_text("no document")
    (books / "empty.md").write_text("")
    (books / "etcd.md").write_text("# etcd has no leader\n\n## Diagnosis\n\n- Check `etcdctl endpoint status`.\n")
    (books / "disk.md").write_text("# Disk full\n\n## Diagnosis\n\n- Run `df -h`.\n")
    (tmp_path / "app.log").write_text("2026-05-01 10:00:00 ERROR etcd: no leader\n" * 7)

    first = faultmaven("ingest", "--json", "books", cwd=tmp_path)
    again = faultmaven("ingest", "books", cwd=tmp_path)
    found = faultmaven("search", "--json", "etcd leader", cwd=tmp_path)
    answer = faultmaven("ask", "--file", "app.log", "What is failing, and what should I check first?", cwd=tmp_path)
    jobs = faultmaven("jobs", "--json", cwd=tmp_path)

    assert first.returncode == 0, first.stderr
    taught = json.loads(first.stdout)
    assert taught["documents"] == 2
    assert {Path(one["path"]).name: one["reason"] for one in taught["skipped"]} == {
        "LICENSE": "not a document (no extension)",
        "empty.md": "empty",
    }
    assert "2 documents (2 unchanged)" in again.stdout
    assert json.loads(found.stdout)["hits"][0]["title"] == "etcd has no leader"
    assert "7 times" in answer.stdout
    assert "app.log" in answer.stdout
    assert {job["state"] for job in json.loads(jobs.stdout)} == {"completed"}


def test_exit_codes_tell_failures_apart(tmp_path: Path) -> None:
    """A wrong setting, bad input and a wrong word each have a code and a sentence."""
    setting = faultmaven("search", "x", cwd=tmp_path, PROFILE="small")
    missing = faultmaven("ask", "--file", "nothing.log", "why?", cwd=tmp_path)
    usage = faultmaven("serve", "--port", "http", cwd=tmp_path)
    unknown = faultmaven("users", "grant", "nobody@example.com", cwd=tmp_path)

    assert (setting.returncode, missing.returncode, usage.returncode, unknown.returncode) == (3, 6, 2, 7)
    assert "PROFILE is 'small'; accepted is one of core, team, enterprise." in setting.stderr
    assert "nothing.log is not a file." in missing.stderr
    assert not any("Traceback" in one.stderr for one in (setting, missing, usage, unknown))


def test_users_and_doctor(tmp_path: Path) -> None:
    """Accounts are opened and raised from the command line, and the doctor looks at everything."""
    faultmaven("users", "create", "ana@example.com", "--name", "Ana", cwd=tmp_path, given="correct horse\n")
    faultmaven("users", "create", "bob@example.com", cwd=tmp_path, given="correct horse\n")
    granted = faultmaven("users", "grant", "bob@example.com", cwd=tmp_path)
    listed = faultmaven("users", "list", "--json", cwd=tmp_path)
    doctor = faultmaven("doctor", "--json", cwd=tmp_path, PORT="0")

    assert granted.returncode == 0, granted.stderr
    assert [(user["email"], user["roles"]) for user in json.loads(listed.stdout)] == [
        ("ana@example.com", ["user", "admin"]),
        ("bob@example.com", ["user", "admin"]),
    ]
    findings = {finding["what"]: finding["state"] for finding in json.loads(doctor.stdout)}
    assert {"data directory", "disk", "port", "database", "redis", "vectors", "files", "model", "llm"} <= set(findings)
    assert "bad" not in findings.values(), doctor.stdout


def test_migrate_says_what_it_does(tmp_path: Path) -> None:
    """Asked beforehand it says that there is something to do, and does nothing; then it names what it applied."""
    asked, done = (faultmaven("migrate", *more, cwd=tmp_path) for more in (["--check"], []))

    assert (asked.returncode, done.returncode) == (1, 0)
    assert "to be applied case_0001\n" in asked.stdout
    assert asked.stdout.replace("to be applied", "applied") == done.stdout


def test_without_a_model_and_a_network_it_still_finds(tmp_path: Path) -> None:
    """Where no model can be had, everything starts, searches by full text and says so; the doctor knows the mend."""
    (tmp_path / "etcd.md").write_text("# etcd has no leader\n\n## Diagnosis\n\n- Check `etcdctl endpoint status`.\n")
    nowhere = {"MODELS_DIR": str(tmp_path / "nowhere")}

    taught = faultmaven("ingest", "etcd.md", cwd=tmp_path, **nowhere)
    found = faultmaven("search", "etcd leader", cwd=tmp_path, **nowhere)
    doctor = faultmaven("doctor", "--json", cwd=tmp_path, PORT="0", **nowhere)

    assert "No embedding model, so searching by full text alone" in taught.stderr
    assert "etcd has no leader" in found.stdout
    model = next(finding for finding in json.loads(doctor.stdout) if finding["what"] == "model")
    assert (model["state"], "faultmaven models pull" in model["mend"]) == ("note", True)
    with_model = faultmaven("search", "--json", "etcd leader", cwd=tmp_path)
    assert json.loads(with_model.stdout)["hits"][0]["title"] == "etcd has no leader"
