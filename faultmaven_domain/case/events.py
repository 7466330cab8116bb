from typing import ClassVar

from attrs import frozen

from ..kernel.events import Message


@frozen(kw_only=True)
class PostMortemRequested(Message):
    """A case has ended and wants its post-mortem."""

    topic: ClassVar[str] = "jobs.post_mortem"

    case_id: str
    owner_id: str


@frozen(kw_only=True)
class CaseDeleted(Message):
    """A case is gone; whoever keeps something of it lets it go."""

    topic: ClassVar[str] = "events.case_deleted"

    case_id: str
