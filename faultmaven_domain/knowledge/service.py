from datetime import timedelta
from hashlib import sha256
from typing import Any

from attrs import evolve, frozen

from ..kernel.backlog import UNBOUNDED, Backlog
from ..kernel.cache import Cache
from ..kernel.clock import Clock
from ..kernel.errors import AlreadyExists, Conflict, InvalidInput
from ..kernel.extraction import Offload, TextExtractor
from ..kernel.files import FileProvider, StoredFile
from ..kernel.ids import IdSource
from ..kernel.job_desk import JobDesk
from ..kernel.paging import Page, check_paging
from ..kernel.principal import Principal
from .adding import Adding, as_it_stands
from .chunking import is_markdown, sections, title_of
from .errors import CollectionNotFound, DocumentNotFound
from .events import DocumentDeleted, EmbeddingRequested
from .indexing import INDEX, Indexing, behind
from .models import (
    DEFAULT_COLLECTION,
    LARGEST_SEARCH,
    Added,
    Collection,
    Document,
    DocumentText,
    OwnOrGlobal,
    Scope,
    SearchMode,
    SearchResult,
    Section,
    checked_content,
    checked_document_title,
    checked_filename,
    checked_metadata,
    checked_name,
    checked_query,
    checked_tags,
)
from .ports import EmbeddingModel, KnowledgeTransactions, KnowledgeUnitOfWork, VectorProvider
from .renewing import Renewing
from .searching import Searching

#: Where this room's files lie in the store.
PREFIX = "knowledge/"
ORPHANED_AFTER = timedelta(hours=24)


