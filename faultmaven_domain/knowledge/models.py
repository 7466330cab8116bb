"""The knowledge base: documents, the passages they are found by, and what a search gives."""

import json
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Literal

from attrs import field, frozen

from ..kernel.errors import InvalidInput, TooLarge, UnsupportedFile
from .words import names_spelled, spelled

LONGEST_TITLE, LONGEST_QUERY, LARGEST_SEARCH = 300, 4_000, 50
#: Characters of a document's text.
LONGEST_CONTENT = 10_000_000
DEFAULT_COLLECTION = "default"
#: In the place of a model's name, which none has.
OWED = "(owed)"
#: What a document's name may end in; one without an ending is taken too.
READABLE_EXTENSIONS = (
    ".md", ".markdown", ".txt", ".text", ".rst", ".adoc", ".log", ".html", ".htm", ".xhtml", ".pdf", ".docx", ".json",
    ".jsonl", ".yaml", ".yml", ".csv", ".tsv", ".xml", ".conf", ".cfg", ".ini", ".toml", ".properties", ".png", ".jpg",
    ".jpeg", ".webp",
)  # fmt: skip
_OLD_WORD = "The old Word format (.doc) cannot be read; save it as .docx or PDF."
OwnOrGlobal = Literal["own", "global"]


class DocumentStatus(StrEnum):
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class SearchMode(StrEnum):
    SEMANTIC = "semantic"
    KEYWORD = "keyword"
    HYBRID = "hybrid"


@frozen(kw_only=True)
class Document:
    """``owner_id`` None makes it global, seen by all.

    Only passages of ``revision`` are ever found; it changes in the transaction that ends an indexing job.
    ``embedded_with`` names the model, None where it is found by full text alone. ``source`` is where it came from.

    How it stands to the index:

    - ``revision`` None: nothing of it is there. It waits for its first job, or that came to nothing.
    - Ready, and ``job_id`` is ``revision``: it is found.
    - ``job_id`` is another: it waits for that job to index it anew, or the job failed or was called off. It is found as
      before, unless the index was emptied. No start asks for one that came to nothing, lest it do so for ever; a person
      may, and so does indexing everything anew.
    - Processing, and ``job_id`` is ``revision``: marked as one to be indexed anew, with no job yet.
    - ``embedded_with`` is OWED: everything was to be indexed anew, perhaps over an emptied index, and this one was left
      to the job it waited for. Should that come to nothing, the next start marks it, and owes it nothing more.
    """

    document_id: str
    owner_id: str | None
    title: str
    document_type: str
    status: DocumentStatus
    job_id: str
    created_at: datetime
    updated_at: datetime
    collection: str = DEFAULT_COLLECTION
    tags: tuple[str, ...] = ()
    metadata: dict[str, object] = field(factory=dict)
    source: str | None = None
    sha256: str | None = None
    filename: str | None = None
    file_key: str | None = None
    revision: str | None = None
    embedded_with: str | None = None
    passage_count: int = 0
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def scope(self) -> OwnOrGlobal:
        return "global" if self.owner_id is None else "own"

    def visible_to(self, user_id: str) -> bool:
        return self.owner_id is None or self.owner_id == user_id

    @property
    def is_outdated(self) -> bool:
        """Marked as one to be indexed anew."""
        return self.status is DocumentStatus.PROCESSING and self.job_id == self.revision


@frozen(kw_only=True)
class DocumentText:
    document: Document
    content: str


@frozen(kw_only=True)
class Collection:
    name: str
    document_count: int


@frozen(kw_only=True)
class Passage:
    """A piece of a document as the index keeps it: ``section`` is the path of headings above it."""

    passage_id: str
    document_id: str
    revision: str
    ordinal: int
    owner_id: str | None
    collection: str
    document_type: str
    title: str
    section: str
    text: str
    tags: tuple[str, ...] = ()

    @property
    def embedded_text(self) -> str:
        """What the model is given: title and section say what the words are about."""
        return "\n".join(part for part in (spelled(self.title), self.section, self.text) if part)

    @property
    def searched_text(self) -> str:
        """What full text finds it by; a name such as ``KubePodCrashLooping`` by its words too."""
        written = "\n".join(part for part in (self.title, self.section, self.text, " ".join(self.tags)) if part)
        return "\n".join(part for part in (written, names_spelled(written)) if part)


