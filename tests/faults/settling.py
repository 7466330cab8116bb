"""After the faults: every job comes to its end, and everything is looked for."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, field

from . import books, index
from .checks import Checker
from .ledger import Kind, Ledger
from .life import Life, command
from .row import Row, none_of

#: How long the jobs of the faults' time may take to end, in seconds.
PATIENCE = 240.0
#: How often what was given up is tried again.
RETRIES = 3
#: The operator's command that has them tried again.
Retry = Callable[[], "subprocess.CompletedProcess[str]"]


@define(eq=False)
class End:
    """How it ended."""

    jobs: dict[str, dict[str, Any]]
    given_up: Counter[str] = field(factory=Counter)
    retrying: list[str] = field(factory=list)


def settled(ledger: Ledger, checker: Checker, life: Life, data: Path, *, helpers: tuple[Life, ...] = ()) -> list[Row]:
    """Wait for the jobs, retry those that were given up, look for everything, stop the server, look at its files."""
    end = looked_through(ledger, checker, data, retry=lambda: command(data, "jobs", "retry", "--failed"))
    codes = [one.stop() for one in (*helpers, life)]
    shelf = index.compared(data / "lancedb", books.documents(data))
    integrity = {path.name: books.integrity_of(path) for path in sorted(data.glob("*.db"))}
    return [
        *counted(ledger, checker, end, shelf),
        none_of("SQLite damaged in the end", [f"{name}: {says}" for name, says in integrity.items() if says != "ok"]),
        none_of("messages left in an outbox", books.unsent(data)),
        none_of("exit codes other than 0", [str(code) for code in codes if code]),
    ]


def looked_through(ledger: Ledger, checker: Checker, place: books.Place, *, retry: Retry) -> End:
    """Wait for the jobs, retry those that were given up, look for everything."""
    end = _ended(ledger, checker, place, retry)
    checker.there(ledger.acknowledged())
    checker.once(ledger)
    for asked in ledger.acknowledged():
        if asked.job_id is not None and (job := end.jobs.get(asked.job_id)) and job["status"] != "completed":
            checker.findings.unended[f"{asked}: {job['status']} after {job['attempts']} tries, {job['error']}"] = None
    documents = ledger.acknowledged(Kind.DOCUMENT)
    checker.searchable(d for d in documents if end.jobs.get(d.job_id or "", {}).get("status") == "completed")
    checker.close()
    return end


def counted(ledger: Ledger, checker: Checker, end: End, shelf: index.Shelf) -> list[Row]:
    kinds = Counter(asked.kind.value for asked in ledger.acknowledged())
    found = checker.findings
    unanswered = len(ledger.all()) - len(ledger.acknowledged())
    again = sum(job["attempts"] > 1 for job in end.jobs.values())
    return [
        Row("acknowledged", ", ".join(f"{count} {kind}s" for kind, count in kinds.items())),
        Row("  looked for", f"{found.looked} times; {unanswered} more asked for in vain"),
        none_of("lost", list(found.lost)),
        none_of("doubled", [*found.doubled, *shelf.doubled]),
        none_of("half-indexed and searchable", [*found.half, *shelf.halved]),
        Row("  passages nobody names any more", str(shelf.left_behind)),
        Row("jobs acknowledged", f"{len(end.jobs)}, {again} begun more than once"),
        _tally("  given up, then retried", end.given_up),
        none_of("  could not be retried", end.retrying),
        none_of("  not completed in the end", list(found.unended)),
        _tally("refused", ledger.refusals),
        none_of("what no client should see", ledger.complaints),
    ]


def _tally(what: str, counted: Counter[str]) -> Row:
    why = tuple(f"{count} × {reason}" for reason, count in counted.most_common())
    return Row(what, str(sum(counted.values())), why=why)


def _ended(ledger: Ledger, checker: Checker, place: books.Place, retry: Retry) -> End:
    asked = [one for one in ledger.acknowledged() if one.job_id is not None]
    _quiet(place)
    end = End(checker.jobs(asked))
    for _ in range(RETRIES):
        failed = [job for job in books.jobs(place).values() if job.state == "failed"]
        if not failed:
            break
        end.given_up.update(job.error or "no reason" for job in failed)
        done = retry()
        if done.returncode:
            end.retrying.append(f"faultmaven jobs retry ended with {done.returncode}: {done.stderr.strip()[-300:]}")
            break
        _quiet(place)
        end.jobs = checker.jobs(asked)
    return end


def _quiet(place: books.Place) -> None:
    """Until no job waits or runs, or there is no more point in waiting."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not all(job.ended for job in books.jobs(place).values()):
        time.sleep(0.2)
