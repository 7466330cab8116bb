from typing import Protocol, TypeVar

S = TypeVar("S")


class Reach(Protocol):
    """The type of the fixture ``reach``: a service in, and the service or its stand-in out."""

    def __call__(self, service: S, /) -> S: ...
