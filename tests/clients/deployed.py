"""Every client's day on a profile as it is deployed: its processes behind one address, and a password for everybody."""

from functools import partial

import httpx2

from tests.clients import dashboard_2025_12, dashboard_2026_01, extension_2025_12, extension_2026_08, strained
from tests.clients.replays import AGENT, CLIENTS, SLACK, faults, replayed
from tests.clients.signing import PASSWORD
from tests.fleet import Fleet, front

#: The clients that are let in outside Core, where they are named.
LET_IN = {
    "EXTENSION_IDS": f"{extension_2025_12.EXTENSION},{extension_2026_08.EXTENSION}",
    "CORS_ORIGINS": ",".join([*dashboard_2025_12.ORIGINS, dashboard_2026_01.ORIGIN, dashboard_2026_01.OTHER_ORIGIN]),
}
#: Who has no account before it comes.
REGISTERING = "extension 2026-08"


def all_replayed(fleet: Fleet) -> dict[str, str]:
    """The faults of each client that has some. The fleet has ``LET_IN``, and nobody has an account there.

    Without the strain, which needs a model of its own.
    """
    with front(fleet.urls) as address:
        here = address.replace("127.0.0.1", "localhost")
        _register(here, "admin")  # as the first always is
        return {client: wrong for client in CLIENTS if (wrong := _wrong(client, fleet, here))}


def _wrong(client: str, fleet: Fleet, address: str) -> str:
    replay = CLIENTS[client]
    if replay is strained.replay:
        return ""
    if replay is SLACK:
        _register(address, AGENT)
        replay = partial(SLACK, refresh_token=fleet.command("users", "token", AGENT).strip())
    elif client != REGISTERING and isinstance(replay, partial):
        _register(address, replay.keywords["user"])
    return faults(replayed(client, replay, address, by_name=False))


def _register(address: str, name: str) -> None:
    email = name if "@" in name else f"{name}@example.org"
    account = {"username": name, "email": email, "display_name": name, "password": PASSWORD}
    httpx2.post(f"{address}/api/v1/auth/register", json=account).raise_for_status()
