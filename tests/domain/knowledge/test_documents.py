from datetime import timedelta

import pytest

from faultmaven_domain.kernel.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, TooLarge
from faultmaven_domain.kernel.jobs import JobState
from faultmaven_domain.knowledge import (
    Collection,
    CollectionNotFound,
    DocumentDeleted,
    DocumentNotFound,
    DocumentStatus,
    EmbeddingRequested,
    Section,
)
from faultmaven_domain.knowledge.models import LONGEST_CONTENT
from tests.fakes.people import ANA, BOB, ROOT

from .room import Room

MINUTE = timedelta(minutes=1)
RUNBOOK = b"---\ntitle: Disk full\ntags: [disk, node]\n---\n# DiskFull\n\n## Meaning\n\nThe disk is full.\n"


# --- adding


async def test_an_added_document_waits_to_be_indexed(room: Room) -> None:
    """It is there at once, as processing, with a job that carries its text."""
    added = await room.add(
        " Disk \n full ", "Delete something.", document_type="guide", tags=("disk", " disk ", ""), metadata={"a": [1]},
        collection="ops", source="wiki:7",
    )  # fmt: skip

    document = added.document
    assert not added.unchanged
    assert (document.title, document.document_type, document.tags) == ("Disk full", "guide", ("disk",))
    assert (document.owner_id, document.collection, document.source) == (ANA.user_id, "ops", "wiki:7")
    assert document.status is DocumentStatus.PROCESSING
    assert document.revision is None
    [request] = await room.waiting()
    assert isinstance(request, EmbeddingRequested)
    assert (request.job_id, request.document_id) == (document.job_id, document.document_id)
    assert (request.version, request.content) == ("1.0", "Delete something.")
    job = await room.jobs.get(principal=ANA, job_id=document.job_id)
    assert (job.kind, job.subject_id, job.state) == ("jobs.embedding", document.document_id, JobState.QUEUED)
    found = await room.knowledge.get(principal=ANA, document_id=document.document_id)
    assert (found.document, found.content) == (document, "Delete something.")


async def test_a_document_whose_job_was_called_off_can_be_added_again(room: Room) -> None:
    """It waits for nothing any more and says why; the same bytes are then indexed anew."""
    added = await room.add("A", "Text", source="s")
    await room.jobs.cancel(principal=ANA, job_id=added.document.job_id)

    given_up = await room.document(added.document.document_id)
    listed = await room.knowledge.list(principal=ANA)
    again = await room.add("A", "Text", source="s")

    assert (given_up.status, given_up.error) == (DocumentStatus.FAILED, "Cancelled.")
    assert [one.status for one in listed.items] == [DocumentStatus.FAILED]
    assert not again.unchanged
    await room.work()
    assert (await room.document(added.document.document_id)).status is DocumentStatus.READY


async def test_the_same_again_changes_nothing(room: Room) -> None:
    """The same bytes from the same source are known already, before and after they were indexed."""
    first = await room.add("A", "Text", source="s")
    again = await room.add("A", "Text", source="s")
    await room.work()
    later = await room.add("A", "Text", source="s")

    assert again.unchanged
    assert later.unchanged
    assert {first.document.document_id} == {again.document.document_id, later.document.document_id}
    assert await room.waiting() == []


@pytest.mark.parametrize(
    "other", [{"content": "Other"}, {"title": "B"}, {"document_type": "faq"}, {"tags": ("x",)}, {"collection": "c"}]
)
async def test_a_known_source_is_replaced(room: Room, other: dict[str, object]) -> None:
    """What is not the same takes the place of what the source gave before, under the same id."""
    first = await room.taught("A", "Text", source="s")
    created_at = (await room.document(first)).created_at
    room.clock.advance(MINUTE)

    again = await room.add(**{"title": "A", "content": "Text", "source": "s", **other})

    assert not again.unchanged
    assert again.document.document_id == first
    assert again.document.status is DocumentStatus.PROCESSING
    await room.work()
    page = await room.knowledge.list(principal=ANA)
    assert [first] == [d.document_id for d in page.items]
    assert page.items[0].status is DocumentStatus.READY
    assert (page.items[0].created_at, page.items[0].updated_at) == (created_at, room.clock.now())


async def test_sources_are_each_owners_own(room: Room) -> None:
    """Two people, and all, may have a document from one source; without a source nothing is the same."""
    ids = {
        (await room.add("A", "Text", by, source="s", global_=shared)).document.document_id
        for by, shared in ((ANA, False), (BOB, False), (ROOT, True))
    }
    ids |= {(await room.add("A", "Text")).document.document_id for _ in range(2)}

    assert len(ids) == 5


