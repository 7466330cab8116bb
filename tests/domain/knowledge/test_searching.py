import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from attrs import evolve, field, frozen

from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.errors import InvalidInput, Unavailable
from faultmaven_domain.knowledge import Scope, SearchMode
from faultmaven_domain.knowledge.indexing import INDEX
from faultmaven_domain.knowledge.searching import FEW, MODEL_AWAY, NO_MODEL
from tests.fakes.embedding_model import FakeModel
from tests.fakes.people import ANA, BOB, ROOT

from .room import Room

CRASH = "## Meaning\n\nThe container dies again and again.\n\n## Mitigation\n\nRead its log."
DISK = "## Meaning\n\nThe filesystem has no space left.\n\n## Mitigation\n\nDelete old images."


@frozen
class LateCache:
    """Before a result is kept, something happens; what is to be forgotten is written down."""

    inner: Cache
    meanwhile: list[Callable[[], Awaitable[None]]] = field(factory=list)
    forgotten: list[str] = field(factory=list)

    async def get(self, key: str) -> bytes | None:
        return await self.inner.get(key)

    async def set(self, key: str, value: bytes, ttl: timedelta) -> None:
        if key.startswith("knowledge:search:") and self.meanwhile:
            await self.meanwhile.pop()()
        await self.inner.set(key, value, ttl)

    async def invalidate(self, pattern: str) -> None:
        self.forgotten.append(pattern)
        await self.inner.invalidate(pattern)


@pytest.fixture
async def taught(room: Room) -> Room:
    await room.add("KubePodCrashLooping", CRASH, ROOT, global_=True, tags=("kube", "pod"), document_type="runbook")
    await room.add("NodeFilesystemFull", DISK, ANA, collection="nodes", tags=("node",))
    await room.add("Secret", "The container of Bob dies.", BOB)
    await room.work()
    return room


async def test_an_answer_is_a_document_and_its_best_passage(taught: Room) -> None:
    """A hit has the document's title, type and tags, and the section and words that were found."""
    result = await taught.search("which container dies?")

    hit = result.hits[0]
    assert (hit.title, hit.document_type, hit.tags) == ("KubePodCrashLooping", "runbook", ("kube", "pod"))
    assert (hit.section, hit.snippet) == ("Meaning", "The container dies again and again.")
    assert hit.is_global
    assert (result.query, result.mode, result.notes) == ("which container dies?", SearchMode.HYBRID, ())
    assert result.total_found == len(result.hits) == 1


async def test_own_and_global_ones_are_found(taught: Room) -> None:
    """Nobody finds another's document."""
    assert await taught.titles("container dies") == ["KubePodCrashLooping"]
    assert set(await taught.titles("container dies", BOB)) == {"KubePodCrashLooping", "Secret"}
    assert await taught.titles("container dies", ROOT) == ["KubePodCrashLooping"]


async def test_by_meaning_and_by_words(taught: Room) -> None:
    """Other words of one meaning are found by meaning alone, a name's words by full text."""
    synonym = "pods crashed"

    assert await taught.titles(synonym, mode=SearchMode.SEMANTIC) == ["KubePodCrashLooping"]
    assert await taught.titles("images", mode=SearchMode.KEYWORD) == ["NodeFilesystemFull"]
    for query in ("crash looping", "KubePodCrashLooping", "node filesystem"):
        assert len(await taught.titles(query, mode=SearchMode.KEYWORD)) == 1


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_a_name_is_found_by_its_words_and_these_by_it(room: Room, mode: SearchMode) -> None:
    """An alert's name finds the runbook that spells it out, and the other way round."""
    await room.taught("Kube Proxy Down", "x", document_type="spelled")
    await room.taught("KubeProxyDown", "x", document_type="one")

    for query in ("KubeProxyDown", "kube proxy down"):
        assert len(await room.titles(query, mode=mode)) == 2


