"""The worker's part: from a document's text or file to passages that a search finds."""

from attrs import evolve, frozen

from ..kernel.errors import FaultMavenError
from ..kernel.extraction import Offload, TextExtractor, UnreadableFile, gathered
from ..kernel.files import Contents, FileProvider
from ..kernel.job_desk import ClaimLost, JobDesk, WorkCancelled, is_ours
from ..kernel.jobs import JobState
from .chunking import Chunk, front_matter, is_markdown, split, title_of
from .events import EmbeddingRequested
from .models import LONGEST_CONTENT, Document, DocumentStatus, Passage, checked_tags, storable
from .ports import EmbeddingModel, KnowledgeTransactions, VectorProvider

#: The collection of the index that holds the passages of every document.
INDEX = "knowledge"
#: Passages embedded between two signs of life, and written at once.
EMBEDDED_AT_ONCE, WRITTEN_AT_ONCE = 32, 256


@frozen
class _Read:
    """``text`` None where it already lies with the document's row."""

    document: Document
    chunks: tuple[Chunk, ...]
    text: str | None
    notes: tuple[str, ...]


@frozen
class Indexing:
    """Passages of a job's revision are written first and become visible in one transaction, or not at all."""

    transactions: KnowledgeTransactions
    vectors: VectorProvider
    embeddings: EmbeddingModel
    files: FileProvider
    extractor: TextExtractor
    offload: Offload
    desk: JobDesk

    async def run(self, request: EmbeddingRequested) -> None:
        """Nothing, where the job is done or overtaken.

        Raises: UnreadableFile and any other error, once the document says why; ClaimLost.
        """
        async with self.transactions.view() as unit:
            document = await unit.documents.get(request.document_id)
            stored = await unit.contents.get(request.document_id)
        if document is None or not _waits_for(document, request):
            return
        try:
            await self.vectors.prepare(INDEX, model=self.embeddings.name, dimension=self.embeddings.dimension)
            read = await self._read(document, request, stored)
            await self._write(read, request)
            await self._show(read, request)
        except ClaimLost:
            raise
        except WorkCancelled:
            await self._fail(request, "Indexing was cancelled.")
            await self.clean_up(request)
            raise
        except FaultMavenError as error:
            await self._fail(request, error.message)
            raise
        except Exception:
            await self._fail(request, "An internal error; the server's log says more.")
            raise

    async def _read(self, document: Document, request: EmbeddingRequested, stored: str | None) -> _Read:
        text, notes = request.content or stored, document.notes
        if text is not None:
            return _Read(document, await self._chunks(document, text), None, notes)
        if document.file_key is None:
            raise UnreadableFile("The document has neither a text nor a file.")
        name = document.filename or ""
        parts = self.extractor.extract(Contents(self.files, document.file_key), filename=name)
        extracted = await gathered(parts, most=LONGEST_CONTENT + 1)
        text, notes = storable(extracted.text[:LONGEST_CONTENT]), extracted.notes
        if not text.strip():
            raise UnreadableFile("There is no text in the file.")
        if len(extracted.text) > LONGEST_CONTENT:
            notes = (*notes, f"Only the first {LONGEST_CONTENT} characters were read.")
        await self.desk.progress(request.job_id, 0.1)
        if not request.metadata.get("title_given"):
            document = evolve(document, title=title_of(text, filename=name) or document.title)
        if not request.metadata.get("tags_given") and is_markdown(name):
            document = evolve(document, tags=checked_tags(front_matter(text).tags))
        return _Read(document, await self._chunks(document, text), text, notes)

    async def _chunks(self, document: Document, text: str) -> tuple[Chunk, ...]:
        return await self.offload.run(_split, text, document.title, is_markdown(document.filename))

    async def _write(self, read: _Read, request: EmbeddingRequested) -> None:
        passages = [_passage(read.document, request.job_id, at, chunk) for at, chunk in enumerate(read.chunks)]
        for start in range(0, len(passages), WRITTEN_AT_ONCE):
            some = passages[start : start + WRITTEN_AT_ONCE]
            embedded: list[list[float]] = []
            for at in range(0, len(some), EMBEDDED_AT_ONCE):
                if self.embeddings.dimension:
                    texts = [passage.embedded_text for passage in some[at : at + EMBEDDED_AT_ONCE]]
                    embedded += await self.embeddings.embed(texts)
                await self.desk.progress(request.job_id, 0.1 + 0.8 * (start + at) / len(passages))
            await self.vectors.upsert(INDEX, some, embedded if self.embeddings.dimension else None)

    async def _show(self, read: _Read, request: EmbeddingRequested) -> None:
        """From one moment to the next a search finds the new passages and no others.

        Raises: WorkCancelled; ClaimLost, as another attempt, or an emptied index, has other passages by now.
        """
        async with self.transactions.begin() as unit:
            job = await unit.jobs.get(request.job_id)
            if job is not None and not is_ours(job):
                raise WorkCancelled if job.state is JobState.CANCELLED else ClaimLost
            current = await unit.documents.get(request.document_id)
            if current is not None and current.job_id == request.job_id:
                ready = evolve(
                    current,
                    title=read.document.title,
                    tags=read.document.tags,
                    status=DocumentStatus.READY,
                    revision=request.job_id,
                    embedded_with=self.embeddings.name if self.embeddings.dimension else None,
                    passage_count=len(read.chunks),
                    notes=read.notes,
                    error=None,
                )
                await unit.documents.save(ready)
                if read.text is not None:
                    await unit.contents.set(current.document_id, read.text)

    async def clean_up(self, request: EmbeddingRequested) -> None:
        """Take out what no search gives any more, but nothing that a newer job may be writing; as often as one likes.

        Raises: Unavailable.
        """
        async with self.transactions.view() as unit:
            document = await unit.documents.get(request.document_id)
        if document is None:
            await self.vectors.delete(INDEX, request.document_id)
        elif document.revision != request.job_id:
            await self.vectors.discard(INDEX, request.document_id, revision=request.job_id)
        elif document.job_id == request.job_id:
            await self.vectors.delete(INDEX, request.document_id, keep_revision=request.job_id)

    async def _fail(self, request: EmbeddingRequested, why: str) -> None:
        """Another try of the same job may still succeed, or have; what was found before stays found."""
        async with self.transactions.begin() as unit:
            document = await unit.documents.get(request.document_id)
            if document is not None and _waits_for(document, request):
                await unit.documents.save(evolve(document, status=DocumentStatus.FAILED, error=why))