async def test_one_that_failed_is_tried_again(room: Room) -> None:
    """The same file again is not unchanged while it could not be read."""
    png = b"\x89PNG\r\n\x1a\n" + bytes(64)
    first = await room.knowledge.add_file(
        principal=ANA, filename="a.png", stored=await room.put(png), media_type="image/png", source="a.png"
    )
    await room.work()

    again = await room.knowledge.add_file(
        principal=ANA, filename="a.png", stored=await room.put(png), media_type="image/png", source="a.png"
    )

    assert (await room.document(first.document.document_id)).document_id == again.document.document_id
    assert not again.unchanged


async def test_only_admins_add_for_all(room: Room) -> None:
    """A global document is an admin's to add, as a text and as a file, and everyone's to read."""
    stored = await room.put(b"text")
    with pytest.raises(Forbidden):
        await room.add("A", "Text", ANA, global_=True)
    with pytest.raises(Forbidden):
        await room.knowledge.add_file(
            principal=ANA, filename="a.md", stored=stored, media_type="text/plain", global_=True
        )

    added = await room.add("A", "Text", ROOT, global_=True)

    assert added.document.owner_id is None
    assert (await room.document(added.document.document_id, BOB)).title == "A"


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("title", ""), ("title", " \n\t"), ("title", "x" * 301), ("title", "\0"), ("content", ""), ("content", " \n\0"),
        ("document_type", ""), ("document_type", "a/b"), ("collection", "a'b"), ("collection", "x" * 101),
        ("tags", ("x" * 101,)), ("tags", tuple(map(str, range(51)))), ("metadata", {"a": "x" * 20_001}),
    ],
)  # fmt: skip
async def test_bad_values_are_refused(room: Room, field: str, bad: object) -> None:
    """The error names the field, and nothing is kept."""
    with pytest.raises(InvalidInput) as refused:
        await room.add(**{"title": "A", "content": "Text", field: bad})

    assert refused.value.details["field"] == field
    assert (await room.knowledge.list(principal=ANA)).total == 0


async def test_metadata_is_json(room: Room) -> None:
    """What JSON has no word for is refused."""
    with pytest.raises(InvalidInput):
        await room.here.add(principal=ANA, title="A", content="x", metadata={"a": {1, 2}})


async def test_too_long_a_text(room: Room) -> None:
    """Ten million characters are the most."""
    with pytest.raises(TooLarge):
        await room.here.add(principal=ANA, title="A", content="x" * (LONGEST_CONTENT + 1))


async def test_what_no_store_takes_is_left_out(room: Room) -> None:
    """NULs and halves of characters go, and the rest is kept."""
    added = await room.here.add(
        principal=ANA, title="A\0\ud800B", content="x\0y\ud800", tags=("\ud800t",), source="\0s"
    )
    found = await room.here.get(principal=ANA, document_id=added.document.document_id)

    assert (found.document.title, found.content) == ("A?B", "xy?")
    assert (found.document.tags, found.document.source) == (("?t",), "s")


async def test_a_long_text_stays_at_home(room: Room) -> None:
    """It does not travel with its job, and is indexed all the same."""
    added = await room.add("Long", "word " * 20_000 + "needle")
    [request] = await room.waiting()
    assert isinstance(request, EmbeddingRequested)
    assert request.content == ""

    await room.work()

    assert (await room.document(added.document.document_id)).passage_count > 100
    assert await room.titles("needle") == ["Long"]


# --- files


@pytest.mark.parametrize(
    ("filename", "data", "title", "tags"),
    [
        ("disk.md", RUNBOOK, "Disk full", ("disk", "node")),
        ("x.md", b"text\n\n## A heading\n", "A heading", ()),
        ("C:\\dir\\kube_pod-down.md", b"no heading", "kube pod-down", ()),
        ("run.txt", b"# not a title\ntitle: no\n", "run", ()),
    ],
)
async def test_a_file_names_itself(room: Room, filename: str, data: bytes, title: str, tags: tuple[str, ...]) -> None:
    """Where no title is given it comes from the front matter, a heading or the file's name; tags likewise."""
    added = await room.knowledge.add_file(
        principal=ANA, filename=filename, stored=await room.put(data), media_type="text/plain"
    )
    assert added.document.status is DocumentStatus.PROCESSING
    [request] = await room.waiting()
    assert isinstance(request, EmbeddingRequested)
    assert request.content == ""
    assert request.metadata["file_key"] == added.document.file_key
    assert request.metadata["filename"] == added.document.filename

    await room.work()

    found = await room.knowledge.get(principal=ANA, document_id=added.document.document_id)
    assert (found.document.title, found.document.tags) == (title, tags)
    assert found.content == data.decode()
    assert found.document.status is DocumentStatus.READY


