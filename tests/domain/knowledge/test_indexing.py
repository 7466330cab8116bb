import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from attrs import evolve

from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_domain.kernel.errors import Forbidden, InvalidInput, Unavailable
from faultmaven_domain.kernel.jobs import JobState
from faultmaven_domain.knowledge import DocumentStatus, IndexMismatch, Scope, SearchMode
from faultmaven_domain.knowledge.indexing import EMBEDDED_AT_ONCE, INDEX
from tests.fakes.embedding_model import FakeModel
from tests.fakes.people import ANA, BOB, ROOT

from .room import LONG, WRITTEN_BATCHES, Room, nothing, the_request

MANY = "\n\n".join(f"## Part {n}\n\nalpha {n}" for n in range(2 * EMBEDDED_AT_ONCE + 5))


async def passages(room: Room, word: str = "alpha") -> set[str]:
    """Revisions the index holds, visible or not."""
    found = await room.here.vectors.search_text(INDEX, word, 1_000, scope=Scope(owner_id=ANA.user_id))
    return {hit.passage.revision for hit in found}


async def test_indexing_makes_it_found(room: Room) -> None:
    """The document is ready, says how many passages of which model it has, and a search finds them."""
    added = await room.add("A", MANY)

    job = await room.do(await the_request(room))

    document = await room.document(added.document.document_id)
    assert (job.state, job.progress) == (JobState.COMPLETED, 1.0)
    assert document.status is DocumentStatus.READY
    assert (document.revision, document.embedded_with) == (job.job_id, "fake/1")
    assert document.passage_count == 2 * EMBEDDED_AT_ONCE + 5
    assert await room.titles("alpha") == ["A"]
    assert await room.waiting() == []


async def test_the_model_gets_title_and_section(room: Room) -> None:
    """What is embedded says what it is about, in batches."""
    await room.taught("KubeProxyDown", MANY)

    assert [len(texts) for texts in room.model.given] == [EMBEDDED_AT_ONCE, EMBEDDED_AT_ONCE, 5]
    assert room.model.given[0][0] == "Kube Proxy Down\nPart 0\nalpha 0"


async def test_a_second_delivery_does_no_harm(room: Room) -> None:
    """The same request again, before and after the end of its job, leaves one set of passages."""
    added = await room.add("A", "alpha")
    request = await the_request(room)

    await room.do(request)
    await room.do(request)
    await room.knowledge.index(request=request)

    assert len(room.model.given) == 1
    result = await room.search("alpha", mode=SearchMode.KEYWORD)
    assert [added.document.document_id] == [hit.document_id for hit in result.hits]
    assert len(await room.here.vectors.search_text(INDEX, "alpha", 9, scope=Scope(owner_id=ANA.user_id))) == 1


async def test_a_newer_job_makes_the_older_one_idle(room: Room) -> None:
    """A request that was overtaken before it began does nothing; the newer one's text is what is found."""
    document_id = (await room.add("A", "alpha old")).document.document_id
    await room.knowledge.update(principal=ANA, document_id=document_id, content="alpha fresh")
    older, newer = await room.waiting()

    await room.do(newer)
    job = await room.do(older)

    assert job.state is JobState.COMPLETED
    assert len(room.model.given) == 1
    assert (await room.document(document_id)).revision == newer.job_id
    assert await room.titles("fresh") == ["A"]
    assert await room.titles("old", mode=SearchMode.KEYWORD) == []


async def test_overtaken_while_it_runs(room: Room) -> None:
    """A job that is overtaken in its middle takes its own passages away, and none of the newer one's."""
    document_id = await room.taught("A", "alpha first")
    first = (await room.document(document_id)).revision
    await room.knowledge.update(principal=ANA, document_id=document_id, content="alpha second")
    request = await the_request(room)

    async def overtake() -> None:
        await room.knowledge.update(principal=ANA, document_id=document_id, content="alpha third")

    room.model.meanwhile.append(overtake)
    await room.do(request)

    assert await passages(room) == {first}
    assert len(await room.titles("first", mode=SearchMode.KEYWORD)) == 1
    await room.work()
    third = (await room.document(document_id)).revision
    assert await passages(room) == {third}
    assert await room.titles("third") == ["A"]


