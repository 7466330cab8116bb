from typing import ClassVar

from attrs import frozen

from ..kernel.events import Message


@frozen(kw_only=True)
class ExtractionRequested(Message):
    """An uploaded file waits to be read and analysed."""

    topic: ClassVar[str] = "jobs.extraction"

    evidence_id: str


@frozen(kw_only=True)
class FilesDropped(Message):
    """Files nothing refers to any more."""

    topic: ClassVar[str] = "events.evidence_files_dropped"

    keys: tuple[str, ...]
