"""Which queues are served: every worker says so each few seconds, in a key that lapses soon after its last word."""

from collections import Counter
from pathlib import Path

from ..queues import QUEUES
from .address import Address
from .connection import close, connect, matching
from .job_queue import HEALTH


async def serving(address: Address | Path) -> dict[str, int]:
    """How many processes serve each queue, of the queues' own Redis. Raises: Unavailable."""
    client = connect(address)
    found: set[bytes] = set()
    try:
        async for keys in matching(client, f"fm:*{HEALTH}*"):
            found.update(keys)
    finally:
        await close(client)
    counted = Counter(key.decode().partition(HEALTH)[0] for key in found)
    return {queue: counted[queue] for queue in QUEUES}
