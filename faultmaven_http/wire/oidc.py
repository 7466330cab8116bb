from typing import TypedDict

from attrs import frozen


@frozen(kw_only=True)
class Departure:
    """Where to sign in, and the ``state`` that comes back from there."""

    address: str
    state: str


class DepartureOut(TypedDict):
    """``authorization_url`` is where the browser goes; ``state`` is in it, and comes back with the code."""

    authorization_url: str
    state: str


def departure_out(value: Departure) -> DepartureOut:
    return DepartureOut(authorization_url=value.address, state=value.state)