def _waits_for(document: Document, request: EmbeddingRequested) -> bool:
    """Whether this job is the document's last, and is not done."""
    return document.job_id == request.job_id != document.revision


async def behind(transactions: KnowledgeTransactions, vectors: VectorProvider) -> bool:
    """Whether the index lacks what the rows name, by a sample of one: in another store every revision is another."""
    before: tuple[str, str] | None = None
    while True:
        async with transactions.view() as unit:
            newest = await unit.documents.newest_ready()
        if newest is None or newest.revision is None:
            return False
        sample = (newest.document_id, newest.revision)
        if await vectors.holds(INDEX, newest.document_id, revision=newest.revision):
            return False
        if sample == before:  # not overtaken or deleted between the two questions
            return True
        before = sample


def _split(text: str, title: str, markdown: bool) -> tuple[Chunk, ...]:
    """In another process, so without keywords."""
    return split(text, title=title, markdown=markdown)


def _passage(document: Document, revision: str, ordinal: int, chunk: Chunk) -> Passage:
    return Passage(
        passage_id=f"{document.document_id}:{revision}:{ordinal}",
        document_id=document.document_id,
        revision=revision,
        ordinal=ordinal,
        owner_id=document.owner_id,
        collection=document.collection,
        document_type=document.document_type,
        title=document.title,
        section=chunk.section,
        text=chunk.text,
        tags=document.tags,
    )
