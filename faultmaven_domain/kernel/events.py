"""Messages that leave a module through its outbox: jobs it asks for and events it tells.

Each is a versioned value: an optional field more raises the minor number, anything else the major one and the topic's
name. A reader takes every minor version of the major one it knows and ignores fields it does not.
"""

from typing import ClassVar

from attrs import field, frozen

from .errors import InvalidInput


@frozen(kw_only=True)
class Message:
    """The base of all: ``topic`` names the channel, ``job_id`` is a UUID and the key of idempotence."""

    topic: ClassVar[str]
    current: ClassVar[str] = "1.0"

    job_id: str
    version: str = field(default="1.0")

    def __attrs_post_init__(self) -> None:
        if self.version.split(".")[0] != self.current.split(".")[0]:
            raise InvalidInput(f"{self.topic} {self.version} is not understood; this server speaks {self.current}.")


@frozen(kw_only=True)
class Outgoing:
    """A message as the outbox keeps it, until its job has ended."""

    id: str
    topic: str
    payload: dict[str, object]
