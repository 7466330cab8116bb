"""The clients by name, and a whole day of each on one server or several."""

from collections.abc import Callable
from functools import partial

import httpx2

from tests.clients import (
    dashboard_2025_12,
    dashboard_2026_01,
    extension_2025_12,
    extension_2026_08,
    slack_2026_08,
    strained,
)
from tests.clients.wire import Step, Wire

Replay = partial[None] | Callable[..., None]
#: Who the Slack agent is, where it has a token.
AGENT = "slack@example.org"
SLACK = partial(slack_2026_08.replay, user="admin")
CLIENTS: dict[str, Replay] = {
    "extension 2025-12": partial(extension_2025_12.replay, user="vera"),
    "extension 2026-08": partial(extension_2026_08.replay, user="lena"),
    "extension 2026-08, OAuth": partial(extension_2026_08.replay_oauth, user="olga"),
    "dashboard 2025-12": partial(dashboard_2025_12.replay, user="dora"),
    "dashboard 2026-01": partial(dashboard_2026_01.replay, user="dina@example.org"),
    "slack 2026-08": SLACK,
    "all, under strain": strained.replay,
}


def faults(steps: list[Step]) -> str:
    return "\n".join(fault for step in steps for fault in step.faults())


def replayed(client: str, replay: Callable[[Wire], None], address: str, *, by_name: bool = True) -> list[Step]:
    """Where there are passwords there may be several processes: no connection is kept, so that each has its share."""
    kept = httpx2.Limits(max_keepalive_connections=None if by_name else 0)
    with httpx2.Client(base_url=address, timeout=60, headers={"accept": "*/*"}, limits=kept) as http:
        wire = Wire(http=http, by_name=by_name)
        try:
            replay(wire)
        except (AssertionError, KeyError) as error:
            wrong = faults(wire.steps)
            error.add_note(f"{client} got no further after {len(wire.steps)} steps; wrong before:\n{wrong}")
            raise
    return wire.steps
