from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from faultmaven_domain.kernel.errors import AlreadyExists
from faultmaven_domain.kernel.jobs import Job, JobState
from faultmaven_domain.knowledge import OWED, Document, DocumentStatus, KnowledgeTransactions
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


def ids(found: list[Document]) -> str:
    return "".join(document.document_id for document in found)


class DocumentRepositoryContract(DataProviderContract[Document]):
    module, part, key, text = "knowledge", "documents", "document_id", "title"

    def value(self, id: str, **changes: Any) -> Document:
        fields: dict[str, Any] = {
            "document_id": id,
            "owner_id": "ana",
            "title": "Disk full",
            "document_type": "runbook",
            "status": DocumentStatus.READY,
            "job_id": "job",
            "created_at": NOON,
            "updated_at": NOON,
            "tags": ("disk", "linux"),
            "metadata": {"team": {"name": "storage"}},
        }
        return Document(**{**fields, **changes})

    async def test_finds_several_by_their_ids(self, transactions: KnowledgeTransactions) -> None:
        """Those of the ids that are there, each once; none for no ids."""
        async with undone(transactions) as unit:
            for id in "abc":
                await unit.documents.save(self.value(id, owner_id=None if id == "b" else "ana"))

            assert sorted(ids(await unit.documents.by_ids(["b", "gone", "a", "b"]))) == ["a", "b"]
            assert await unit.documents.by_ids([]) == []

    async def test_finds_any_number_by_their_ids(self, transactions: KnowledgeTransactions) -> None:
        """However many are asked for, each that is there is found once."""
        async with undone(transactions) as unit:
            for number in range(40):
                await unit.documents.save(self.value(f"d{number}", revision="r"))

            for count in (1, 15, 16, 17, 40):
                asked = [f"d{number}" for number in range(count)]
                found = await unit.documents.by_ids(asked)
                assert sorted(asked) == sorted(document.document_id for document in found)
            asked = [f"d{number}" for number in range(30, 1_000)]
            revisions = await unit.documents.revisions(asked, owner_id="ana")
            assert revisions == {f"d{number}": "r" for number in range(30, 40)}

    async def test_tells_which_revision_may_be_seen(self, transactions: KnowledgeTransactions) -> None:
        """Of the owner's documents and the global ones; not of another's, nor where none was indexed yet."""
        async with undone(transactions) as unit:
            for id, owner, revision in [("a", "ana", "r1"), ("b", "bob", "r2"), ("c", None, "r3"), ("d", "ana", None)]:
                await unit.documents.save(self.value(id, owner_id=owner, revision=revision))

            asked = ["a", "b", "c", "d", "gone", "a"]
            assert await unit.documents.revisions(asked, owner_id="ana") == {"a": "r1", "c": "r3"}
            assert await unit.documents.revisions(asked, owner_id="eve") == {"c": "r3"}
            assert await unit.documents.revisions([], owner_id="ana") == {}

    @pytest.mark.parametrize("owner", ["ana", None])
    async def test_a_source_is_one_document(self, transactions: KnowledgeTransactions, owner: str | None) -> None:
        """An owner, or everybody together, has one document of a source; another owner has another."""
        async with transactions.begin() as unit:
            await unit.documents.save(self.value("a", owner_id=owner, source="disk.md"))
            await unit.documents.save(self.value("b", owner_id="bob", source="disk.md"))
            await unit.documents.save(self.value("c", owner_id=owner, source=None))
            await unit.documents.save(self.value("d", owner_id=owner, source=None))
            await unit.documents.save(self.value("a", owner_id=owner, source="disk.md", title="Again"))
        with pytest.raises(AlreadyExists):
            async with transactions.begin() as unit:
                await unit.documents.save(self.value("e", owner_id=owner, source="disk.md"))

        async with transactions.view() as unit:
            found = await unit.documents.by_source(owner, "disk.md")
            assert found is not None
            assert (found.document_id, found.title) == ("a", "Again")
            assert (await unit.documents.by_source("bob", "disk.md")).document_id == "b"
            assert await unit.documents.by_source(owner, "other.md") is None
            assert await unit.documents.by_source("eve", "disk.md") is None

    async def test_lists_newest_first(self, transactions: KnowledgeTransactions) -> None:
        """An owner's documents, or the global ones, newest first, narrowed by type and collection, page by page."""
        rows = [
            ("a", "ana", "runbook", "x"), ("b", None, "runbook", "x"), ("c", "ana", "guide", "x"),
            ("d", "ana", "runbook", "y"), ("e", "ana", "runbook", "x"), ("f", "bob", "runbook", "x"),
        ]  # fmt: skip
        async with undone(transactions) as unit:
            for number, (id, owner, kind, collection) in enumerate(rows):
                at = NOON + timedelta(minutes=min(number, 3))  # the last ones at the same time
                document = self.value(id, owner_id=owner, document_type=kind, collection=collection, created_at=at)
                await unit.documents.save(document)

            async def listed(owner: str | None, kind: str | None = None, collection: str | None = None) -> str:
                asked: dict[str, Any] = {"document_type": kind, "collection": collection}
                found = ids(await unit.documents.of_owner(owner, **asked, limit=10, offset=0))
                assert len(found) == await unit.documents.count(owner, **asked)
                return found

            assert [await listed(owner) for owner in ("ana", None, "bob", "eve")] == ["edca", "b", "f", ""]
            assert [
                await listed("ana", "runbook"), await listed("ana", None, "x"), await listed("ana", "runbook", "x")
            ] == ["eda", "eca", "ea"]  # fmt: skip
            assert [await listed(None, "runbook", "x"), await listed(None, "guide")] == ["b", ""]
            page = await unit.documents.of_owner("ana", document_type=None, collection=None, limit=2, offset=1)
            assert ids(page) == "dc"

    async def test_marks_what_is_to_be_indexed_anew(self, transactions: KnowledgeTransactions) -> None:
        """Whatever was once indexed is marked, however it went on, but what a later job is yet to do: that is owed, and
        marked once the job has ended without doing it."""
        ready, processing, failed = DocumentStatus.READY, DocumentStatus.PROCESSING, DocumentStatus.FAILED
        states = {state.value: state for state in JobState}
        async with undone(transactions) as unit:
            for id, status, job, revision in [
                ("a", ready, "completed", "completed a"),
                ("b", ready, "running", "running b"),
                ("c", failed, "failed", "r"),
                ("d", processing, "cancelled", "r"),
                ("e", processing, "failed", "r"),
                ("f", failed, "forgotten", "r"),
                ("v", failed, "queued", "r"),
                ("w", processing, "queued", "r"),
                ("x", processing, "running", "r"),
                ("y", processing, "queued", None),
                ("z", failed, "failed", None),
            ]:
                job_id = f"{job} {id}"
                await unit.documents.save(self.value(id, status=status, job_id=job_id, revision=revision, error="no"))
                if job in states:
                    fields: dict[str, Any] = {"kind": "k", "owner_id": None, "subject_id": id, "created_at": NOON}
                    await unit.jobs.save(Job(job_id=job_id, state=states[job], **fields))
            before = {id: await unit.documents.get(id) for id in "vwxyz"}
            await unit.documents.outdate_owed()
            assert await unit.documents.count_outdated() == 0

            for _ in range(2):
                await unit.documents.outdate(but=None)

                marked = await unit.documents.outdated(limit=20)
                assert ids(marked) == "abcdef"
                assert {(d.status, d.error, d.job_id == d.revision) for d in marked} == {(processing, None, True)}
                assert await unit.documents.count_outdated() == 6
            assert [ids(await unit.documents.outdated(limit=limit)) for limit in (1, 0)] == ["a", ""]
            owed = {id: evolve(document, embedded_with=OWED) for id, document in before.items() if id in "vwx"}
            assert before | owed == {id: await unit.documents.get(id) for id in "vwxyz"}

            for job, marks in [("queued v", "abcdefv"), ("queued w", "abcdefvw"), ("running x", "abcdefvwx")]:
                await unit.jobs.save(evolve(await unit.jobs.get(job), state=states["failed"]))
                await unit.documents.outdate_owed()
                assert sorted(ids(await unit.documents.outdated(limit=20))) == list(marks)
            marked = await unit.documents.outdated(limit=20)
            assert ids(marked) == "abcdefvwx"
            assert {(d.status, d.error, d.embedded_with) for d in marked} == {(processing, None, None)}
            for document in owed.values():
                await unit.documents.save(document)
            await unit.documents.outdate(but=None)
            assert marked == await unit.documents.outdated(limit=20)

            await unit.documents.save(self.value("a", status=processing, job_id="later", revision="completed a"))
            assert await unit.documents.count_outdated() == 8

    async def test_marks_what_another_model_embedded(self, transactions: KnowledgeTransactions) -> None:
        """Or none; what the present one has embedded is left as it is, and so is what is not ready."""
        async with undone(transactions) as unit:
            for id, model, revision in [("c", "old/1", "r"), ("a", None, "r"), ("b", "new/1", "r"), ("d", None, None)]:
                await unit.documents.save(self.value(id, embedded_with=model, job_id="r", revision=revision))
            for id, status in [("e", DocumentStatus.FAILED), ("f", DocumentStatus.PROCESSING)]:
                fields = {"embedded_with": "old/1", "revision": "r", "job_id": "called off", "error": "no"}
                await unit.documents.save(self.value(id, status=status, **fields))
            left = {id: await unit.documents.get(id) for id in "bdef"}

            await unit.documents.outdate(but="new/1")

            assert sorted(ids(await unit.documents.outdated(limit=9))) == ["a", "c"]
            assert left == {id: await unit.documents.get(id) for id in "bdef"}

    async def test_gives_the_newest_that_is_ready(self, transactions: KnowledgeTransactions) -> None:
        """The one added last of those that are ready and have passages, whoever owns it; none where there is none."""
        async with undone(transactions) as unit:
            assert await unit.documents.newest_ready() is None
            for id, more in [
                ("z", {"status": DocumentStatus.READY}),
                ("a", {"status": DocumentStatus.READY, "owner_id": None}),
                ("b", {"status": DocumentStatus.READY, "passage_count": 0}),
                ("c", {"status": DocumentStatus.READY, "revision": None}),
                ("d", {"status": DocumentStatus.PROCESSING}),
                ("e", {"status": DocumentStatus.FAILED}),
            ]:
                fields = {"revision": f"r-{id}", "passage_count": 2, "embedded_with": "old/1"} | more
                await unit.documents.save(self.value(id, **fields))

            found = await unit.documents.newest_ready()
            assert found is not None
            assert (found.document_id, found.revision) == ("a", "r-a")

    async def test_knows_every_file(self, transactions: KnowledgeTransactions) -> None:
        """Each file that a document refers to, so that the others can be swept."""
        async with undone(transactions) as unit:
            for id in "abc":
                await unit.documents.save(self.value(id, file_key=None if id == "b" else f"documents/{id}"))

            assert {"documents/a", "documents/c"} == await unit.documents.file_keys()