async def test_what_is_given_is_not_overruled(room: Room) -> None:
    """A title and tags given with a file stay."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="d.md", stored=await room.put(RUNBOOK), media_type="text/markdown", title="Mine",
        tags=("own",),
    )  # fmt: skip
    await room.work()

    document = await room.document(added.document.document_id)
    assert (document.title, document.tags) == ("Mine", ("own",))


async def test_a_file_that_cannot_be_read(room: Room) -> None:
    """The document says why, and so does its job."""
    stored = await room.put(b"\x89PNG\r\n\x1a\n" + bytes(64))
    added = await room.knowledge.add_file(
        principal=ANA, filename="shot.png", stored=stored, media_type="image/png", title="Shot"
    )
    [request] = await room.waiting()

    job = await room.do(request)

    document = await room.document(added.document.document_id)
    assert document.status is DocumentStatus.FAILED
    assert document.error
    assert (job.state, job.error) == (JobState.FAILED, document.error)


async def test_a_file_of_nothing_but_space(room: Room) -> None:
    """There is no text in it, which is said."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="a.txt", stored=await room.put(b" \n \n"), media_type="text/plain"
    )
    await room.work()

    assert (await room.document(added.document.document_id)).error == "There is no text in the file."


@pytest.mark.parametrize(("name", "data"), [("", b"x"), ("dir/", b"x"), ("x" * 256, b"x"), ("a.md", b"")])
async def test_files_that_are_refused(room: Room, name: str, data: bytes) -> None:
    """One without a name, with too long a one, or without bytes."""
    with pytest.raises(InvalidInput) as refused:
        await room.knowledge.add_file(
            principal=ANA, filename=name, stored=await room.put(data), media_type="text/plain"
        )

    assert refused.value.details["field"] == "file"


async def test_no_file_is_left_over(room: Room) -> None:
    """Of a file put in twice, or replaced, one copy is kept."""

    async def put(data: bytes) -> tuple[bool, str | None]:
        added = await room.knowledge.add_file(
            principal=ANA, filename="a.md", stored=await room.put(data), media_type="text/markdown", source="a.md"
        )
        return added.unchanged, added.document.file_key

    first = await put(b"one")
    again = await put(b"one")
    other = await put(b"two")

    assert (first[0], again[0], other[0]) == (False, True, False)
    room.clock.advance(MINUTE)
    assert await room.here.files.keys("knowledge/", older_than=room.clock.now()) == [other[1]]


async def test_a_replaced_file_is_read_anew(room: Room) -> None:
    """Its old text is not shown as the new one's, and the old passages serve until the new ones are there."""
    for data in (b"# One\nalpha", b"# Two\nbeta"):
        added = await room.knowledge.add_file(
            principal=ANA, filename="a.md", stored=await room.put(data), media_type="text/markdown", source="a.md"
        )
        if data.startswith(b"# One"):
            await room.work()
    assert (await room.knowledge.get(principal=ANA, document_id=added.document.document_id)).content == ""
    assert len(await room.titles("alpha")) == 1

    await room.work()

    assert await room.titles("beta") == ["Two"]
    assert await room.titles("alpha") == []


# --- reading


async def test_anothers_document_is_not_found(room: Room) -> None:
    """Neither read, changed nor deleted, by an admin no more than by anyone else."""
    document_id = (await room.add(by=ANA)).document.document_id

    for by in (BOB, ROOT):
        for call in (
            room.knowledge.get(principal=by, document_id=document_id),
            room.knowledge.sections(principal=by, document_id=document_id),
            room.knowledge.update(principal=by, document_id=document_id, title="Mine"),
            room.knowledge.delete(principal=by, document_id=document_id),
            room.knowledge.get(principal=by, document_id="doc_unknown"),
        ):
            with pytest.raises(DocumentNotFound):
                await call


