from collections import Counter
from collections.abc import Sequence
from typing import Self

from attrs import evolve, frozen

from faultmaven_domain.kernel.errors import AlreadyExists
from faultmaven_domain.kernel.jobs import JobState
from faultmaven_domain.knowledge import OWED, Collection, Document, DocumentStatus

from ..rows import RowCodec, Scalar
from .jobs import MemoryJobs, MemoryOutbox
from .tables import MemoryRecords, MemoryTexts, Picture, Row, latest, page

_DOCUMENTS = RowCodec(Document)
_TO_COME = (JobState.QUEUED.value, JobState.RUNNING.value)


class MemoryDocuments(MemoryRecords[Document]):
    async def save(self, entity: Document) -> Document:
        if entity.source is not None:
            same = self._rows(owner_id=entity.owner_id, source=entity.source)
            if any(row["document_id"] != entity.document_id for row in same):
                raise AlreadyExists
        return await super().save(entity)

    async def by_ids(self, document_ids: Sequence[str]) -> list[Document]:
        return self._values([row for row in self._rows() if row["document_id"] in document_ids])

    async def revisions(self, document_ids: Sequence[str], *, owner_id: str) -> dict[str, str]:
        found = [d for d in await self.by_ids(document_ids) if d.visible_to(owner_id)]
        return {document.document_id: document.revision for document in found if document.revision is not None}

    async def by_source(self, owner_id: str | None, source: str) -> Document | None:
        rows = self._rows(owner_id=owner_id, source=source)
        return self._codec.from_row(rows[0]) if rows else None

    async def of_owner(
        self, owner_id: str | None, *, document_type: str | None, collection: str | None, limit: int, offset: int
    ) -> list[Document]:
        return self._values(page(latest(self._of(owner_id, document_type, collection), "created_at"), limit, offset))

    async def count(self, owner_id: str | None, *, document_type: str | None, collection: str | None) -> int:
        return len(self._of(owner_id, document_type, collection))

    async def outdate(self, *, but: str | None) -> None:
        for document in self._values(self._rows()):
            if document.revision is None:
                continue
            if but is None and self._is_coming(document):
                await self.save(evolve(document, embedded_with=OWED))
            elif but is None or (document.status is DocumentStatus.READY and document.embedded_with != but):
                await self._mark(document)

    async def outdate_owed(self) -> None:
        for document in self._values(self._rows(embedded_with=OWED)):
            if not self._is_coming(document):
                await self._mark(document)

    async def outdated(self, *, limit: int) -> list[Document]:
        return self._outdated()[:limit]

    async def count_outdated(self) -> int:
        return len(self._outdated())

    def _is_coming(self, document: Document) -> bool:
        job = self._picture.read("jobs").get(document.job_id)
        return job is not None and job["state"] in _TO_COME and document.job_id != document.revision

    async def _mark(self, document: Document) -> None:
        assert document.revision is not None
        model = None if document.embedded_with == OWED else document.embedded_with
        status = DocumentStatus.PROCESSING
        await self.save(evolve(document, status=status, job_id=document.revision, embedded_with=model, error=None))

    def _outdated(self) -> list[Document]:
        waiting = self._values(self._rows(status=DocumentStatus.PROCESSING.value))
        return [document for document in waiting if document.is_outdated]

    async def newest_ready(self) -> Document | None:
        ready = self._rows(status=DocumentStatus.READY.value)
        found = [row for row in ready if row["passage_count"] and row["revision"] is not None]
        return self._codec.from_row(found[-1]) if found else None

    async def file_keys(self) -> set[str]:
        return {row["file_key"] for row in self._rows() if row["file_key"] is not None}

    def _of(self, owner_id: str | None, document_type: str | None, collection: str | None) -> list[Row]:
        narrowed: dict[str, Scalar] = {"document_type": document_type, "collection": collection}
        return self._rows(owner_id=owner_id, **{name: value for name, value in narrowed.items() if value is not None})


@frozen
class MemoryContents:
    texts: MemoryTexts

    async def get(self, document_id: str) -> str | None:
        return await self.texts.get(document_id)

    async def set(self, document_id: str, content: str) -> None:
        await self.texts.set(document_id, content)

    async def delete(self, document_id: str) -> bool:
        return await self.texts.delete(document_id)


@frozen
class MemoryCollections:
    picture: Picture

    async def list(self, owner_id: str) -> list[Collection]:
        documents = self.picture.read("documents").values()
        sizes = Counter(row["collection"] for row in documents if row["owner_id"] in (None, owner_id))
        named = {name for owner, name in self.picture.read("collections") if owner == owner_id}
        return [Collection(name=name, document_count=sizes[name]) for name in sorted(named | set(sizes))]

    async def add(self, owner_id: str, name: str) -> bool:
        collections = self.picture.write("collections")
        new = (owner_id, name) not in collections
        collections[owner_id, name] = {}
        return new

    async def delete(self, owner_id: str, name: str) -> bool:
        return self.picture.write("collections").pop((owner_id, name), None) is not None


@frozen
class MemoryKnowledgeUnit:
    jobs: MemoryJobs
    outbox: MemoryOutbox
    documents: MemoryDocuments
    contents: MemoryContents
    collections: MemoryCollections

    @classmethod
    def over(cls, picture: Picture) -> Self:
        return cls(
            jobs=MemoryJobs(picture),
            outbox=MemoryOutbox(picture),
            documents=MemoryDocuments(picture, "documents", _DOCUMENTS, key="document_id"),
            contents=MemoryContents(MemoryTexts(picture, "contents")),
            collections=MemoryCollections(picture),
        )