async def test_an_index_cannot_show_anothers_document(taught: Room) -> None:
    """Though its passage lay in the index as everyone's, the row says whose it is."""
    [document] = (await taught.knowledge.list(principal=BOB)).items
    [hit] = await taught.here.vectors.search_text(INDEX, "bob", 9, scope=Scope(owner_id=BOB.user_id))
    await taught.here.vectors.upsert(INDEX, [evolve(hit.passage, owner_id=None)], None)

    assert await taught.titles("bob", BOB) == [document.title]
    assert await taught.titles("bob", ANA) == []


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_scores_are_from_nought_to_one(taught: Room, mode: SearchMode) -> None:
    """Best first, whatever the way of searching."""
    await taught.add("Other", "A container and its filesystem have no space left.")
    await taught.work()

    scores = [hit.score for hit in (await taught.search("container filesystem space left", mode=mode)).hits]

    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_what_has_nothing_to_do_with_it_is_not_found(taught: Room, mode: SearchMode) -> None:
    """A question the documents have no answer to gets none."""
    result = await taught.search("sourdough bread recipe", mode=mode)

    assert (result.hits, result.total_found) == ((), 0)


@pytest.mark.parametrize("mode", list(SearchMode))
@pytest.mark.parametrize("titles", ["abc", "cab", "bca"])
async def test_equals_come_by_what_they_say(room: Room, mode: SearchMode, titles: str) -> None:
    """Documents that answer equally well come in one order, whichever was indexed first."""
    for title in titles:
        await room.taught(title, "The quorum was lost.")

    assert await room.titles("quorum lost", mode=mode) == ["a", "b", "c"]


async def test_an_empty_knowledge_base(room: Room) -> None:
    """Before anything was ever indexed a search finds nothing, and is no error."""
    assert (await room.search("anything")).hits == ()


@pytest.mark.parametrize(
    ("narrowed", "titles"),
    [
        ({"collection": "nodes"}, ["NodeFilesystemFull"]),
        ({"document_type": "runbook"}, ["KubePodCrashLooping"]),
        ({"tags": ("pod", " kube ")}, ["KubePodCrashLooping"]),
        ({"tags": ("pod", "node")}, []),
        ({"collection": "no' such"}, []),
        ({"document_type": "faq"}, []),
    ],
)
async def test_a_search_can_be_narrowed(taught: Room, narrowed: dict[str, object], titles: list[str]) -> None:
    """By collection, by type, and by tags all of which a document has to carry."""
    query = "container filesystem"
    assert len(await taught.titles(query)) == 2

    assert await taught.titles(query, **narrowed) == titles


async def test_one_row_for_a_document(room: Room) -> None:
    """However many passages of it match, a document comes once, and the limit counts documents."""
    for n in range(4):
        await room.add(f"Doc {n}", "\n\n".join(f"## Part {k}\n\nalpha beta" for k in range(5)))
    await room.work()

    result = await room.search("alpha beta", limit=3)

    assert len({hit.document_id for hit in result.hits}) == len(result.hits) == 3
    assert result.total_found == 4


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_a_long_document_does_not_hide_the_others(room: Room, mode: SearchMode) -> None:
    """Where one document's passages fill the first look, a second, longer look finds the rest."""
    await room.add("Long", "\n\n".join(f"## Part {n}\n\nalpha alpha alpha" for n in range(FEW + 50)))
    await room.add("Short", "alpha beta")
    await room.work()

    assert set(await room.titles("alpha", mode=mode)) == {"Long", "Short"}


@pytest.mark.parametrize(
    ("field", "bad"), [("query", ""), ("query", " \0 "), ("query", "x" * 4_001), ("limit", 0), ("limit", 51),
                       ("tags", ("x" * 101,))]
)  # fmt: skip
async def test_searches_that_are_refused(room: Room, field: str, bad: object) -> None:
    """The error names the field."""
    with pytest.raises(InvalidInput) as refused:
        await room.knowledge.search(**{"principal": ANA, "query": "q", field: bad})

    assert refused.value.details["field"] == field


async def test_without_a_model(taught: Room) -> None:
    """Whatever was asked for, full text is searched, and the answer says so."""
    plain = await taught.with_model(FakeModel(name="none", dimension=0))

    for mode in (SearchMode.HYBRID, SearchMode.SEMANTIC):
        result = await plain.search("container", mode=mode)
        assert (result.mode, result.notes) == (SearchMode.KEYWORD, (NO_MODEL,))
        assert [hit.title for hit in result.hits] == ["KubePodCrashLooping"]
    assert (await plain.search("container", mode=SearchMode.KEYWORD)).notes == ()


async def test_with_the_model_away(taught: Room) -> None:
    """A search by both is left with full text and says so, but is not kept; one by meaning alone is an error."""
    taught.model.failures += [Unavailable(), Unavailable()]

    result = await taught.search("container dies")
    with pytest.raises(Unavailable):
        await taught.search("container dies", mode=SearchMode.SEMANTIC)

    assert (result.mode, result.notes) == (SearchMode.KEYWORD, (MODEL_AWAY,))
    assert [hit.title for hit in result.hits] == ["KubePodCrashLooping"]
    assert (await taught.search("container dies")).mode is SearchMode.HYBRID