async def test_all_read_what_admins_change(room: Room) -> None:
    """A global document is everyone's to read; changing and deleting it is for admins."""
    document_id = await room.taught("A", "## One\ntext", ROOT, global_=True)

    assert await room.knowledge.sections(principal=BOB, document_id=document_id) == (
        Section(heading="One", text="text"),
    )
    with pytest.raises(Forbidden):
        await room.knowledge.update(principal=BOB, document_id=document_id, title="B")
    with pytest.raises(Forbidden):
        await room.knowledge.delete(principal=BOB, document_id=document_id)
    await room.knowledge.update(principal=ROOT, document_id=document_id, title="B")
    await room.knowledge.delete(principal=ROOT, document_id=document_id)
    with pytest.raises(DocumentNotFound):
        await room.document(document_id, BOB)


async def test_lists_are_pages_newest_first(room: Room) -> None:
    """One's own and the global ones are two lists, each narrowed by type and collection."""
    for n in range(5):
        await room.add(f"own {n}", document_type="faq" if n % 2 else "guide", collection="c" if n > 2 else "d")
        room.clock.advance(MINUTE)
    await room.add("global", by=ROOT, global_=True)
    await room.add("bob's", by=BOB)

    page = await room.knowledge.list(principal=ANA, limit=2, offset=1)
    assert ([d.title for d in page.items], page.total) == (["own 3", "own 2"], 5)
    for narrowed, titles in (
        ({"scope": "global"}, ["global"]),
        ({"document_type": "faq"}, ["own 3", "own 1"]),
        ({"collection": "c"}, ["own 4", "own 3"]),
        ({"collection": "c", "document_type": "faq"}, ["own 3"]),
        ({"scope": "global", "document_type": "faq"}, []),
    ):
        page = await room.knowledge.list(principal=ANA, **narrowed)
        assert ([d.title for d in page.items], page.total) == (titles, len(titles))


@pytest.mark.parametrize(("field", "bad"), [("limit", 0), ("limit", 101), ("offset", -1), ("scope", "everyone's")])
async def test_pages_that_cannot_be(room: Room, field: str, bad: object) -> None:
    """Limits, offsets and scopes out of range are refused by name."""
    with pytest.raises(InvalidInput) as refused:
        await room.here.list(principal=ANA, **{field: bad})

    assert refused.value.details["field"] == field


async def test_sections_of_a_configuration(room: Room) -> None:
    """Remarks in a file that is not Markdown are not taken for headings."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="a.yaml", stored=await room.put(b"# remark\na: 1\n"), media_type="text/yaml"
    )
    of = {"principal": ANA, "document_id": added.document.document_id}
    assert await room.knowledge.sections(**of) == ()
    await room.work()

    assert await room.knowledge.sections(**of) == (Section(heading="", text="# remark\na: 1"),)


# --- changing


@pytest.mark.parametrize(
    ("change", "query"),
    [
        ({"title": "Quorum lost"}, "quorum"),
        ({"tags": ("zebra",)}, "zebra"),
        ({"content": "A new text about flux."}, "flux"),
    ],
)
async def test_a_change_is_found(room: Room, change: dict[str, object], query: str) -> None:
    """What a search goes by is indexed anew, and until then the old stays found."""
    document_id = await room.taught("Old", "alpha words")
    assert await room.titles(query) == []

    changed = await room.knowledge.update(principal=ANA, document_id=document_id, **change)
    assert changed.status is DocumentStatus.PROCESSING
    assert len(await room.titles("alpha")) == 1
    await room.work()

    assert len(await room.titles(query)) == 1
    assert (await room.document(document_id)).status is DocumentStatus.READY


async def test_a_changed_type_narrows_anew(room: Room) -> None:
    """A search by document type goes by the new one."""
    document_id = await room.taught("A", "alpha", document_type="faq")
    await room.knowledge.update(principal=ANA, document_id=document_id, document_type="guide")
    await room.work()

    assert await room.titles("alpha", document_type="guide") == ["A"]
    assert await room.titles("alpha", document_type="faq") == []


async def test_what_no_search_goes_by_costs_no_job(room: Room) -> None:
    """Metadata, and the same values again, are kept without indexing."""
    document_id = await room.taught("A", "Text", tags=("x",))
    before = await room.document(document_id)

    changed = await room.knowledge.update(
        principal=ANA, document_id=document_id, title="A", tags=("x",), content="Text", metadata={"k": "v"}
    )

    assert changed.metadata == {"k": "v"}
    assert (changed.job_id, changed.status) == (before.job_id, DocumentStatus.READY)
    assert await room.waiting() == []


async def test_a_text_takes_the_place_of_a_file(room: Room) -> None:
    """The file is let go, and the new text is what is read and found."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="a.md", stored=await room.put(b"alpha"), media_type="text/markdown"
    )
    await room.work()
    document_id = added.document.document_id

    changed = await room.knowledge.update(principal=ANA, document_id=document_id, content="beta")
    await room.work()

    assert (changed.file_key, changed.filename) == (None, None)
    assert (await room.knowledge.get(principal=ANA, document_id=document_id)).content == "beta"
    with pytest.raises(NotFound):
        await room.here.files.download(added.document.file_key or "")
    assert await room.titles("alpha") == []


