"""What is found stays found, or is found again: whatever fails, stalls or is cut, and however often the index goes."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import pytest
from attrs import evolve, field, frozen

from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_domain.kernel.backlog import Backlog
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.extraction import UnreadableFile
from faultmaven_domain.kernel.jobs import JobState
from faultmaven_domain.knowledge import DocumentStatus, EmbeddingRequested, Passage, Scope, SearchMode
from faultmaven_domain.knowledge.indexing import INDEX
from tests.fakes.embedding_model import FakeModel
from tests.fakes.people import ANA, BOB, ROOT

from .room import LONG, WRITTEN_BATCHES, Room, nothing, the_request


@frozen
class Troubled(MemoryVectorProvider):
    """An index that does not answer when it is told to clean up, or once it is emptied, as often as that is named.

    After a writing it runs what is in ``meanwhile``.
    """

    troubles: list[str] = field(factory=list, kw_only=True)
    meanwhile: list[Callable[[], Awaitable[object]]] = field(factory=list, kw_only=True)

    async def upsert(
        self, collection: str, passages: Sequence[Passage], vectors: Sequence[Sequence[float]] | None
    ) -> None:
        await super().upsert(collection, passages, vectors)
        if self.meanwhile:
            await self.meanwhile.pop()()

    async def delete(self, collection: str, document_id: str, *, keep_revision: str | None = None) -> None:
        self._meet("cleaning")
        await super().delete(collection, document_id, keep_revision=keep_revision)

    async def discard(self, collection: str, document_id: str, *, revision: str) -> None:
        self._meet("cleaning")
        await super().discard(collection, document_id, revision=revision)

    async def drop(self, collection: str) -> None:
        await super().drop(collection)
        self._meet("dropping")

    def _meet(self, trouble: str) -> None:
        if trouble in self.troubles:
            self.troubles.remove(trouble)
            raise Unavailable("The index does not answer.")


@pytest.fixture
def index() -> Troubled:
    return Troubled()


@pytest.fixture
def troubled(room: Room, index: Troubled) -> Room:
    return room.with_vectors(index)


async def revisions(room: Room) -> list[str]:
    """Of the passages the index holds."""
    found = await room.here.vectors.search_text(INDEX, "alpha", 1_000, scope=Scope(owner_id=ANA.user_id))
    return [hit.passage.revision for hit in found]


async def taken_from_its_worker(room: Room, job_id: str) -> None:
    """As by a watch that took its silence for its death."""
    async with room.here.transactions.begin() as unit:
        job = await unit.jobs.get(job_id)
        assert job is not None
        await unit.jobs.save(job.orphaned())


async def work_off(room: Room) -> int:
    """All that waits, and what comes after it; gives how many jobs."""
    done = 0
    while waiting := await room.waiting():
        await room.do(waiting[0])
        done += 1
    return done


async def test_one_that_is_found_is_ready(troubled: Room, index: Troubled) -> None:
    """Where cleaning up after it fails, the document is ready all the same, and the next try cleans up alone."""
    document_id = await troubled.taught("A", "alpha old")
    await troubled.knowledge.update(principal=ANA, document_id=document_id, content="alpha new")
    request = await the_request(troubled)
    index.troubles.append("cleaning")

    job = await troubled.do(request)
    document = await troubled.document(document_id)
    held = await revisions(troubled)
    again = await troubled.do(request)

    assert (job.state, job.error) == (JobState.QUEUED, "The index does not answer.")
    assert (document.status, document.error, document.revision) == (DocumentStatus.READY, None, request.job_id)
    assert len(held) == 2
    assert again.state is JobState.COMPLETED
    assert await revisions(troubled) == [request.job_id]
    assert len(troubled.model.given) == 2


async def test_an_overtaken_one_cleans_up_in_the_end(troubled: Room, index: Troubled) -> None:
    """What it wrote after the newer one was done goes with its next try, where the first one's attempt at it failed."""
    document_id = (await troubled.add("A", "alpha old")).document.document_id
    older = await the_request(troubled)

    async def overtake() -> None:
        await troubled.knowledge.update(principal=ANA, document_id=document_id, content="alpha new")
        await troubled.do((await troubled.waiting())[-1])
        index.troubles.append("cleaning")

    troubled.model.meanwhile.append(overtake)
    job = await troubled.do(older)
    held = await revisions(troubled)
    again = await troubled.do(older)

    newest = (await troubled.document(document_id)).revision
    assert (job.state, again.state) == (JobState.QUEUED, JobState.COMPLETED)
    assert (len(held), await revisions(troubled)) == (2, [newest])


