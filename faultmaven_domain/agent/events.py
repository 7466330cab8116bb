from typing import ClassVar

from attrs import frozen

from ..kernel.events import Message


@frozen(kw_only=True)
class ChatTurnRequested(Message):
    """A user's message waits for its answer. The turn's own row holds the words."""

    topic: ClassVar[str] = "jobs.chat_turn"

    case_id: str
    user_id: str
