"""What every queue agrees on: how a job is handed over, and which queue it waits in.

Work of one kind never waits behind another's: a question is not answered after five hundred uploads.
"""

from collections.abc import Awaitable, Callable
from typing import Any

#: Does one job: its kind, its payload, its id. Raises TryAgain to have it again later.
Handler = Callable[[str, dict[str, Any], str], Awaitable[None]]

TURNS, EVIDENCE, INGESTION, MAINTENANCE = "fm:turns", "fm:evidence", "fm:ingestion", "fm:maintenance"
QUEUES = (TURNS, EVIDENCE, INGESTION, MAINTENANCE)

_OF = {
    "jobs.chat_turn": TURNS,
    "jobs.post_mortem": TURNS,
    "jobs.report": TURNS,
    "jobs.embedding": INGESTION,
    "jobs.extraction": EVIDENCE,
}


def queue_of(job_type: str) -> str:
    return _OF.get(job_type, MAINTENANCE)