@frozen
class KnowledgeService:
    """A document is the caller's own, or global: seen by all and changed by admins. Another's is not found."""

    transactions: KnowledgeTransactions
    vectors: VectorProvider
    embeddings: EmbeddingModel
    files: FileProvider
    extractor: TextExtractor
    offload: Offload
    cache: Cache
    clock: Clock
    ids: IdSource
    backlog: Backlog = UNBOUNDED

    # --- documents

    async def add(
        self,
        *,
        principal: Principal,
        title: str,
        content: str,
        document_type: str = "other",
        tags: tuple[str, ...] = (),
        collection: str = DEFAULT_COLLECTION,
        metadata: dict[str, object] | None = None,
        source: str | None = None,
        global_: bool = False,
        document_id: str | None = None,
    ) -> Added:
        """Keep a text and ask for it to be indexed; one from a known source takes the place of what that gave before.
        The same ``document_id`` is added once, and given again as it is by now.

        Raises: InvalidInput; TooLarge; Forbidden for a global one by anyone but an admin; AlreadyExists for an id that
        is another's.
        """
        adding, content = self._adding(), checked_content(content)
        wanted = adding.wanted(
            principal=principal,
            title=title,
            document_type=document_type,
            tags=tags,
            collection=collection,
            metadata=metadata,
            source=source,
            global_=global_,
            document_id=document_id,
        )
        wanted = evolve(wanted, sha256=sha256(content.encode()).hexdigest())
        return await adding.add(wanted, by=principal.user_id, content=content, title_given=True)

    async def add_file(
        self,
        *,
        principal: Principal,
        filename: str,
        stored: StoredFile,
        media_type: str = "application/octet-stream",
        title: str | None = None,
        document_type: str = "other",
        tags: tuple[str, ...] = (),
        collection: str = DEFAULT_COLLECTION,
        metadata: dict[str, object] | None = None,
        source: str | None = None,
        global_: bool = False,
        document_id: str | None = None,
    ) -> Added:
        """Keep a stored file and ask for it to be read and indexed. Without a title it has the one it gives itself.
        The same ``document_id`` is added once, and the file that comes with it again is deleted.

        Raises: InvalidInput; UnsupportedFile by its name; Forbidden; AlreadyExists as above. The file itself is then an
        orphan, swept later.
        """
        adding, name = self._adding(), checked_filename(filename)
        if stored.size == 0:
            raise InvalidInput("The file is empty.", field="file")
        given = title is not None and bool(title.strip())
        known = title if given and title else title_of("", filename=name) or name
        wanted = adding.wanted(
            principal=principal,
            title=known,
            document_type=document_type,
            tags=tags,
            collection=collection,
            metadata=metadata,
            source=source,
            global_=global_,
            document_id=document_id,
        )
        wanted = evolve(wanted, sha256=stored.sha256, filename=name, file_key=stored.key)
        return await adding.add(wanted, by=principal.user_id, content=None, title_given=given)

    async def get(self, *, principal: Principal, document_id: str, scope: OwnOrGlobal | None = None) -> DocumentText:
        """With its text, empty while that is still being read; ``scope`` is as for the list, None both.

        Raises: DocumentNotFound.
        """
        async with self.transactions.view() as unit:
            document = await self._seen(unit, principal, document_id, scope)
            return DocumentText(document=document, content=await unit.contents.get(document_id) or "")

    async def sections(self, *, principal: Principal, document_id: str) -> tuple[Section, ...]:
        """The document by its headings; none while it is still being read. Raises: DocumentNotFound."""
        found = await self.get(principal=principal, document_id=document_id)
        markdown = is_markdown(found.document.filename)
        return await self.offload.run(_sections, found.content, found.document.title, markdown)

    async def list(
        self,
        *,
        principal: Principal,
        scope: OwnOrGlobal = "own",
        document_type: str | None = None,
        collection: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Document]:
        """Newest first. Raises: InvalidInput."""
        check_paging(limit, offset)
        if scope not in ("own", "global"):
            raise InvalidInput("scope is own or global.", field="scope")
        owner = principal.user_id if scope == "own" else None
        async with self.transactions.view() as unit:
            documents = unit.documents
            total = await documents.count(owner, document_type=document_type, collection=collection)
            items = await documents.of_owner(
                owner, document_type=document_type, collection=collection, limit=limit, offset=offset
            )
            items = [await as_it_stands(unit, item) for item in items]
        return Page(items=tuple(items), total=total, limit=limit, offset=offset)

    async def update(
        self,
        *,
        principal: Principal,
        document_id: str,
        title: str | None = None,
        tags: tuple[str, ...] | None = None,
        document_type: str | None = None,
        metadata: dict[str, object] | None = None,
        content: str | None = None,
    ) -> Document:
        """Change what is given; what a search goes by is indexed anew. A new text takes the place of a file.

        Raises: DocumentNotFound; Forbidden; InvalidInput; TooLarge.
        """
        changes: dict[str, Any] = {}
        if title is not None:
            changes["title"] = checked_document_title(title)
        if tags is not None:
            changes["tags"] = checked_tags(tags)
        if document_type is not None:
            changes["document_type"] = checked_name(document_type, what="document_type")
        if content is not None:
            content = checked_content(content)
            changes["sha256"] = sha256(content.encode()).hexdigest()
        async with self.transactions.begin() as unit:
            document = await self._changeable(unit, principal, document_id)
            changed = evolve(document, **changes)
            anew = changed != document
            if content is not None and changed.sha256 != document.sha256:
                changed = evolve(changed, filename=None, file_key=None, notes=())
                await unit.contents.set(document_id, content)
            if metadata is not None:
                changed = evolve(changed, metadata=checked_metadata(metadata))
            changed = evolve(changed, updated_at=self.clock.now())
            if anew:
                changed = await self._adding().ask(
                    unit, changed, by=principal.user_id, title_given=True, tags_given=True
                )
            else:
                await unit.documents.save(changed)
        if anew:
            await self._search().changed()
        if document.file_key and changed.file_key is None:
            await self.files.delete(document.file_key)
        return changed

    async def delete(self, *, principal: Principal, document_id: str, scope: OwnOrGlobal | None = None) -> None:
        """No search finds it from now on; passages and file go soon. Raises: DocumentNotFound; Forbidden."""
        async with self.transactions.begin() as unit:
            document = await self._changeable(unit, principal, document_id, scope)
            await unit.documents.delete(document_id)
            await unit.contents.delete(document_id)
            await self._desk().let_go(unit, document.job_id)
            message = DocumentDeleted(job_id=self.ids.job(), document_id=document_id, file_key=document.file_key)
            await self._desk().ask(unit, message, owner_id=principal.user_id, subject_id=document_id)
        await self._search().changed()

    # --- collections

    async def collections(self, *, principal: Principal) -> tuple[Collection, ...]:
        """By name, with the number of documents the caller sees in each."""
        async with self.transactions.view() as unit:
            return tuple(await unit.collections.list(principal.user_id))

    async def add_collection(self, *, principal: Principal, name: str) -> Collection:
        """Raises: InvalidInput; AlreadyExists."""
        name = checked_name(name, what="name")
        async with self.transactions.begin() as unit:
            if await self._collection(unit, principal, name) or not await unit.collections.add(principal.user_id, name):
                raise AlreadyExists(f"There is a collection {name} already.", field="name")
        return Collection(name=name, document_count=0)

    async def delete_collection(self, *, principal: Principal, name: str) -> None:
        """Raises: CollectionNotFound; Conflict while there are documents in it."""
        async with self.transactions.begin() as unit:
            found = await self._collection(unit, principal, name)
            if found is None:
                raise CollectionNotFound(name=name)
            if found.document_count:
                raise Conflict("There are documents in the collection; move or delete them first.", name=name)
            await unit.collections.delete(principal.user_id, name)

    # --- search

    async def search(
        self,
        *,
        principal: Principal,
        query: str,
        limit: int = 10,
        mode: SearchMode = SearchMode.HYBRID,
        collection: str | None = None,
        document_type: str | None = None,
        tags: tuple[str, ...] = (),
    ) -> SearchResult:
        """The caller's own and global documents that answer best, each with its best passage; perhaps none.

        Documents carry all of ``tags``. Raises: InvalidInput; Unavailable.
        """
        query = checked_query(query)
        if not 1 <= limit <= LARGEST_SEARCH:
            raise InvalidInput(f"limit is a number from 1 to {LARGEST_SEARCH}.", field="limit")
        scope = Scope(
            owner_id=principal.user_id, collection=collection, document_type=document_type, tags=checked_tags(tags)
        )
        return await self._search().run(query, mode, scope, limit)

    # --- the worker's

    async def start(self, *, rebuild: bool = False) -> int:
        """Make the index ready and ask for what the present model has not embedded; ``rebuild`` begins it anew.

        One that lacks what is ready is filled with everything: it may be another store, an older copy, or half built.
        Gives how many documents wait. Raises: IndexMismatch; Unavailable.
        """
        renewing = self._renewing()
        if rebuild:  # marked first, lest a crash leave what is not found any more unmarked, and below what came since
            await renewing.mark(but=None)
            await self.vectors.drop(INDEX)
            await renewing.take_back()
        await self.vectors.prepare(INDEX, model=self.embeddings.name, dimension=self.embeddings.dimension)
        anew = rebuild or await behind(self.transactions, self.vectors)
        return await self.reindex(only_missing=not anew)

    async def index(self, *, request: EmbeddingRequested) -> None:
        """Make a document found; the same request again does no harm, and one overtaken by a newer does nothing.

        Raises: UnreadableFile; IndexMismatch; Unavailable; each once the document says so.
        """
        await self._renewing().go_on()  # this one waits no more, whatever becomes of it
        desk = self._desk()
        indexing = Indexing(
            self.transactions, self.vectors, self.embeddings, self.files, self.extractor, self.offload, desk
        )
        await indexing.run(request)
        await self._search().changed()
        await indexing.clean_up(request)
        await self.vectors.tidy(INDEX)

    async def forget(self, *, request: DocumentDeleted) -> None:
        """Let go of a deleted document's passages and file."""
        await self.vectors.delete(INDEX, request.document_id)
        if request.file_key is not None:
            await self.files.delete(request.file_key)

    async def reindex(self, *, principal: Principal | None = None, only_missing: bool = True) -> int:
        """Have documents indexed again: those the present model has not embedded, or all; gives how many wait for it.
        One that is missing because it failed or was called off is not asked for, unless it is owed that.

        ``principal`` None is the server itself. Raises: Forbidden for anyone but an admin.
        """
        if principal is not None:
            principal.require_admin()
        renewing = self._renewing()
        await renewing.mark_owed()
        if not only_missing or self.embeddings.dimension:
            await renewing.mark(but=self.embeddings.name if only_missing else None)
        waiting = await renewing.waiting()
        await renewing.go_on()
        return waiting

    async def orphans(self, *, older_than: timedelta = ORPHANED_AFTER) -> tuple[str, ...]:
        """Keys of files no document refers to, last written longer ago than that."""
        old = await self.files.keys(PREFIX, older_than=self.clock.now() - older_than)
        async with self.transactions.view() as unit:
            used = await unit.documents.file_keys()
        return tuple(key for key in old if key not in used)

    async def sweep(self, *, older_than: timedelta = ORPHANED_AFTER) -> int:
        """Delete orphaned files, tidy the index and go on with what is to be indexed anew; gives how many files."""
        orphans = await self.orphans(older_than=older_than)
        for key in orphans:
            await self.files.delete(key)
        await self.vectors.tidy(INDEX)
        await self._renewing().go_on()  # lest it stand still where all that waited was called off
        return len(orphans)

    # --- how

    async def _seen(
        self, unit: KnowledgeUnitOfWork, principal: Principal, document_id: str, scope: OwnOrGlobal | None = None
    ) -> Document:
        document = await unit.documents.get(document_id)
        if document is None or not document.visible_to(principal.user_id) or scope not in (None, document.scope):
            raise DocumentNotFound(document_id=document_id)
        return await as_it_stands(unit, document)

    async def _changeable(
        self, unit: KnowledgeUnitOfWork, principal: Principal, document_id: str, scope: OwnOrGlobal | None = None
    ) -> Document:
        document = await self._seen(unit, principal, document_id, scope)
        if document.owner_id is None:
            principal.require_admin()
        return document

    async def _collection(self, unit: KnowledgeUnitOfWork, principal: Principal, name: str) -> Collection | None:
        return next((c for c in await unit.collections.list(principal.user_id) if c.name == name), None)

    def _adding(self) -> Adding:
        return Adding(self.transactions, self.files, self._search(), self.clock, self.ids, self.backlog)

    def _renewing(self) -> Renewing:
        return Renewing(self.transactions, self._adding(), self.backlog)

    def _search(self) -> Searching:
        return Searching(self.transactions, self.vectors, self.embeddings, self.cache, self.ids)

    def _desk(self) -> JobDesk:
        return JobDesk(self.transactions, self.clock)


def _sections(text: str, title: str, markdown: bool) -> tuple[Section, ...]:
    """In another process, so without keywords."""
    return sections(text, title=title, markdown=markdown)
