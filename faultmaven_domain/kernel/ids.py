from typing import Protocol


class IdSource(Protocol):
    """Where new names come from. Ids are opaque, URL-safe, and never guessable."""

    def new(self, prefix: str) -> str:
        """``{prefix}_`` and at least 80 random bits."""
        ...

    def job(self) -> str:
        """A UUID in its canonical text form, as the job events ask."""
        ...