async def test_overtaken_and_the_newer_one_done_first(room: Room) -> None:
    """The slower, older job finds the document ready by the newer one and leaves it so."""
    document_id = (await room.add("A", "alpha first")).document.document_id
    request = await the_request(room)

    async def overtake() -> None:
        await room.knowledge.update(principal=ANA, document_id=document_id, content="alpha second")
        newer = next(r for r in await room.waiting() if r.job_id != request.job_id)
        await room.do(newer)

    room.model.meanwhile.append(overtake)
    await room.do(request)

    document = await room.document(document_id)
    assert document.status is DocumentStatus.READY
    assert await passages(room) == {document.revision}
    assert await room.titles("second") == ["A"]


async def test_an_older_job_ends_in_the_middle_of_the_newer_one(room: Room) -> None:
    """What the newer one has written by then stays, though no row names it yet."""
    document_id = (await room.add("A", "alpha")).document.document_id
    older = await the_request(room)
    first, second = asyncio.Event(), asyncio.Event()
    room.model.meanwhile.append(first.wait)
    slow = asyncio.create_task(room.do(older))
    while not room.model.given:  # noqa: ASYNC110 - until it is in the model
        await asyncio.sleep(0)
    await room.knowledge.update(principal=ANA, document_id=document_id, content=LONG)
    newer = next(r for r in await room.waiting() if r.job_id != older.job_id)
    room.model.meanwhile += [nothing] * WRITTEN_BATCHES + [second.wait]
    quick = asyncio.create_task(room.do(newer))
    while room.model.meanwhile:  # noqa: ASYNC110 - until it is in its last batch
        await asyncio.sleep(0)

    first.set()
    await slow
    second.set()
    await quick

    scope = Scope(owner_id=ANA.user_id)
    found = await room.here.vectors.search_text(INDEX, "alpha", 1_000, scope=scope)
    assert {newer.job_id} == {hit.passage.revision for hit in found}
    assert len(found) == (await room.document(document_id)).passage_count == LONG.count("alpha")


async def test_overtaken_and_failed(room: Room) -> None:
    """The failure of a job that was overtaken is not the document's any more."""
    document_id = (await room.add("A", "alpha")).document.document_id
    request = await the_request(room)

    async def overtake() -> None:
        await room.knowledge.update(principal=ANA, document_id=document_id, content="alpha again")

    room.model.meanwhile.append(overtake)
    room.model.failures.append(Unavailable())
    await room.do(request)

    document = await room.document(document_id)
    assert (document.status, document.error) == (DocumentStatus.PROCESSING, None)


async def test_deleted_meanwhile(room: Room) -> None:
    """Of a document that was deleted while it was indexed nothing stays, whichever of the two jobs ends last."""
    for forget_first in (True, False):
        document_id = (await room.add("A", "alpha")).document.document_id
        request = await the_request(room)

        async def delete(document_id: str = document_id, forget_first: bool = forget_first) -> None:
            await room.knowledge.delete(principal=ANA, document_id=document_id)
            if forget_first:
                await room.do((await room.waiting())[-1])

        room.model.meanwhile.append(delete)
        await room.do(request)
        await room.work()

        assert await passages(room) == set()
        assert await room.waiting() == []


async def test_deleted_before(room: Room) -> None:
    """A request for a document that is gone is done with."""
    document_id = (await room.add("A", "alpha")).document.document_id
    request = await the_request(room)
    await room.knowledge.delete(principal=ANA, document_id=document_id)

    job = await room.do(request)

    assert job.state is JobState.COMPLETED
    assert room.model.given == []


async def test_no_half_is_ever_found(room: Room) -> None:
    """While a long document is indexed, the first time or again, a search finds what was there before, or nothing."""
    document_id = (await room.add("A", LONG)).document.document_id
    seen: list[tuple[set[str], list[str], list[str]]] = []

    async def look() -> None:
        words = [await room.titles(word, mode=SearchMode.KEYWORD) for word in ("alpha", "beta")]
        seen.append((await passages(room, "alpha beta"), *words))

    room.model.meanwhile += [nothing] * WRITTEN_BATCHES + [look]
    first = await room.do(await the_request(room))
    await room.knowledge.update(principal=ANA, document_id=document_id, content=LONG.replace("alpha", "beta"))
    room.model.meanwhile += [nothing] * WRITTEN_BATCHES + [look]
    second = await room.do(await the_request(room))

    assert seen == [({first.job_id}, [], []), ({first.job_id, second.job_id}, ["A"], [])]
    assert await passages(room, "alpha beta") == {second.job_id}
    assert await room.titles("beta") == ["A"]


async def test_tells_how_far_it_is(room: Room) -> None:
    """The job's progress grows from batch to batch."""
    await room.add("A", MANY)
    request = await the_request(room)
    seen: list[float] = []

    async def look() -> None:
        seen.append((await room.jobs.get(principal=ANA, job_id=request.job_id)).progress)

    room.model.meanwhile += [look] * 3
    await room.do(request)

    assert seen == sorted(set(seen))
    assert 0.0 <= seen[0] < seen[-1] < 1.0


