"""Reading text out of files, and running what is heavy away from the event loop."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from attrs import frozen

from .errors import FaultMavenError

T = TypeVar("T")


class UnreadableFile(FaultMavenError):
    """No text could be read from the file."""

    code = "UNREADABLE_FILE"


@frozen(kw_only=True)
class Extracted:
    """A file's text: ``\\n`` line ends, no NUL, valid unicode.

    ``kind`` is text, markdown, log, json, yaml, csv, xml, html, pdf, docx or image; ``media_type`` what the bytes
    are, whatever the name says; ``notes`` say in sentences what was not read and why.
    """

    text: str
    kind: str
    media_type: str
    pages: int | None = None
    notes: tuple[str, ...] = ()


class TextExtractor(Protocol):
    async def extract(self, data: bytes, *, filename: str) -> Extracted:
        """Raises: UnreadableFile, saying why in a sentence for the person who sent it."""
        ...


class Offload(Protocol):
    """Runs a pure, module-level function where it does not hold up the event loop."""

    async def run(self, function: Callable[..., T], /, *args: object) -> T:
        """The function's result or its exception. Raises: Unavailable when where it ran died or took too long."""
        ...