async def test_an_older_one_leaves_the_newer_ones_passages(troubled: Room, index: Troubled) -> None:
    """Told again to clean up while a newer job writes, the one that is found takes nothing of that away."""
    document_id = (await troubled.add("A", "alpha old")).document.document_id
    older = await the_request(troubled)
    index.troubles.append("cleaning")
    await troubled.do(older)
    await troubled.knowledge.update(principal=ANA, document_id=document_id, content=LONG)
    newer = (await troubled.waiting())[-1]

    async def clean_up() -> None:
        await troubled.do(older)

    troubled.model.meanwhile += [nothing] * WRITTEN_BATCHES + [clean_up]
    await troubled.do(newer)

    assert await revisions(troubled) == [newer.job_id] * LONG.count("alpha")


@pytest.mark.parametrize("stumbles", [True, False])
async def test_a_stalled_worker_undoes_nothing(room: Room, stumbles: bool) -> None:
    """What another did in its place stays, whether it fails in the end or would show its own."""
    document_id = (await room.add("A", "alpha")).document.document_id
    request = await the_request(room)

    async def stall() -> None:
        await taken_from_its_worker(room, request.job_id)
        assert (await room.do(request)).state is JobState.COMPLETED
        await room.knowledge.start(rebuild=True)
        if stumbles:
            room.model.failures.append(Unavailable())

    room.model.meanwhile.append(stall)
    job = await room.do(request)

    assert (job.state, job.error) == (JobState.COMPLETED, None)
    document = await room.document(document_id)
    assert (document.status, document.error) == (DocumentStatus.PROCESSING, None)
    await room.work()
    assert await room.titles("alpha", mode=SearchMode.KEYWORD) == ["A"]


async def test_called_off_at_the_last_moment(troubled: Room, index: Troubled) -> None:
    """A job that is cancelled when all is written shows none of it, and leaves none of it."""
    document_id = (await troubled.add("A", "alpha")).document.document_id
    request = await the_request(troubled)

    async def cancel() -> None:
        await troubled.jobs.cancel(principal=ANA, job_id=request.job_id)

    index.meanwhile.append(cancel)
    job = await troubled.do(request)

    document = await troubled.document(document_id)
    assert job.state is JobState.CANCELLED
    assert (document.status, document.error) == (DocumentStatus.FAILED, "Indexing was cancelled.")
    assert await revisions(troubled) == []


async def test_what_failed_since_is_found_again(room: Room) -> None:
    """A document that was found and whose newer text failed is indexed with all others, from that text."""
    document_id = await room.taught("A", "alpha")
    await room.taught("B", "alpha")
    await room.knowledge.update(principal=ANA, document_id=document_id, content="alpha beta")
    room.model.failures += [Unavailable()] * 3
    for _ in range(3):
        await room.work()
    assert (await room.document(document_id)).status is DocumentStatus.FAILED
    await room.knowledge.update(principal=ANA, document_id=await room.taught("C", "alpha"), content="alpha gamma")
    await room.jobs.cancel(principal=ANA, job_id=(await the_request(room)).job_id)

    assert await room.knowledge.start(rebuild=True) == 3
    assert await room.titles("alpha") == []
    await work_off(room)

    assert sorted(await room.titles("alpha")) == ["A", "B", "C"]
    assert await room.titles("beta", mode=SearchMode.KEYWORD) == ["A"]


async def test_emptied_in_the_middle_of_a_job(room: Room) -> None:
    """A job that ran while the index was emptied begins again, as of what it had written nothing is left."""
    await room.add("A", LONG)
    request = await the_request(room)

    async def rebuild() -> None:
        assert await revisions(room)
        await room.knowledge.start(rebuild=True)
        assert await room.titles("alpha") == []

    room.model.meanwhile += [nothing] * WRITTEN_BATCHES + [rebuild]
    job = await room.do(request)
    assert (job.state, job.deaths) == (JobState.QUEUED, 1)
    assert {document.status for document in (await room.knowledge.list(principal=ANA)).items} == {
        DocumentStatus.PROCESSING
    }
    await room.work()

    assert await revisions(room) == [request.job_id] * LONG.count("alpha")
    assert await room.titles("alpha") == ["A"]


