import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.overload import ENVIRONMENT, MIB, attacked
from tests.e2e.server import Server

UPLOADS, SLOW = 12, 80
#: Far more than it takes, and far less than all that is sent to it would.
MOST_GROWTH = 64 * MIB
LIMITS = {"MAX_BYTES_IN_WORK": str(8 * MIB), "MAX_CONNECTIONS": "50", "MAX_STREAMS": "10"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    one = Server(tmp_path / "data", {**ENVIRONMENT, **LIMITS})
    try:
        yield one.start()
    finally:
        one.kill()


def test_more_than_it_can_take_is_refused(server: Server) -> None:
    """Many large uploads beside more slow connections than there may be: some are stored, all others are told when to
    come again, whoever asks for health is answered, and the memory stays within a bound."""
    found = asyncio.run(attacked(server, uploads=UPLOADS, size=10 * MIB, slow=SLOW))

    assert found.statuses[201] > 0
    assert found.statuses[201] + found.statuses[503] == UPLOADS
    assert found.unsaid == 0
    assert found.healthy == found.asked > 0
    assert found.peak - found.idle < MOST_GROWTH
