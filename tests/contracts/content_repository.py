from hypothesis import given

from faultmaven_domain.knowledge import KnowledgeTransactions
from tests.contracts.data_provider import ModuleContract, any_value, undone
from tests.contracts.values import texts


class ContentRepositoryContract(ModuleContract):
    module, part = "knowledge", "contents"

    @any_value
    @given(texts, texts)
    async def test_keeps_the_latest(self, transactions: KnowledgeTransactions, first: str, second: str) -> None:
        """Any text comes back as it was, the empty one too, and the one set last."""
        async with undone(transactions) as unit:
            for text in (first, second):
                await unit.contents.set("doc_1", text)

                assert text == await unit.contents.get("doc_1")

    async def test_deletes(self, transactions: KnowledgeTransactions) -> None:
        """A deleted text is gone, the others stay, and deleting twice says so."""
        async with undone(transactions) as unit:
            await unit.contents.set("doc_1", "one")
            await unit.contents.set("doc_2", "x" * 3_000_000)

            assert [await unit.contents.delete("doc_1"), await unit.contents.delete("doc_1")] == [True, False]
            assert [
                await unit.contents.get("doc_1"),
                len(await unit.contents.get("doc_2") or ""),
            ] == [None, 3_000_000]