async def test_the_door_stays_open(room: Room) -> None:
    """However many documents are indexed anew, a few of them wait at a time, and people's come in beside them."""
    for n in range(20):
        await room.add(f"Old {n}", "alpha", ANA if n % 2 else ROOT, global_=not n % 2)
    await room.work()
    here = evolve(room.here, backlog=Backlog({EmbeddingRequested.topic: 8}))
    small = evolve(room, here=here, knowledge=room.reach(here))

    assert await small.knowledge.start(rebuild=True) == 20
    assert len(await small.waiting()) == 2
    for n in range(3):
        await small.add(f"New {n}", "alpha")
    await small.add("New 3", "alpha", BOB)
    room.model.failures += [Unavailable()] * 3  # of one that fails the place is taken by the next

    assert await work_off(small) == 26
    assert len((await small.search("alpha", limit=50)).hits) == 22
    assert {document.status for document in (await small.knowledge.list(principal=ANA)).items} == {DocumentStatus.READY}


async def test_one_that_is_cut_goes_on(troubled: Room, index: Troubled) -> None:
    """Where the process dies when it has emptied the index, the next worker or start has everything indexed anew."""
    for n in range(3):
        await troubled.taught(f"Old {n}", "alpha")
    index.troubles.append("dropping")
    with pytest.raises(Unavailable):
        await troubled.knowledge.start(rebuild=True)

    assert await troubled.waiting() == []
    assert await troubled.knowledge.start() == 3
    await work_off(troubled)
    assert len(await troubled.titles("alpha")) == 3

    index.troubles.append("dropping")
    with pytest.raises(Unavailable):
        await troubled.knowledge.start(rebuild=True)
    await troubled.taught("New", "alpha")
    await work_off(troubled)
    assert len(await troubled.titles("alpha")) == 4
    assert await troubled.knowledge.start() == 0


async def test_one_that_stands_still_goes_on(room: Room) -> None:
    """Where all that waited was called off, the next sweep asks for the rest."""
    for n in range(5):
        await room.taught(f"Old {n}", "alpha")
    here = evolve(room.here, backlog=Backlog({EmbeddingRequested.topic: 8}))
    small = evolve(room, here=here, knowledge=room.reach(here))
    await small.knowledge.start(rebuild=True)
    for request in await small.waiting():
        await small.jobs.cancel(principal=ANA, job_id=request.job_id)

    await small.knowledge.sweep(older_than=timedelta(hours=1))
    await work_off(small)

    assert len(await small.titles("alpha")) == 3


async def test_one_that_fails_is_not_asked_for_at_every_start(room: Room) -> None:
    """What the present model cannot index, or was called off, is left as it is until all is indexed anew."""
    failing, cancelled, _ = [await room.taught(title, "alpha") for title in "ABC"]
    other = await room.with_model(FakeModel(name="other/1", dimension=32))
    await other.knowledge.start(rebuild=True)
    first, second, _ = await other.waiting()
    assert (first.document_id, second.document_id) == (failing, cancelled)
    await other.jobs.cancel(principal=ANA, job_id=second.job_id)
    other.model.failures.append(UnreadableFile("It is torn."))
    await work_off(other)
    before = [await other.document(id) for id in (failing, cancelled)]

    for _ in range(2):
        assert await other.knowledge.start() == 0
        assert await other.waiting() == []
        assert before == [await other.document(id) for id in (failing, cancelled)]

    assert {document.status for document in before} == {DocumentStatus.FAILED}
    assert before[0].error == "It is torn."
    assert await other.knowledge.start(rebuild=True) == 3
    await work_off(other)
    assert sorted(await other.titles("alpha")) == ["A", "B", "C"]


@pytest.mark.parametrize("model", [("fake/1", 512), ("none", 0)])
async def test_what_its_update_owes_is_asked_for_once(troubled: Room, index: Troubled, model: tuple[str, int]) -> None:
    """Where the index went while updates waited that come to nothing, the next start asks for their documents."""
    name, dimension = model
    room = await troubled.with_model(FakeModel(name=name, dimension=dimension))

    async def tear() -> None:
        raise UnreadableFile("It is torn.")

    taught = [await room.taught(title, "alpha") for title in "AB"]
    for document_id in taught:
        await room.knowledge.update(principal=ANA, document_id=document_id, content="alpha beta")
    for rebuild, marked in ((True, 0), (False, 2)):  # left to the updates, then owed
        assert await room.knowledge.start(rebuild=rebuild) == marked
        torn, cancelled = await room.waiting()
        assert [torn.document_id, cancelled.document_id] == taught
        await room.jobs.cancel(principal=ANA, job_id=cancelled.job_id)
        index.meanwhile.append(tear)
        await room.do(torn)
        assert {(await room.document(id)).status for id in taught} == {DocumentStatus.FAILED}

    for _ in range(2):
        assert await room.knowledge.start() == 0
        assert await room.waiting() == []
    assert await room.knowledge.start(rebuild=True) == 2
    await work_off(room)
    assert sorted(await room.titles("beta")) == ["A", "B"]
