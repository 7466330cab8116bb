from datetime import timedelta
from typing import Any

from faultmaven_domain.evidence import Evidence, EvidenceStatus, EvidenceTransactions, EvidenceType
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


class EvidenceRepositoryContract(DataProviderContract[Evidence]):
    module, part, key, text = "evidence", "evidence", "evidence_id", "description"

    def value(self, id: str, **changes: Any) -> Evidence:
        fields: dict[str, Any] = {
            "evidence_id": id,
            "case_id": "case_1",
            "owner_id": "ana",
            "filename": "checkout.log",
            "file_key": f"evidence/{id}",
            "file_size": 5_000_000_000,
            "file_type": "text/plain",
            "sha256": "0" * 64,
            "evidence_type": EvidenceType.LOG,
            "description": "",
            "status": EvidenceStatus.READY,
            "job_id": "job",
            "uploaded_at": NOON,
            "kind": "log",
            "line_count": 2_000,
            "notes": ("Line 3 was cut.",),
            "metadata": {"source_type": "text_paste", "turn_number": 2},
        }
        return Evidence(**{**fields, **changes})

    async def test_lists_newest_first(self, transactions: EvidenceTransactions) -> None:
        """A case's evidence, its owner's alone, and all of an owner's page by page, the newest first."""
        async with undone(transactions) as unit:
            for number, (id, owner, case) in enumerate(
                [("a", "ana", "1"), ("b", "bob", "1"), ("c", "ana", "2"), ("d", "ana", "1"), ("e", "ana", "1")]
            ):
                at = NOON + timedelta(minutes=min(number, 3))  # two at the same time
                await unit.evidence.save(self.value(id, owner_id=owner, case_id=case, uploaded_at=at))

            def ids(found: list[Evidence]) -> str:
                return "".join(item.evidence_id for item in found)

            assert ids(await unit.evidence.of_case("1", owner_id="ana")) == "eda"
            assert ids(await unit.evidence.of_case("2", owner_id="bob")) == ""
            assert ids(await unit.evidence.of_owner("ana", limit=10, offset=0)) == "edca"
            assert ids(await unit.evidence.of_owner("ana", limit=2, offset=1)) == "dc"
            assert [await unit.evidence.count(owner) for owner in ("ana", "bob", "eve")] == [4, 1, 0]

    async def test_knows_every_file(self, transactions: EvidenceTransactions) -> None:
        """Each file that a record refers to, whoever's it is, so that the others can be swept."""
        async with undone(transactions) as unit:
            assert set() == await unit.evidence.keys()
            await unit.evidence.save(self.value("a"))
            await unit.evidence.save(self.value("b", owner_id="bob"))

            assert {"evidence/a", "evidence/b"} == await unit.evidence.keys()
