"""The library's door, as the README shows it."""

import re
import subprocess
import sys
from pathlib import Path

import faultmaven_adapters
from faultmaven_adapters import OPERATOR
from faultmaven_domain.case import CaseStatus, Milestone

README = Path(__file__).parents[2] / "README.md"


def test_the_readmes_ten_lines_run(tmp_path: Path) -> None:
    """What a newcomer copies from the README runs as it stands, and answers."""
    code = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "disk.md").write_text("# Disk full\n\n## Diagnosis\n\n- Run `df -h`.\n")
    (tmp_path / "app.log").write_text("2026-05-01 10:00:00 ERROR store: disk full, write failed\n" * 3)

    done = subprocess.run(
        [sys.executable, "-c", code[1]], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "disk full, write failed" in done.stdout
    assert "df -h" in done.stdout
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 12


async def test_what_a_path_holds_is_there_next_time(tmp_path: Path) -> None:
    """Opened over a folder, a case and a runbook outlive the block; opened in memory, nothing does."""
    (tmp_path / "disk.md").write_text("# Disk full\n\n## Diagnosis\n\n- Run `df -h`.\n")
    async with faultmaven_adapters.open(tmp_path / "data") as fm:
        await fm.ingest(tmp_path / "disk.md")
        await fm.cases.create(principal=OPERATOR, title="Kept")
    async with faultmaven_adapters.open(tmp_path / "data") as fm:
        found = await fm.search("disk full")
        cases = await fm.cases.list(principal=OPERATOR)
    async with faultmaven_adapters.open(None) as fm:
        nothing = await fm.cases.list(principal=OPERATOR)

    assert [hit.title for hit in found.hits] == ["Disk full"]
    assert [case.title for case in cases.items] == ["Kept"]
    assert nothing.items == ()


async def test_a_closed_case_teaches_its_post_mortem(tmp_path: Path) -> None:
    """What was learnt goes back into the knowledge base of the case's owner."""
    async with faultmaven_adapters.open(None) as fm:
        case = await fm.cases.create(principal=OPERATOR, title="Frobnicator stuck")
        await fm.cases.change_status(principal=OPERATOR, case_id=case.case_id, status=CaseStatus.CLOSED)
        await fm.settled()
        found = await fm.search("frobnicator stuck")
        reports = await fm.cases.reports(principal=OPERATOR, case_id=case.case_id)

    assert [hit.title for hit in found.hits] == ["Post-mortem: Frobnicator stuck"]
    assert [report.report_type for report in reports] == ["post_mortem"]


async def test_the_health_of_every_dependency_is_told(tmp_path: Path) -> None:
    """Everything that was opened can be asked how it is."""
    async with faultmaven_adapters.open(tmp_path / "data") as fm:
        health = await fm.health()

    assert {"database", "redis", "vectors", "files", "model"} <= set(health)
    assert set(health.values()) == {None}


async def test_a_question_waits_for_the_file_it_came_with(tmp_path: Path) -> None:
    """Asked before its file is read, a turn is answered from it, in one try."""
    (tmp_path / "app.log").write_text("2026-05-01 10:00:00 ERROR store: disk full, write failed\n" * 3_000)
    async with faultmaven_adapters.open(tmp_path / "data") as fm:
        case = await fm.cases.create(principal=OPERATOR)
        evidence = await fm.attach(case.case_id, tmp_path / "app.log")
        turn = await fm.agent.submit(
            principal=OPERATOR, case_id=case.case_id, message="Why?", attachments=(evidence.evidence_id,)
        )
        job = await fm.wait_for(turn.job_id)
        answer = (await fm.agent.result(principal=OPERATOR, job_id=turn.job_id)).answer

    assert job.attempts == 1
    assert answer is not None
    assert answer.notes == ()
    assert [citation.title for citation in answer.citations] == ["app.log"]
    assert answer.progress is not None
    assert Milestone.SYMPTOM_VERIFIED in answer.progress.reached
