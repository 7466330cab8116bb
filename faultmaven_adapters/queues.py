"""What every queue agrees on: how a job is handed over, and which queue it waits in.

Work of one kind never waits behind another's: a question is not answered after five hundred uploads.
"""

from collections.abc import Awaitable, Callable, Container
from typing import Any

from .settings import Queue

#: Does one job: its kind, its payload, its id. Raises TryAgain to have it again later.
Handler = Callable[[str, dict[str, Any], str], Awaitable[None]]

#: As Redis knows them, in the order of the settings' own.
QUEUES = TURNS, EVIDENCE, INGESTION, MAINTENANCE = tuple(f"fm:{queue}" for queue in Queue)

_OF = {
    "jobs.chat_turn": TURNS,
    "jobs.post_mortem": TURNS,
    "jobs.report": TURNS,
    "jobs.embedding": INGESTION,
    "jobs.extraction": EVIDENCE,
}


def names_of(queues: Container[Queue]) -> list[str]:
    """Those of these kinds of work, in the order of QUEUES, each once."""
    return [name for queue, name in zip(Queue, QUEUES, strict=True) if queue in queues]


def queue_of(job_type: str) -> str:
    return _OF.get(job_type, MAINTENANCE)
