"""A document on its way in: written as one that waits, with the job it waits for."""

from attrs import evolve, frozen

from ..kernel.backlog import Backlog
from ..kernel.clock import Clock
from ..kernel.errors import AlreadyExists
from ..kernel.files import FileProvider
from ..kernel.ids import IdSource
from ..kernel.job_desk import JobDesk
from ..kernel.jobs import JobState
from ..kernel.principal import Principal
from .events import EmbeddingRequested
from .models import (
    Added,
    Document,
    DocumentStatus,
    checked_document_title,
    checked_metadata,
    checked_name,
    checked_tags,
    storable,
)
from .ports import KnowledgeTransactions, KnowledgeUnitOfWork
from .searching import Searching

#: A longer text stays with its document's row and does not travel with the job.
LONGEST_PAYLOAD = 50_000


@frozen
class Adding:
    transactions: KnowledgeTransactions
    files: FileProvider
    searching: Searching
    clock: Clock
    ids: IdSource
    backlog: Backlog

    def wanted(
        self,
        *,
        principal: Principal,
        title: str,
        document_type: str,
        tags: tuple[str, ...],
        collection: str,
        metadata: dict[str, object] | None,
        source: str | None,
        global_: bool,
        document_id: str | None,
    ) -> Document:
        """What its caller asks for, checked; not stored yet. Raises: InvalidInput; Forbidden."""
        if global_:
            principal.require_admin()
        now = self.clock.now()
        return Document(
            document_id=document_id or self.ids.new("doc"),
            owner_id=None if global_ else principal.user_id,
            title=checked_document_title(title),
            document_type=checked_name(document_type, what="document_type"),
            status=DocumentStatus.PROCESSING,
            job_id="",
            created_at=now,
            updated_at=now,
            collection=checked_name(collection, what="collection"),
            tags=checked_tags(tags),
            metadata=checked_metadata(metadata or {}),
            source=storable(source) if source is not None else None,
        )

    async def add(self, wanted: Document, *, by: str, content: str | None, title_given: bool) -> Added:
        """Store it, in the place of what its source gave before, unless all of it is there; ``content`` None is for
        the worker to read from the file. A file that nothing refers to then is deleted.

        Raises: AlreadyExists for an id that is another's; QueueFull.
        """
        old_file: str | None = None
        async with self.transactions.begin() as unit:
            known = await unit.documents.by_source(wanted.owner_id, wanted.source) if wanted.source else None
            known = known and await as_it_stands(unit, known)
            made = await unit.documents.get(wanted.document_id)
            if made is not None:
                if made.owner_id != wanted.owner_id:
                    raise AlreadyExists(document_id=wanted.document_id)
                old_file = wanted.file_key
                added = Added(document=await as_it_stands(unit, made))
            elif known is not None and _same(known, wanted, title_given):
                old_file = wanted.file_key
                added = Added(document=known, unchanged=True)
            else:
                await self.backlog.check(unit, EmbeddingRequested, owner_id=by)
                if known is not None:
                    old_file = known.file_key
                    wanted = evolve(
                        wanted, document_id=known.document_id, created_at=known.created_at, revision=known.revision,
                        embedded_with=known.embedded_with, passage_count=known.passage_count,
                    )  # fmt: skip
                if content is None:
                    await unit.contents.delete(wanted.document_id)
                else:
                    await unit.contents.set(wanted.document_id, content)
                asked = await self.ask(
                    unit,
                    wanted,
                    by=by,
                    content=content or "",
                    title_given=title_given,
                    tags_given=bool(wanted.tags),
                )
                added = Added(document=asked)
        if not added.unchanged:
            await self.searching.changed()
        if old_file is not None and old_file != added.document.file_key:
            await self.files.delete(old_file)
        return added

    async def ask(
        self,
        unit: KnowledgeUnitOfWork,
        document: Document,
        *,
        by: str | None,
        content: str = "",
        title_given: bool,
        tags_given: bool,
    ) -> Document:
        """Write the document as one that waits, and the job it waits for."""
        document = evolve(document, job_id=self.ids.job(), status=DocumentStatus.PROCESSING, error=None)
        metadata: dict[str, object] = {"title_given": title_given, "tags_given": tags_given}
        if document.file_key is not None:
            metadata |= {"file_key": document.file_key, "filename": document.filename}
        message = EmbeddingRequested(
            job_id=document.job_id,
            document_id=document.document_id,
            content=content if len(content) <= LONGEST_PAYLOAD else "",
            metadata=metadata,
        )
        await unit.documents.save(document)
        desk = JobDesk(self.transactions, self.clock)
        await desk.ask(unit, message, owner_id=by, subject_id=document.document_id)
        return document


async def as_it_stands(unit: KnowledgeUnitOfWork, document: Document) -> Document:
    """A document whose job was given up or called off waits for nothing any more, and says why."""
    job = await unit.jobs.get(document.job_id) if document.status is DocumentStatus.PROCESSING else None
    if job is None or job.state not in {JobState.FAILED, JobState.CANCELLED}:
        return document
    return evolve(document, status=DocumentStatus.FAILED, error=job.error)


def _same(known: Document, wanted: Document, title_given: bool) -> bool:
    """Whether adding it again would change nothing."""
    return (
        known.status is not DocumentStatus.FAILED
        and known.sha256 == wanted.sha256
        and (not title_given or known.title == wanted.title)
        and (not wanted.tags or known.tags == wanted.tags)
        and (known.document_type, known.collection) == (wanted.document_type, wanted.collection)
    )