async def test_called_off(room: Room) -> None:
    """A job that is cancelled in its middle leaves no passages, and the document says so."""
    document_id = (await room.add("A", LONG)).document.document_id
    request = await the_request(room)

    async def cancel() -> None:
        assert await passages(room) == {request.job_id}
        await room.jobs.cancel(principal=ANA, job_id=request.job_id)

    room.model.meanwhile += [nothing] * WRITTEN_BATCHES + [cancel]
    job = await room.do(request)

    document = await room.document(document_id)
    assert job.state is JobState.CANCELLED
    assert (document.status, document.error) == (DocumentStatus.FAILED, "Indexing was cancelled.")
    assert await passages(room) == set()


async def test_tried_again_when_the_model_was_away(room: Room) -> None:
    """The document says what is the matter, the job goes back to its queue, and the next try succeeds."""
    document_id = (await room.add("A", "alpha")).document.document_id
    request = await the_request(room)
    room.model.failures.append(Unavailable("The model is away."))

    job = await room.do(request)
    stumbled = await room.document(document_id)
    again = await room.do(request)

    assert (job.state, job.attempts) == (JobState.QUEUED, 1)
    assert (stumbled.status, stumbled.error) == (DocumentStatus.FAILED, "The model is away.")
    assert again.state is JobState.COMPLETED
    document = await room.document(document_id)
    assert (document.status, document.error) == (DocumentStatus.READY, None)
    assert await room.titles("alpha") == ["A"]


async def test_an_error_of_our_own(room: Room) -> None:
    """Nothing of it reaches the document but that there was one."""
    document_id = (await room.add("A", "alpha")).document.document_id
    room.model.failures.append(ZeroDivisionError("secret inner life"))

    job = await room.do(await the_request(room))

    document = await room.document(document_id)
    assert document.status is DocumentStatus.FAILED
    assert document.error == "An internal error; the server's log says more."
    assert job.state is JobState.QUEUED


async def test_what_was_found_stays_found_through_a_failure(room: Room) -> None:
    """An indexing that fails leaves the one before it in place."""
    document_id = await room.taught("A", "alpha")
    await room.knowledge.update(principal=ANA, document_id=document_id, content="beta")
    room.model.failures += [Unavailable()] * 3
    for _ in range(3):
        await room.work()

    assert (await room.document(document_id)).status is DocumentStatus.FAILED
    assert await room.titles("alpha") == ["A"]
    assert await room.titles("beta") == []