# --- the cache


async def test_the_same_question_is_answered_from_the_cache(taught: Room) -> None:
    """Neither the model nor the index is asked again; what was kept equals what was found."""
    first = await taught.search("container dies")
    asked = len(taught.model.given)
    await taught.here.vectors.drop(INDEX)

    assert first == await taught.search("container dies")
    assert len(taught.model.given) == asked
    assert (await taught.search("container dies", limit=2)).hits == ()


async def test_a_query_is_embedded_once(taught: Room) -> None:
    """Another limit or scope is another search with the same vector."""
    asked = len(taught.model.given)

    for more in ({}, {"limit": 3}, {"collection": "nodes"}, {"mode": SearchMode.SEMANTIC}):
        await taught.search("container dies", **more)
    await taught.search("container dies", BOB)

    assert taught.model.given[asked:] == [("container dies",)]


async def test_each_gets_his_own_answer(taught: Room) -> None:
    """What was kept for one user is not given to another."""
    await taught.search("container dies", BOB)

    assert await taught.titles("container dies", ANA) == ["KubePodCrashLooping"]


async def test_new_documents_are_found_at_once(taught: Room) -> None:
    """A kept answer does not hide what was indexed since."""
    await taught.add("New", "Another container dies.")
    before = await taught.titles("container dies")
    await taught.work()

    assert set(await taught.titles("container dies")) == {*before, "New"}


async def test_a_new_title_is_shown_at_once(taught: Room) -> None:
    """A kept answer does not go on under an old title, and what was deleted is not counted any more."""
    document_id = await taught.taught("Old", "gamma rays", source="s")
    assert await taught.titles("gamma") == ["Old"]

    await taught.knowledge.update(principal=ANA, document_id=document_id, title="New")
    assert await taught.titles("gamma") == ["New"]
    await taught.add("Newest", "gamma rays", source="s")
    assert await taught.titles("gamma") == ["Newest"]

    await taught.knowledge.delete(principal=ANA, document_id=document_id)
    assert (await taught.search("gamma")).total_found == 0


async def test_a_search_during_a_change_hides_nothing(taught: Room) -> None:
    """An answer that was being made while a document came in is not given afterwards."""

    async def meanwhile() -> None:
        await taught.taught("New", "Another container dies.")

    late = evolve(taught.here, cache=LateCache(taught.here.cache, [meanwhile]))
    old = await late.search(principal=ANA, query="container dies")

    assert [hit.title for hit in old.hits] == ["KubePodCrashLooping"]
    assert set(await taught.titles("container dies")) == {"KubePodCrashLooping", "New"}


async def test_a_change_does_not_look_through_the_cache(taught: Room) -> None:
    """However much is kept, a document that comes in ends it by one key, also an answer to which it adds nothing."""
    cache = LateCache(taught.here.cache)
    room = evolve(taught, here=evolve(taught.here, cache=cache), knowledge=evolve(taught.here, cache=cache))
    await room.search("container dies")
    asked = len(room.model.given)
    await room.taught("New", "Something else.")

    await room.search("container dies")

    assert len(room.model.given) == asked + 1
    assert cache.forgotten
    assert not [pattern for pattern in cache.forgotten if "*" in pattern]


async def test_a_kept_answer_is_checked_against_the_rows(taught: Room) -> None:
    """Though the cache was never told, a deleted document and a replaced revision are not given."""
    await taught.search("container dies")
    [document] = (await taught.knowledge.list(principal=ANA, scope="global")).items
    async with taught.here.transactions.begin() as unit:
        await unit.documents.delete(document.document_id)

    assert await taught.titles("container dies") == []


async def test_a_cache_of_nonsense_is_no_cache(taught: Room) -> None:
    """A vector of another length is made anew."""
    await taught.search("container dies")
    entries = taught.here.cache._entries  # type: ignore[attr-defined]
    for key in list(entries):
        if key.startswith("knowledge:query:"):
            entries[key] = (b"123", entries[key][1])
        if key.startswith("knowledge:search:"):
            assert json.loads(entries[key][0])
            del entries[key]

    assert await taught.titles("container dies") == ["KubePodCrashLooping"]
