"""What a user does beside the client: puts a runbook on the shelf, and says yes until a case is where it should be."""

import time
from collections.abc import Callable

from tests.clients.material import RUNBOOK, RUNBOOK_TITLE
from tests.clients.wire import Step, Wire

#: Turns after which a case that has not moved will not.
MOST = 10


def until_status(status: str, say: Callable[[str], Step], first: str) -> Step:
    """Say ``first``, then yes to whatever is asked, until the case has the status. Raises: AssertionError."""
    words = first
    for _ in range(MOST):
        turn = say(words)
        if turn["case_status"] == status:
            return turn
        words = "Yes"
    raise AssertionError(f"the case is not {status} after {MOST} turns: {turn['agent_response']}")


def taught(wire: Wire) -> None:
    """The runbook is among the user's documents, and can be found; the client has no part in it."""
    token = {"Authorization": wire.headers["Authorization"]}
    document = {
        "title": RUNBOOK_TITLE,
        "content": RUNBOOK,
        "document_type": "runbook",
        "tags": ["disk", "quota"],
        "metadata": {"category": "storage", "description": "What to do when the store is over its quota."},
    }
    added = wire.http.post("/api/v1/knowledge/documents", json=document, headers=token)
    assert added.status_code == 201, added.text
    address = f"/api/v1/knowledge/documents/{added.json()['document_id']}"
    while (found := wire.http.get(address, headers=token).json())["status"] == "processing":
        time.sleep(0.02)
    assert found["status"] == "ready", found
