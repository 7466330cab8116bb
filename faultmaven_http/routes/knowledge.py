import time
from enum import StrEnum

from attrs import fields, frozen

from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.principal import Principal
from faultmaven_domain.knowledge import Added, OwnOrGlobal, SearchMode

from ..files import media_type_of, stored
from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire import ListOf, Metadata, Upload, Words, structured
from ..wire.knowledge import (
    AddedOut,
    CollectionList,
    CollectionListOut,
    CollectionOut,
    DocumentListOut,
    DocumentOut,
    DocumentTextOut,
    SearchOut,
    TimedSearch,
)
from .paging import Paging

PREFIX = "knowledge/"


class Whose(StrEnum):
    OWN = "own"
    GLOBAL = "global"


@frozen(kw_only=True)
class NewDocument:
    title: str
    content: str
    document_type: str | None = None
    collection: str | None = None
    tags: Words | None = None
    metadata: Metadata | None = None
    source: str | None = None


@frozen(kw_only=True)
class DocumentUpload:
    """What the file calls itself is its title where none is given; ``tags`` are words with commas between them.

    ``description``, ``category`` and ``source_url`` go into its metadata.
    """

    file: Upload
    title: str | None = None
    document_type: str | None = None
    collection: str | None = None
    tags: Words | None = None
    metadata: Metadata | None = None
    description: str | None = None
    category: str | None = None
    source_url: str | None = None


@frozen(kw_only=True)
class ChangedDocument:
    title: str | None = None
    content: str | None = None
    document_type: str | None = None
    tags: Words | None = None
    metadata: Metadata | None = None


@frozen(kw_only=True)
class SomeDocuments(Paging):
    document_type: str | None = None
    collection: str | None = None


@frozen(kw_only=True)
class WhichDocuments(SomeDocuments):
    scope: Whose | None = None


@frozen(kw_only=True)
class NewCollection:
    name: str


@frozen(kw_only=True)
class Search:
    """``limit`` counts documents, 1 to 50. ``filters`` may hold collection, document_type and tags too."""

    query: str
    limit: int | None = None
    search_mode: SearchMode | None = None
    collection: str | None = None
    document_type: str | None = None
    tags: Words | None = None
    filters: Metadata | None = None


@frozen(kw_only=True)
class Filters:
    collection: str | None = None
    document_type: str | None = None
    tags: Words | None = None


async def add_document(call: Call, *, principal: Principal, body: NewDocument | DocumentUpload) -> Reply:
    """Add a document, as JSON (201) or as a file (202). It is listed at once and found soon after."""
    if isinstance(body, DocumentUpload):
        return await upload(call, principal, body, at=DOCUMENTS)
    added = await call.fm.knowledge.add(
        principal=principal,
        title=body.title,
        content=body.content,
        document_type=body.document_type or "other",
        tags=body.tags or (),
        collection=body.collection or "default",
        metadata=body.metadata,
        source=body.source,
        document_id=call.id_for("doc"),
    )
    return _told(call, added, status=201, at=DOCUMENTS)


async def upload(call: Call, principal: Principal, body: DocumentUpload, *, at: str, global_: bool = False) -> Reply:
    """Add a file. It is listed ``at`` once, and found soon after."""
    said = {"description": body.description, "category": body.category, "source_url": body.source_url}
    async with stored(call.fm, body.file, prefix=PREFIX) as file:
        added = await call.fm.knowledge.add_file(
            principal=principal,
            filename=body.file.filename,
            stored=file,
            media_type=media_type_of(body.file.media_type),
            title=body.title,
            document_type=body.document_type or "other",
            tags=body.tags or (),
            collection=body.collection or "default",
            metadata={**(body.metadata or {}), **{name: value for name, value in said.items() if value is not None}},
            global_=global_,
            document_id=call.id_for("doc"),
        )
    return _told(call, added, status=202, at=at)


def _told(call: Call, added: Added, *, status: int, at: str) -> Reply:
    location = f"{call.base}{at}/{added.document.document_id}"
    return Reply(value=added, status=200 if added.unchanged else status, headers={"Location": location})


async def list_documents(call: Call, *, principal: Principal, query: WhichDocuments) -> Reply:
    """The caller's own documents, or the global ones, newest first."""
    return await listed(call, principal, query, scope="global" if query.scope is Whose.GLOBAL else "own")


