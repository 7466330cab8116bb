from typing import ClassVar

from attrs import frozen

from ..kernel.events import Message


@frozen(kw_only=True)
class ChatTurnRequested(Message):
    """A user's message waits for its answer. The turn's own row holds the words."""

    topic: ClassVar[str] = "jobs.chat_turn"

    case_id: str
    user_id: str


@frozen(kw_only=True)
class ReportRequested(Message):
    """A report on a case that has ended is wanted; ``report_type`` is one of the ReportType's words."""

    topic: ClassVar[str] = "jobs.report"

    case_id: str
    user_id: str
    report_type: str
