"""Each client's whole day against a real server: every answer holds what the client reads of it."""

from tests.clients.replays import faults
from tests.clients.wire import Step


def test_every_answer_has_what_the_client_reads(steps: list[Step]) -> None:
    """No field that is read is missing or of another kind, in any answer to any request of the client's."""
    assert steps
    assert faults(steps) == ""
