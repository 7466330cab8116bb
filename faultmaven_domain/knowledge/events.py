from typing import ClassVar

from attrs import field, frozen

from ..kernel.events import Message


@frozen(kw_only=True)
class EmbeddingRequested(Message):
    """A document waits to be chunked, embedded and indexed: the seeds' ``jobs.embedding`` 1.0.

    ``content`` is the document's text. It is empty where the text lies with the document's row, and where it is yet to
    be read from the file that ``metadata`` names by ``file_key`` and ``filename``; ``title_given`` and ``tags_given``
    say there whether the document's own are to be left alone.
    """

    topic: ClassVar[str] = "jobs.embedding"

    document_id: str
    content: str
    metadata: dict[str, object] = field(factory=dict)


@frozen(kw_only=True)
class DocumentDeleted(Message):
    """A document is gone; its passages and its file are to go too."""

    topic: ClassVar[str] = "events.document_deleted"

    document_id: str
    file_key: str | None = None
