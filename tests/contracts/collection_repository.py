from typing import Any

from faultmaven_domain.knowledge import Collection, Document, DocumentStatus, KnowledgeTransactions
from tests.contracts.data_provider import ModuleContract, undone
from tests.contracts.values import NOON


def a_document(id: str, owner: str | None, collection: str) -> Document:
    return Document(
        document_id=id,
        owner_id=owner,
        title="Disk full",
        document_type="runbook",
        status=DocumentStatus.READY,
        job_id="job",
        created_at=NOON,
        updated_at=NOON,
        collection=collection,
    )


async def sizes(unit: Any, owner: str) -> dict[str, int]:
    found: list[Collection] = await unit.collections.list(owner)
    assert [c.name for c in found] == sorted(c.name for c in found)
    return {c.name: c.document_count for c in found}


class CollectionRepositoryContract(ModuleContract):
    module, part = "knowledge", "collections"

    async def test_exists_while_it_is_named_or_used(self, transactions: KnowledgeTransactions) -> None:
        """A person has the collections they named and those that documents they may see are in, with their numbers."""
        async with undone(transactions) as unit:
            await unit.collections.add("ana", "empty")
            await unit.collections.add("ana", "disks")
            await unit.collections.add("bob", "bobs")
            for number, (owner, collection) in enumerate(
                [("ana", "disks"), (None, "disks"), ("bob", "disks"), (None, "shared"), ("ana", "Ñandú")]
            ):
                await unit.documents.save(a_document(f"doc_{number}", owner, collection))

            assert await sizes(unit, "ana") == {"disks": 2, "empty": 0, "shared": 1, "Ñandú": 1}
            assert await sizes(unit, "bob") == {"bobs": 0, "disks": 2, "shared": 1}
            assert await sizes(unit, "eve") == {"disks": 1, "shared": 1}
            await unit.documents.delete("doc_3")
            assert await sizes(unit, "eve") == {"disks": 1}

    async def test_is_named_once(self, transactions: KnowledgeTransactions) -> None:
        """Naming or unnaming twice says so; another person's collection of the same name is another one."""
        async with undone(transactions) as unit:
            assert [await unit.collections.add("ana", "disks") for _ in range(2)] == [True, False]
            assert await unit.collections.add("bob", "disks")
            assert [await unit.collections.delete("ana", "disks") for _ in range(2)] == [True, False]
            assert [await sizes(unit, "ana"), await sizes(unit, "bob")] == [{}, {"disks": 0}]