@frozen(kw_only=True)
class Scope:
    """Which passages a search may see: global ones and the owner's, narrowed where a field is given.

    A passage has to carry every one of ``tags``.
    """

    owner_id: str
    collection: str | None = None
    document_type: str | None = None
    tags: tuple[str, ...] = ()

    def lets_through(self, passage: Passage) -> bool:
        return (
            passage.owner_id in (None, self.owner_id)
            and self.collection in (None, passage.collection)
            and self.document_type in (None, passage.document_type)
            and set(self.tags) <= set(passage.tags)
        )


@frozen(kw_only=True)
class PassageHit:
    """``score``: higher is better, comparable within one answer of one index only."""

    passage: Passage
    score: float


@frozen(kw_only=True)
class SearchHit:
    """A document and its best passage. ``score`` from 0.0 to 1.0."""

    document_id: str
    title: str
    document_type: str
    tags: tuple[str, ...]
    section: str
    snippet: str
    score: float
    is_global: bool


@frozen(kw_only=True)
class SearchResult:
    """``mode`` is how it was really searched: keyword where no model is at hand."""

    query: str
    hits: tuple[SearchHit, ...]
    total_found: int
    mode: SearchMode
    notes: tuple[str, ...] = ()


@frozen(kw_only=True)
class Section:
    """A part of a document under one heading path."""

    heading: str
    text: str


@frozen(kw_only=True)
class Added:
    """What adding gave. ``unchanged``: the same source with the same bytes was there already."""

    document: Document
    unchanged: bool = False


def storable(text: str) -> str:
    """Without what JSON can carry and no store takes: NULs and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def checked_document_title(title: str) -> str:
    """On one line. Raises: InvalidInput."""
    title = " ".join(storable(title).split())
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise InvalidInput(f"title has 1 to {LONGEST_TITLE} characters.", field="title")
    return title


def checked_filename(filename: str) -> str:
    """The name alone, without any path. Raises: InvalidInput; UnsupportedFile for what its ending says is no text."""
    name = storable(filename.replace("\\", "/").rsplit("/", 1)[-1]).strip()
    if not name or len(name.encode()) > 255:
        raise InvalidInput("The file needs a name of 1 to 255 bytes.", field="file")
    extension = PurePosixPath(name).suffix.lower()
    if extension and extension not in READABLE_EXTENSIONS:
        message = _OLD_WORD if extension == ".doc" else f"Files ending in {extension} are not taken."
        raise UnsupportedFile(message, field="file", filename=name, allowed=list(READABLE_EXTENSIONS))
    return name


def checked_content(content: str) -> str:
    """Raises: InvalidInput; TooLarge."""
    if len(content) > LONGEST_CONTENT:
        raise TooLarge(f"content has at most {LONGEST_CONTENT} characters.", field="content")
    content = storable(content)
    if not content.strip():
        raise InvalidInput("content is empty.", field="content")
    return content


def checked_query(query: str) -> str:
    """Raises: InvalidInput."""
    query = storable(query).strip()
    if not query:
        raise InvalidInput("query is empty.", field="query")
    if len(query) > LONGEST_QUERY:
        raise InvalidInput(f"query has at most {LONGEST_QUERY} characters.", field="query")
    return query


def checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Trimmed, without doubles. Raises: InvalidInput."""
    clean = tuple(dict.fromkeys(tag for given in tags if (tag := storable(given).strip())))
    if len(clean) > 50 or any(len(tag) > 100 for tag in clean):
        raise InvalidInput("At most 50 tags of at most 100 characters.", field="tags")
    return clean


def checked_name(name: str, *, what: str) -> str:
    """A collection's name or a document type. Raises: InvalidInput."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not all(c.isprintable() and c not in "/\\'\"" for c in name):
        raise InvalidInput(f"{what} has 1 to 100 printable characters without slashes or quotes.", field=what)
    return name


def checked_metadata(metadata: dict[str, object]) -> dict[str, object]:
    """Raises: InvalidInput for what JSON has no word for, and for more than 20,000 characters of it."""
    try:
        size = len(json.dumps(metadata, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidInput("metadata holds values that are not JSON.", field="metadata") from error
    if size > 20_000:
        raise InvalidInput("metadata is at most 20000 characters of JSON.", field="metadata")
    return metadata
