"""Reading text out of files, and running what is heavy away from the event loop."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from typing import Protocol, TypeVar

from attrs import evolve, frozen

from .errors import FaultMavenError

T = TypeVar("T")


class UnreadableFile(FaultMavenError):
    """No text could be read from the file."""

    code = "UNREADABLE_FILE"


@frozen(kw_only=True)
class Extracted:
    """A file's text: ``\\n`` line ends, no NUL, valid unicode; empty where it went ahead in pieces.

    ``kind`` is text, markdown, log, json, yaml, csv, xml, html, pdf, docx or image; ``media_type`` what the bytes
    are, whatever the name says; ``notes`` say in sentences what was not read and why.
    """

    text: str
    kind: str
    media_type: str
    pages: int | None = None
    notes: tuple[str, ...] = ()


class TextExtractor(Protocol):
    def extract(self, contents: AsyncIterable[bytes], *, filename: str) -> AsyncGenerator[str | Extracted, None]:
        """The text in pieces of some MB at most, then all else. Files that are text already are never held whole.

        ``contents`` begin anew whenever they are iterated: a file may be read twice.
        Raises: UnreadableFile, saying why in a sentence for the person who sent it, also behind pieces of text;
        Unavailable for what is no fault of the file.
        """
        ...


class Offload(Protocol):
    """Runs a pure, module-level function where it does not hold up the event loop."""

    async def run(self, function: Callable[..., T], /, *args: object) -> T:
        """The function's result or its exception. Raises: Unavailable when where it ran died or took too long."""
        ...

    def pipe(
        self, function: Callable[..., Iterator[T]], pieces: AsyncIterable[bytes], /, *args: object
    ) -> AsyncGenerator[T, None]:
        """What a generator function yields, given an iterator of the pieces and the arguments.

        A piece is fetched when the function asks for it, and what it yields is waited for: nothing piles up. Empty
        pieces are left out. Raises: what the function or the pieces raise; Unavailable as ``run``.
        """
        ...


class PromptOffload(Offload, Protocol):
    """One kept free for what somebody waits for: reading large files never takes its room."""


async def gathered(parts: AsyncIterable[str | Extracted], *, most: int | None = None) -> Extracted:
    """What an extractor gave, in one; of its text at most the first ``most`` characters are held."""
    texts: list[str] = []
    held = 0
    found: Extracted | None = None
    async for part in parts:
        if isinstance(part, Extracted):
            found = part
        elif most is None or held < most:
            texts.append(part if most is None else part[: most - held])
            held += len(texts[-1])
    if found is None:
        raise UnreadableFile
    return evolve(found, text="".join(texts))
