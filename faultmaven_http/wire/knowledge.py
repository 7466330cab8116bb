from typing import TypedDict

from attrs import frozen

from faultmaven_domain.knowledge import (
    Added,
    Collection,
    Document,
    DocumentStatus,
    DocumentText,
    SearchHit,
    SearchMode,
    SearchResult,
)

from .common import Listing, Time, utc


class DocumentOut(TypedDict):
    """``owner_id`` and ``user_id`` are null for what all see. ``category`` and the like come from its metadata."""

    document_id: str
    title: str
    document_type: str
    collection: str
    tags: list[str]
    status: DocumentStatus
    error: str | None
    notes: list[str]
    owner_id: str | None
    user_id: str | None
    is_global: bool
    category: str | None
    description: str | None
    source_url: str | None
    source: str | None
    filename: str | None
    passage_count: int
    job_id: str
    metadata: dict[str, object]
    created_at: Time
    updated_at: Time


class AddedOut(DocumentOut):
    message: str


class DocumentTextOut(DocumentOut):
    """``content`` is the text that was read from it; empty while it is being read."""

    content: str


class DocumentListOut(Listing):
    documents: list[DocumentOut]


class CollectionOut(TypedDict):
    """``collection_id`` and ``name`` are one word."""

    collection_id: str
    name: str
    document_count: int


class CollectionListOut(TypedDict):
    collections: list[CollectionOut]
    total: int
    total_count: int


class ChunkOut(TypedDict):
    """``section`` is the path of headings above the text."""

    section: str
    text: str


class HitOut(TypedDict):
    """``score`` and ``relevance_score``, from 0.0 to 1.0, are one number; ``snippet`` is the best chunk's text."""

    document_id: str
    title: str
    document_type: str
    tags: list[str]
    snippet: str
    chunk: ChunkOut
    score: float
    relevance_score: float
    is_global: bool


class SearchOut(TypedDict):
    """``search_mode`` is how it was really searched; ``total_found`` and ``total_results`` are one number."""

    query: str
    results: list[HitOut]
    total_found: int
    total_results: int
    returned: int
    search_mode: SearchMode
    notes: list[str]
    execution_time_ms: float


@frozen(kw_only=True)
class TimedSearch:
    """``took`` in seconds."""

    result: SearchResult
    took: float


@frozen(kw_only=True)
class CollectionList:
    collections: tuple[Collection, ...]


def document_out(document: Document) -> DocumentOut:
    def noted(name: str) -> str | None:
        value = document.metadata.get(name)
        return value if isinstance(value, str) else None

    return DocumentOut(
        document_id=document.document_id,
        title=document.title,
        document_type=document.document_type,
        collection=document.collection,
        tags=list(document.tags),
        status=document.status,
        error=document.error,
        notes=list(document.notes),
        owner_id=document.owner_id,
        user_id=document.owner_id,
        is_global=document.owner_id is None,
        category=noted("category"),
        description=noted("description"),
        source_url=noted("source_url"),
        source=document.source,
        filename=document.filename,
        passage_count=document.passage_count,
        job_id=document.job_id,
        metadata=document.metadata,
        created_at=utc(document.created_at),
        updated_at=utc(document.updated_at),
    )


def added_out(added: Added) -> AddedOut:
    message = "The same document was there already." if added.unchanged else "The document is being indexed."
    return AddedOut(**document_out(added.document), message=message)


def document_text_out(value: DocumentText) -> DocumentTextOut:
    return DocumentTextOut(**document_out(value.document), content=value.content)


def collection_out(collection: Collection) -> CollectionOut:
    return CollectionOut(collection_id=collection.name, name=collection.name, document_count=collection.document_count)


def collection_list_out(value: CollectionList) -> CollectionListOut:
    collections = [collection_out(collection) for collection in value.collections]
    return CollectionListOut(collections=collections, total=len(collections), total_count=len(collections))


def search_out(value: TimedSearch) -> SearchOut:
    result = value.result
    return SearchOut(
        query=result.query,
        results=[_hit(hit) for hit in result.hits],
        total_found=result.total_found,
        total_results=result.total_found,
        returned=len(result.hits),
        search_mode=result.mode,
        notes=list(result.notes),
        execution_time_ms=round(value.took * 1000, 2),
    )


def _hit(hit: SearchHit) -> HitOut:
    return HitOut(
        document_id=hit.document_id,
        title=hit.title,
        document_type=hit.document_type,
        tags=list(hit.tags),
        snippet=hit.snippet,
        chunk=ChunkOut(section=hit.section, text=hit.snippet),
        score=hit.score,
        relevance_score=hit.score,
        is_global=hit.is_global,
    )