async def test_a_title_changed_before_the_file_was_read(room: Room) -> None:
    """It is the one that stays, and the text is still read from the file."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="d.md", stored=await room.put(RUNBOOK), media_type="text/markdown"
    )
    await room.knowledge.update(principal=ANA, document_id=added.document.document_id, title="Mine")
    await room.work()

    found = await room.knowledge.get(principal=ANA, document_id=added.document.document_id)
    assert (found.document.title, found.content) == ("Mine", RUNBOOK.decode())
    assert found.document.status is DocumentStatus.READY


@pytest.mark.parametrize(
    ("field", "bad"), [("title", " "), ("tags", ("x" * 101,)), ("document_type", "'"), ("content", ""),
                       ("metadata", {"a": "x" * 20_001})]
)  # fmt: skip
async def test_bad_changes_are_refused(room: Room, field: str, bad: object) -> None:
    """The error names the field, and nothing changes."""
    document_id = (await room.add("A", "Text")).document.document_id
    before = await room.document(document_id)

    with pytest.raises(InvalidInput) as refused:
        await room.knowledge.update(principal=ANA, document_id=document_id, **{field: bad})

    assert refused.value.details["field"] == field
    assert before == await room.document(document_id)


async def test_deleted_is_gone_at_once(room: Room) -> None:
    """No search finds it from the answer on; its passages and its file go with the job, however often that comes."""
    added = await room.knowledge.add_file(
        principal=ANA, filename="a.md", stored=await room.put(b"alpha"), media_type="text/markdown"
    )
    await room.work()
    document_id = added.document.document_id
    assert len(await room.titles("alpha")) == 1

    await room.knowledge.delete(principal=ANA, document_id=document_id)

    assert await room.titles("alpha") == []
    with pytest.raises(DocumentNotFound):
        await room.document(document_id)
    [request] = await room.waiting()
    assert isinstance(request, DocumentDeleted)
    assert (request.document_id, request.file_key) == (document_id, added.document.file_key)
    await room.do(request)
    await room.knowledge.forget(request=request)
    with pytest.raises(NotFound):
        await room.here.files.download(added.document.file_key or "")


# --- collections


async def test_collections_exist_while_named_or_used(room: Room) -> None:
    """A document brings its collection into being, a name alone does too, and each counts what its owner sees."""
    await room.add("A", collection="used")
    await room.add("G", by=ROOT, collection="used", global_=True)
    named = await room.knowledge.add_collection(principal=ANA, name=" named ")

    assert named == Collection(name="named", document_count=0)
    assert await room.knowledge.collections(principal=ANA) == (
        Collection(name="named", document_count=0),
        Collection(name="used", document_count=2),
    )
    assert await room.knowledge.collections(principal=BOB) == (Collection(name="used", document_count=1),)


async def test_a_collection_is_there_once(room: Room) -> None:
    """One that is named or used cannot be added again."""
    await room.add("A", collection="used")
    await room.knowledge.add_collection(principal=ANA, name="named")

    for name in ("used", "named"):
        with pytest.raises(AlreadyExists):
            await room.knowledge.add_collection(principal=ANA, name=name)
    await room.knowledge.add_collection(principal=BOB, name="named")
    with pytest.raises(InvalidInput):
        await room.knowledge.add_collection(principal=ANA, name="a/b")


async def test_only_an_empty_collection_is_deleted(room: Room) -> None:
    """One with documents stays, and one that is not there is not found."""
    document_id = (await room.add("A", collection="c")).document.document_id
    await room.knowledge.add_collection(principal=ANA, name="d")

    with pytest.raises(Conflict):
        await room.knowledge.delete_collection(principal=ANA, name="c")
    await room.knowledge.delete_collection(principal=ANA, name="d")
    await room.knowledge.delete(principal=ANA, document_id=document_id)
    assert await room.knowledge.collections(principal=ANA) == ()
    with pytest.raises(CollectionNotFound):
        await room.knowledge.delete_collection(principal=ANA, name="d")
