"""A turn as a form: what was said or clicked, what was pasted, which files came, and where they are from."""

import re
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from attrs import frozen
from starlette.datastructures import UploadFile

from faultmaven_domain.agent import LONGEST_MESSAGE
from faultmaven_domain.case import Intent
from faultmaven_domain.kernel.errors import InvalidInput

from .wire import Metadata, Upload, Uploads
from .wire.intents import words_of
from .wire.summaries import SourceType

LONGEST_URL, LONGEST_TIME = 8_000, 100
#: Characters of a page by which it is told that it is one.
LOOKED_AT = 4_000
_HTML = re.compile(
    r"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|main|article|section|div|table|h[1-6]|p)\b",
    re.IGNORECASE | re.DOTALL,
)
_SOURCES: dict[str, SourceType] = {"file": "file_upload", "paste": "text_paste", "page_capture": "page_capture"}


@frozen(kw_only=True)
class TurnForm:
    """One of ``query``, ``pasted_content``, ``files`` and an intent is needed.

    ``files`` may stand there several times, at most 10, together no larger than the largest file; pasted content is
    kept as a file too. ``intent_type`` and ``intent_data``, a JSON object, are what a button said it means.
    ``input_type``: file, paste or page_capture; ``source_url`` and ``observed_at`` where and when it was seen.
    """

    query: str | None = None
    pasted_content: str | None = None
    intent_type: str | None = None
    intent_data: Metadata | None = None
    input_type: str | None = None
    source_url: str | None = None
    observed_at: str | None = None
    files: Uploads = Uploads(())


def origin_of(form: TurnForm) -> dict[str, object]:
    """Where and when what is told of was seen. Raises: InvalidInput."""
    limits = {"source_url": LONGEST_URL, "observed_at": LONGEST_TIME}
    given = {"source_url": form.source_url, "observed_at": form.observed_at}
    for name, value in given.items():
        if len(value or "") > limits[name]:
            raise InvalidInput(f"{name} has at most {limits[name]} characters.", field=name)
    return {name: value for name, value in given.items() if value}


def context_of(form: TurnForm) -> dict[str, object]:
    """What is kept with the turn."""
    return {**origin_of(form), **({"input_type": form.input_type} if form.input_type in _SOURCES else {})}


def uploads_of(form: TurnForm, *, now: datetime) -> tuple[tuple[Upload, SourceType], ...]:
    """The files, and pasted content as one of them, named after ``now``; each with how it came.

    ``input_type`` speaks of what was pasted, and of the files only where nothing was.
    """
    named, text = _SOURCES.get(form.input_type or ""), form.pasted_content or ""
    if not text.strip():
        return tuple((file, named or "file_upload") for file in form.files)
    pasted = (
        _page(text, now) if named == "page_capture" else _file(text, f"pasted-{now:%Y%m%d-%H%M%S}.txt", "text/plain")
    )
    source: SourceType = "page_capture" if named == "page_capture" else "text_paste"
    return (*[(file, "file_upload") for file in form.files], (pasted, source))


def message_of(form: TurnForm, intent: Intent | None, names: Sequence[str]) -> str:
    """What was said, or what is meant by saying nothing; ``names`` are the files'. Raises: InvalidInput."""
    if form.query is not None and form.query.strip():
        if len(form.query) > LONGEST_MESSAGE:
            raise InvalidInput(f"query has at most {LONGEST_MESSAGE} characters.", field="query")
        return form.query
    if intent is not None:
        return words_of(intent)
    if not names:
        raise InvalidInput("query is required where there are no files, pasted content or intent.", field="query")
    *others, last = names
    return f"What do {', '.join(others)} and {last} show?" if others else f"What does {last} show?"


def _page(text: str, now: datetime) -> Upload:
    name = f"page-{now:%Y%m%d-%H%M%S}"
    if _HTML.match(text[:LOOKED_AT]):
        return _file(text, f"{name}.html", "text/html")
    return _file(text, f"{name}.txt", "text/plain")


def _file(text: str, name: str, media_type: str) -> Upload:
    data = text.encode()
    return Upload(filename=name, media_type=media_type, file=UploadFile(BytesIO(data), size=len(data), filename=name))