async def test_a_file_that_went_away(room: Room) -> None:
    """A document whose file is missing fails and says so."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="a.md", stored=await room.put(b"alpha"), media_type="text/markdown"
    )
    await room.here.files.delete(added.document.file_key or "")

    job = await room.do(await the_request(room))

    assert job.state is JobState.FAILED
    assert (await room.document(added.document.document_id)).error == job.error


async def test_without_a_model(room: Room) -> None:
    """Documents are indexed for full text alone, and say so by having no model."""
    plain = await room.with_model(FakeModel(name="none", dimension=0))
    document_id = await plain.taught("A", "alpha")

    document = await plain.document(document_id)
    assert (document.status, document.embedded_with) == (DocumentStatus.READY, None)
    assert plain.model.given == []
    assert await plain.titles("alpha") == ["A"]


# --- starting, and another model


async def test_a_model_that_comes_later_embeds_what_is_there(room: Room) -> None:
    """At the start, what the present model has not embedded waits for it; what it has does not."""
    plain = await room.with_model(FakeModel(name="none", dimension=0))
    assert await plain.knowledge.start() == 0
    for title, by, shared in (("A", ANA, False), ("B", BOB, False), ("G", ROOT, True)):
        await plain.taught(title, "alpha", by, global_=shared)
    assert await plain.knowledge.start() == 0

    asked = await room.knowledge.start()
    again = await room.knowledge.start()
    await room.work()

    assert (asked, again) == (3, 0)
    assert await room.knowledge.start() == 0
    assert sorted(await room.titles("alpha", mode=SearchMode.SEMANTIC)) == ["A", "G"]
    assert [d.embedded_with for d in (await room.knowledge.list(principal=BOB)).items] == ["fake/1"]


async def test_an_index_that_is_behind_is_filled(room: Room) -> None:
    """A start over an empty store, or one with earlier revisions, asks for everything; over the right one, nothing."""
    assert await room.knowledge.start() == 0
    await room.taught("A", "alpha")
    await room.taught("B", "alpha")
    assert await room.knowledge.start() == 0

    moved = room.with_vectors(MemoryVectorProvider())
    assert await moved.knowledge.start() == 2
    await moved.work()
    assert await moved.knowledge.start() == 0
    assert await room.titles("alpha") == []

    assert await room.knowledge.start() == 2
    await room.work()
    assert sorted(await room.titles("alpha")) == ["A", "B"]
    assert await room.knowledge.start() == 0


async def test_one_overtaken_at_a_start_is_not_missing(room: Room) -> None:
    """A document that is indexed again, or deleted, while the start looks for it does not make the index behind."""

    class Meanwhile(MemoryVectorProvider):
        async def holds(self, collection: str, document_id: str, *, revision: str) -> bool:
            if changes:
                await changes.pop()()
            return await super().holds(collection, document_id, revision=revision)

    busy = room.with_vectors(Meanwhile())
    changes: list[Callable[[], Awaitable[object]]] = []
    await busy.taught("A", "alpha")
    document_id = await busy.taught("B", "alpha")

    async def again() -> None:
        await busy.knowledge.update(principal=ANA, document_id=document_id, content="alpha beta")
        await busy.work()

    async def gone() -> None:
        await busy.knowledge.delete(principal=ANA, document_id=document_id)
        await busy.work()

    for change in (again, gone):
        changes.append(change)
        assert await busy.knowledge.start() == 0
        assert not changes


async def test_another_model_is_refused_until_the_index_is_rebuilt(room: Room) -> None:
    """The start and a job under another model fail with what to do; a rebuild embeds everything anew."""
    document_id = await room.taught("A", "alpha")
    other = await room.with_model(FakeModel(name="other/1", dimension=32))

    with pytest.raises(IndexMismatch):
        await other.knowledge.start()
    second = (await other.add("B", "alpha")).document.document_id
    job = await other.do(await the_request(other))
    assert job.state is JobState.FAILED
    assert "ingest --reindex" in ((await other.document(second)).error or "")

    assert await other.knowledge.start(rebuild=True) == 1
    assert await other.titles("alpha") == []
    await other.work()

    assert (await other.document(document_id)).embedded_with == "other/1"
    assert await other.titles("alpha", mode=SearchMode.SEMANTIC) == ["A"]


async def test_everything_can_be_indexed_again(room: Room) -> None:
    """Asked for all, documents the present model embedded wait as well, from their stored texts."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="a.md", stored=await room.put(b"# T\nalpha"), media_type="text/markdown"
    )
    await room.taught("B", "alpha")
    await room.work()
    await room.here.files.delete(added.document.file_key or "")

    assert await room.knowledge.reindex(principal=ROOT) == 0
    assert await room.knowledge.reindex(principal=ROOT, only_missing=False) == 2
    await room.work()

    assert sorted(await room.titles("alpha")) == ["B", "T"]


async def test_only_admins_ask_for_everything(room: Room) -> None:
    """Indexing all documents again is an admin's to ask for, or the server's own."""
    with pytest.raises(Forbidden):
        await room.knowledge.reindex(principal=ANA)


# --- sweeping


async def test_files_nobody_refers_to_are_swept(room: Room) -> None:
    """Old uploads that became no document go; new ones, used ones and other rooms' stay."""
    await room.put(b"orphan", "knowledge/orphan")
    await room.put(b"theirs", "evidence/e1")
    stored = await room.put(b"alpha", "knowledge/used")
    await room.knowledge.add_file(principal=ANA, filename="a.md", stored=stored, media_type="text/markdown")
    room.clock.advance(timedelta(hours=25))
    await room.put(b"fresh", "knowledge/fresh")

    assert await room.knowledge.orphans() == ("knowledge/orphan",)
    assert await room.knowledge.sweep() == 1
    assert await room.knowledge.sweep() == 0
    room.clock.advance(timedelta(minutes=2))
    assert await room.knowledge.sweep(older_than=timedelta(minutes=1)) == 1
    assert await room.here.files.download("knowledge/used") == b"alpha"
    assert await room.here.files.download("evidence/e1") == b"theirs"


async def test_a_request_of_another_major_version(room: Room) -> None:
    """A message from a newer world is not understood, one of a newer minor version is."""
    await room.add("A", "alpha")
    request = await the_request(room)

    assert evolve(request, version="1.7").version == "1.7"
    with pytest.raises(InvalidInput):
        evolve(request, version="2.0")
