"""Documents that are added under an id: once, whoever asks how often; and where each of them is found."""

import asyncio
from datetime import timedelta

import pytest

from faultmaven_domain.kernel.errors import AlreadyExists, Forbidden, UnsupportedFile
from faultmaven_domain.knowledge import DocumentNotFound, DocumentStatus
from tests.fakes.people import ANA, BOB, ROOT

from .room import Room


async def test_the_same_id_is_added_once(room: Room) -> None:
    """The second time it is given as it is by then, whatever came with it, and nothing is indexed anew."""
    first = await room.add("Disk", "Delete something.", document_id="doc_1")
    await room.work()
    second = await room.add("Other", "Other words.", document_id="doc_1")

    assert (first.document.document_id, second.document.document_id) == ("doc_1", "doc_1")
    assert (second.document.title, second.document.status) == ("Disk", DocumentStatus.READY)
    assert not second.unchanged
    assert await room.waiting() == []
    assert (await room.knowledge.list(principal=ANA)).total == 1


async def test_of_many_at_once_one_is_added(room: Room) -> None:
    """All who ask under one id in the same moment get the one document."""
    added = await asyncio.gather(*(room.add("Disk", document_id="doc_1") for _ in range(8)))

    assert {one.document.document_id for one in added} == {"doc_1"}
    assert len(await room.waiting()) == 1


async def test_a_file_that_comes_again_is_not_left_lying_about(room: Room) -> None:
    """The one that is the document's stays; a copy of it goes."""
    files = [await room.put(b"alpha") for _ in range(2)]
    for stored in files:
        await room.knowledge.add_file(principal=ANA, filename="a.md", stored=stored, document_id="doc_1")

    room.clock.advance(timedelta(minutes=1))
    assert await room.here.files.keys("knowledge/", older_than=room.clock.now()) == [files[0].key]


async def test_another_users_id_is_not_taken_over(room: Room) -> None:
    """Neither by a user nor by what all see; the document stays as it was."""
    await room.add("Disk", document_id="doc_1")

    with pytest.raises(AlreadyExists):
        await room.add("Mine", by=BOB, document_id="doc_1")
    with pytest.raises(AlreadyExists):
        await room.add("Ours", by=ROOT, document_id="doc_1", global_=True)
    assert (await room.document("doc_1")).title == "Disk"


async def test_a_document_is_looked_for_where_it_is(room: Room) -> None:
    """Among one's own, among those all see, or in both; elsewhere it is not found, nor deleted."""
    own = await room.taught("Own", by=ROOT)
    shared = await room.taught("Shared", by=ROOT, global_=True)

    for document_id, where, elsewhere in ((own, "own", "global"), (shared, "global", "own")):
        with pytest.raises(DocumentNotFound):
            await room.knowledge.get(principal=ROOT, document_id=document_id, scope=elsewhere)
        with pytest.raises(DocumentNotFound):
            await room.knowledge.delete(principal=ROOT, document_id=document_id, scope=elsewhere)
        found = await room.knowledge.get(principal=ROOT, document_id=document_id, scope=where)
        assert found.document == await room.document(document_id, ROOT)
    with pytest.raises(Forbidden):
        await room.knowledge.delete(principal=ANA, document_id=shared, scope="global")
    await room.knowledge.delete(principal=ROOT, document_id=shared, scope="global")
    assert (await room.knowledge.list(principal=ROOT, scope="global")).total == 0


@pytest.mark.parametrize("name", ["tool.exe", "A.EXE", "dir/a.zip", "a.md.exe", "old.doc"])
async def test_what_its_name_says_is_no_text_is_refused(room: Room, name: str) -> None:
    """And of the old Word format it is said what to do instead."""
    with pytest.raises(UnsupportedFile) as refused:
        await room.knowledge.add_file(principal=ANA, filename=name, stored=await room.put(b"x"))

    assert refused.value.details["field"] == "file"
    assert (".docx" in refused.value.message) == name.endswith(".doc")


@pytest.mark.parametrize("name", ["a.MD", "README", ".md", "a.b.yaml", "shot.png", "notes."])
async def test_what_may_be_text_is_taken(room: Room, name: str) -> None:
    """Any kind that is read, and what has no ending."""
    added = await room.knowledge.add_file(principal=ANA, filename=name, stored=await room.put(b"x"))

    assert added.document.filename == name