async def listed(call: Call, principal: Principal, query: SomeDocuments, *, scope: OwnOrGlobal) -> Reply:
    """A page of them, newest first."""
    limit, offset = query.window()
    page = await call.fm.knowledge.list(
        principal=principal,
        scope=scope,
        document_type=query.document_type,
        collection=query.collection,
        limit=limit,
        offset=offset,
    )
    return Reply(value=ListOf(name="documents", page=page))


async def get_document(call: Call, *, principal: Principal, document_id: str) -> Reply:
    """A document and its text."""
    return Reply(value=await call.fm.knowledge.get(principal=principal, document_id=document_id))


async def change_document(call: Call, *, principal: Principal, document_id: str, body: ChangedDocument) -> Reply:
    """Change what is given; a new text or title is indexed anew."""
    document = await call.fm.knowledge.update(
        principal=principal,
        document_id=document_id,
        title=body.title,
        content=body.content,
        document_type=body.document_type,
        tags=body.tags,
        metadata=body.metadata,
    )
    return Reply(value=document)


async def delete_document(call: Call, *, principal: Principal, document_id: str) -> Reply:
    """Delete a document; no search finds it from now on."""
    await call.fm.knowledge.delete(principal=principal, document_id=document_id)
    return Reply(status=204)


async def list_collections(call: Call, *, principal: Principal) -> Reply:
    """The collections the caller sees, by name."""
    return Reply(value=CollectionList(collections=await call.fm.knowledge.collections(principal=principal)))


async def add_collection(call: Call, *, principal: Principal, body: NewCollection) -> Reply:
    """Name a collection before there is anything in it."""
    return Reply(value=await call.fm.knowledge.add_collection(principal=principal, name=body.name), status=201)


async def delete_collection(call: Call, *, principal: Principal, name: str) -> Reply:
    """Delete an empty collection."""
    await call.fm.knowledge.delete_collection(principal=principal, name=name)
    return Reply(status=204)


async def search(call: Call, *, principal: Principal, body: Search) -> Reply:
    """Search the caller's own and the global documents: one row per document, with its best chunk."""
    filters = _filters(body.filters)
    began = time.perf_counter()
    result = await call.fm.knowledge.search(
        principal=principal,
        query=body.query,
        limit=10 if body.limit is None else body.limit,
        mode=body.search_mode or SearchMode.HYBRID,
        collection=body.collection or filters.collection,
        document_type=body.document_type or filters.document_type,
        tags=(*(body.tags or ()), *(filters.tags or ())),
    )
    return Reply(value=TimedSearch(result=result, took=time.perf_counter() - began))


def _filters(given: dict[str, object] | None) -> Filters:
    """Raises: InvalidInput for one this server does not know, rather than find too much."""
    known = {f.name for f in fields(Filters)}
    if unknown := set(given or {}) - known:
        raise InvalidInput(f"filters may hold {', '.join(sorted(known))}, not {min(unknown)}.", field="filters")
    return structured(given or {}, Filters)


DOCUMENTS, ONE = "/knowledge/documents", "/knowledge/documents/{document_id}"
COLLECTIONS = "/knowledge/collections"
OPERATIONS = (
    Operation(
        method="POST",
        path=DOCUMENTS,
        handler=add_document,
        answers={202: AddedOut, 201: AddedOut, 200: AddedOut},
        group=Group.UPLOADS,
        errors=(507,),
        large=True,
        creates=True,
    ),
    Operation(method="GET", path=DOCUMENTS, handler=list_documents, answers={200: DocumentListOut}, group=Group.READS),
    Operation(method="GET", path=ONE, handler=get_document, answers={200: DocumentTextOut}, group=Group.READS),
    Operation(
        method="PUT",
        path=ONE,
        handler=change_document,
        answers={200: DocumentOut},
        group=Group.WRITES,
        errors=(403,),
        large=True,
    ),
    Operation(
        method="DELETE", path=ONE, handler=delete_document, answers={204: None}, group=Group.WRITES, errors=(403,)
    ),
    Operation(
        method="GET", path=COLLECTIONS, handler=list_collections, answers={200: CollectionListOut}, group=Group.READS
    ),
    Operation(
        method="POST",
        path=COLLECTIONS,
        handler=add_collection,
        answers={201: CollectionOut},
        group=Group.WRITES,
        creates=True,
    ),
    Operation(
        method="DELETE",
        path=f"{COLLECTIONS}/{{name}}",
        handler=delete_collection,
        answers={204: None},
        group=Group.WRITES,
        errors=(409,),
    ),
    Operation(method="POST", path="/knowledge/search", handler=search, answers={200: SearchOut}, group=Group.SEARCHES),
)
