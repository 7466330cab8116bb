"""What every VectorProvider promises. An adapter's test class inherits this and gives `index`, and `beside`: another
handle on the same data, as another process has one (the same object where there is only one process)."""

import asyncio
import math
from collections.abc import Sequence

import pytest

from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.knowledge import IndexMismatch, Passage, PassageHit, Scope, VectorProvider

RUNBOOKS, MODEL = "runbooks", "toy/1"
ANA = Scope(owner_id="ana")
HOSTILE = [
    "'", '"', "\\", "''; DROP TABLE runbooks; --", "' OR 1=1 --", "x' OR 'a'='a", "a AND b OR NOT c",
    "+must -not ~1 ^2", "field:value", "(unbalanced [brackets {", "*", "?", "wild* c?rd",
    "\x00", "line\nbreak\ttab", "🔥 outage 🔥",
    "\ud800", "接続 エラー", "ñandú", "the of and", "", " ", "a" * 10_000, "word " * 2_000, "%_\\%", "$1 {0} %s",
    "/regex/",
]  # fmt: skip
#: What is written, and what finds it and none of the others.
FORMS = {
    "endings": ("pods keep restarting", ("restarts",)),
    "case": ("The Connection was REFUSED", ("connection refused",)),
    "accents": ("Störung im café", ("storung cafe",)),
    "hyphens": ("see kube-state-metrics/errors", ("state metrics",)),
    "underscores": ("kubelet_volume_used_bytes > 5", ("volume used",)),
    "humps": ("alert KubePodCrashLooping fires", ("crash", "kubepodcrashlooping")),
    "no spaces": ("データベース接続エラー", ("接続",)),
    "else": ("something else", ()),
}
FORMS_ASKED = [(name, query) for name, (_, queries) in FORMS.items() for query in queries]


def a_passage(
    name: str,
    text: str = "words",
    *,
    document: str | None = None,
    revision: str = "r1",
    owner: str | None = None,
    collection: str = "default",
    document_type: str = "guide",
    title: str = "",
    section: str = "",
    tags: tuple[str, ...] = (),
) -> Passage:
    return Passage(
        passage_id=name,
        document_id=document or f"doc_{name}",
        revision=revision,
        ordinal=0,
        owner_id=owner,
        collection=collection,
        document_type=document_type,
        title=title,
        section=section,
        text=text,
        tags=tags,
    )


def ids(hits: Sequence[PassageHit]) -> list[str]:
    return [hit.passage.passage_id for hit in hits]


def at(degrees: float) -> list[float]:
    """A direction in the plane."""
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


class VectorProviderContract:
    @pytest.fixture
    async def index(self) -> VectorProvider:
        raise NotImplementedError

    @pytest.fixture
    async def beside(self, index: VectorProvider) -> VectorProvider:
        raise NotImplementedError

    @pytest.fixture
    async def ready(self, index: VectorProvider) -> VectorProvider:
        await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
        return index

    # --- what is found

    async def test_gives_passages_back_whole(self, ready: VectorProvider) -> None:
        """What was put in comes out equal, whatever characters it holds."""
        passage = a_passage(
            "p'1", "It's \"broken\"\n\n```\nx = 'ä' \\ 🔥\n```", document="d';--", revision="r\\1", owner="ana",
            collection="o'hare", document_type="how to", title="Disc's full", section="A > B",
            tags=("a,b", "c'd", "[e]"),
        )  # fmt: skip
        await ready.upsert(RUNBOOKS, [passage], [at(0)])

        by_vector = await ready.search(RUNBOOKS, at(0), 5, scope=ANA)
        by_words = await ready.search_text(RUNBOOKS, "broken", 5, scope=ANA)

        assert [passage] == [hit.passage for hit in by_vector] == [hit.passage for hit in by_words]

    async def test_the_nearest_come_first(self, ready: VectorProvider) -> None:
        """Vector search orders by cosine, gives the cosine as the score, and at most as many as asked for."""
        await ready.upsert(RUNBOOKS, [a_passage(n) for n in "abcd"], [at(80), at(10), at(180), at(40)])

        hits = await ready.search(RUNBOOKS, at(0), 3, scope=ANA)

        assert ids(hits) == ["b", "d", "a"]
        assert [math.cos(math.radians(d)) for d in (10, 40, 80)] == pytest.approx([h.score for h in hits], abs=1e-5)

    async def test_length_does_not_matter(self, ready: VectorProvider) -> None:
        """A vector counts by its direction alone."""
        await ready.upsert(RUNBOOKS, [a_passage("a"), a_passage("b")], [[9.0, 9.0], [0.1, 0.0]])

        assert ids(await ready.search(RUNBOOKS, [70.0, 0.0], 5, scope=ANA)) == ["b", "a"]

    async def test_the_rarer_word_weighs_more(self, ready: VectorProvider) -> None:
        """Full text puts the passage with the telling word first and leaves out those with none."""
        texts = {"a": "the disk of the node", "b": "the quorum of the node", "c": "the node is fine", "d": "elsewhere"}
        await ready.upsert(RUNBOOKS, [a_passage(n, text) for n, text in texts.items()], None)

        hits = await ready.search_text(RUNBOOKS, "is the quorum of this node lost?", 10, scope=ANA)

        assert ids(hits)[0] == "b"
        assert {"a", "b", "c"} == set(ids(hits))
        assert sorted((h.score for h in hits), reverse=True) == [h.score for h in hits]
        assert hits[0].score > hits[1].score > 0

    async def test_words_are_found_in_other_forms(self, ready: VectorProvider) -> None:
        """Endings, case, accents and punctuation do not hide a word, nor does a name made of several."""
        await ready.upsert(RUNBOOKS, [a_passage(n, text) for n, (text, _) in FORMS.items()], None)

        asked = {(n, query): ids(await ready.search_text(RUNBOOKS, query, 9, scope=ANA)) for n, query in FORMS_ASKED}

        assert asked == {(n, query): [n] for n, query in FORMS_ASKED}

    async def test_title_section_and_tags_are_searched(self, ready: VectorProvider) -> None:
        """A word of the title, of a heading or of a tag finds the passage below it."""
        await ready.upsert(
            RUNBOOKS,
            [a_passage("a", title="Watchdog"), a_passage("b", section="Mitigation"), a_passage("c", tags=("etcd",))],
            None,
        )

        found = [ids(await ready.search_text(RUNBOOKS, q, 5, scope=ANA)) for q in ("watchdog", "mitigation", "etcd")]

        assert found == [["a"], ["b"], ["c"]]

    async def test_without_vectors_full_text_is_left(self, ready: VectorProvider) -> None:
        """A passage put in without a vector is found by words and never by nearness."""
        await ready.upsert(RUNBOOKS, [a_passage("a", "quorum lost")], None)
        await ready.upsert(RUNBOOKS, [a_passage("b", "quorum kept")], [at(0)])

        assert ids(await ready.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["b"]
        assert {"a", "b"} == set(ids(await ready.search_text(RUNBOOKS, "quorum", 5, scope=ANA)))

    # --- what may be seen

    async def test_only_the_owners_and_global_ones(self, ready: VectorProvider) -> None:
        """Another owner's passage is found in neither way."""
        passages = [a_passage("a", owner="ana"), a_passage("b", owner="bob"), a_passage("g", owner=None)]
        await ready.upsert(RUNBOOKS, passages, [at(0)] * 3)

        for owner, seen in (("ana", {"a", "g"}), ("bob", {"b", "g"}), ("eve' OR 'a'='a", {"g"})):
            scope = Scope(owner_id=owner)
            assert seen == set(ids(await ready.search(RUNBOOKS, at(0), 9, scope=scope)))
            assert seen == set(ids(await ready.search_text(RUNBOOKS, "words", 9, scope=scope)))

    async def test_the_scope_narrows(self, ready: VectorProvider) -> None:
        """Collection, type and tags leave the others out, and the limit counts what is left."""
        passages = [
            a_passage("a", collection="db", document_type="guide", tags=("x", "y")),
            a_passage("b", collection="db", document_type="faq", tags=("y",)),
            a_passage("c", collection="net", document_type="faq", tags=()),
        ]
        await ready.upsert(RUNBOOKS, passages, [at(0), at(1), at(2)])

        for scope, seen in (
            (Scope(owner_id="ana", collection="db"), {"a", "b"}),
            (Scope(owner_id="ana", document_type="faq"), {"b", "c"}),
            (Scope(owner_id="ana", tags=("y",)), {"a", "b"}),
            (Scope(owner_id="ana", tags=("y", "x")), {"a"}),
            (Scope(owner_id="ana", collection="net", tags=("x",)), set()),
        ):
            assert seen == set(ids(await ready.search(RUNBOOKS, at(0), max(1, len(seen)), scope=scope)))
            assert seen == set(ids(await ready.search_text(RUNBOOKS, "words", max(1, len(seen)), scope=scope)))

    async def test_any_text_is_a_query_and_a_filter(self, ready: VectorProvider) -> None:
        """Quotes, operators, NULs, emoji, half characters and ten thousand letters mean nothing but themselves."""
        await ready.upsert(RUNBOOKS, [a_passage("a", "quorum lost", owner="bob")], [at(0)])

        for text in HOSTILE:
            assert await ready.search_text(RUNBOOKS, text, 5, scope=Scope(owner_id="bob")) == [], text[:40]
            for scope in (
                Scope(owner_id=text),
                Scope(owner_id="bob", collection=text),
                Scope(owner_id="bob", document_type=text),
                Scope(owner_id="bob", tags=(text,)),
            ):
                assert await ready.search(RUNBOOKS, at(0), 5, scope=scope) == [], text[:40]
                assert await ready.search_text(RUNBOOKS, "quorum", 5, scope=scope) == [], text[:40]
            await ready.delete(RUNBOOKS, text)
            await ready.delete(RUNBOOKS, text, keep_revision=text)
            await ready.discard(RUNBOOKS, text, revision=text)
            assert not await ready.holds(RUNBOOKS, text, revision=text), text[:40]
            assert ids(await ready.search_text(RUNBOOKS, "quorum", 5, scope=Scope(owner_id="bob"))) == ["a"], text[:40]

    # --- what changes

    async def test_the_same_id_replaces(self, ready: VectorProvider) -> None:
        """Putting a passage in again changes its words and its vector, and doubles nothing."""
        await ready.upsert(RUNBOOKS, [a_passage("a", "old words"), a_passage("b", "others")], [at(90), at(45)])
        await ready.upsert(RUNBOOKS, [a_passage("a", "fresh start")], [at(0)])
        await ready.upsert(RUNBOOKS, [a_passage("a", "fresh start")], [at(0)])

        assert ids(await ready.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["a", "b"]
        assert ids(await ready.search_text(RUNBOOKS, "fresh", 9, scope=ANA)) == ["a"]
        assert await ready.search_text(RUNBOOKS, "old", 9, scope=ANA) == []

    async def test_nothing_of_the_old_one_stays(self, ready: VectorProvider) -> None:
        """A passage put in again without the owner, the tags and the section it had is without them."""
        old = a_passage("a", "quorum", owner="bob", section="Old", tags=("z", "x", "z"))
        new = a_passage("a", "quorum")
        for passage in (old, new):
            await ready.upsert(RUNBOOKS, [passage], [at(0)])

            scope = Scope(owner_id="bob")
            assert [passage] == [hit.passage for hit in await ready.search(RUNBOOKS, at(0), 9, scope=scope)]
            assert [passage] == [hit.passage for hit in await ready.search_text(RUNBOOKS, "quorum", 9, scope=scope)]
        assert ids(await ready.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["a"]
        assert await ready.search(RUNBOOKS, at(0), 9, scope=Scope(owner_id="bob", tags=("x",))) == []

    async def test_a_vector_may_go_again(self, ready: VectorProvider) -> None:
        """Put in again without a vector, a passage is no longer near anything."""
        await ready.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        await ready.upsert(RUNBOOKS, [a_passage("a")], None)

        assert await ready.search(RUNBOOKS, at(0), 9, scope=ANA) == []

    async def test_deletes_all_but_one_revision(self, ready: VectorProvider) -> None:
        """What remains of a document is the revision kept; other documents are not touched."""
        old = [a_passage("a1", document="d"), a_passage("a2", document="d")]
        new = [a_passage("a3", document="d", revision="r2"), a_passage("b1", document="e")]
        await ready.upsert(RUNBOOKS, [*old, *new], [at(0), at(1), at(2), at(3)])

        await ready.delete(RUNBOOKS, "d", keep_revision="r2")
        assert ids(await ready.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["a3", "b1"]

        await ready.delete(RUNBOOKS, "d")
        await ready.delete(RUNBOOKS, "d")
        assert ids(await ready.search_text(RUNBOOKS, "words", 9, scope=ANA)) == ["b1"]

    async def test_discards_one_revision(self, ready: VectorProvider) -> None:
        """A revision that came to nothing goes, and the others stay."""
        passages = [a_passage("a", document="d"), a_passage("b", document="d", revision="r2"), a_passage("c")]
        await ready.upsert(RUNBOOKS, passages, None)

        await ready.discard(RUNBOOKS, "d", revision="r1")

        assert {"b", "c"} == set(ids(await ready.search_text(RUNBOOKS, "words", 9, scope=ANA)))

    async def test_says_what_it_holds(self, ready: VectorProvider, beside: VectorProvider) -> None:
        """A revision of a document is there with its first passage, with a vector or not, until its last one goes."""
        old = [a_passage("a1", document="d"), a_passage("a2", document="d")]
        await ready.upsert(RUNBOOKS, old, [at(0), at(1)])
        await ready.upsert(RUNBOOKS, [a_passage("b", document="e", revision="r2", owner="bob")], None)

        async def held() -> set[str]:
            asked = [(document, revision) for document in "def" for revision in ("r1", "r2")]
            return {d + r for d, r in asked if await beside.holds(RUNBOOKS, d, revision=r)}

        assert await held() == {"dr1", "er2"}
        await ready.discard(RUNBOOKS, "d", revision="r1")
        assert await held() == {"er2"}

    async def test_nothing_is_nothing(self, ready: VectorProvider) -> None:
        """No passages to put in is no error, nor is a collection that is not there."""
        await ready.upsert(RUNBOOKS, [], [])

        assert await ready.search(RUNBOOKS, at(0), 5, scope=ANA) == []
        for found in await asyncio.gather(  # several at once: none is in another's way
            *[ready.search("nowhere", at(0), 5, scope=ANA) for _ in range(2)],
            *[ready.search_text("nowhere", "words", 5, scope=ANA) for _ in range(3)],
        ):
            assert found == []
        await ready.delete("nowhere", "d")
        await ready.discard("nowhere", "d", revision="r")
        await ready.tidy("nowhere")
        await ready.drop("nowhere")
        assert not await ready.holds("nowhere", "d", revision="r")
        assert not await ready.holds(RUNBOOKS, "d", revision="r")

    async def test_collections_are_apart(self, ready: VectorProvider) -> None:
        """What lies in one is neither found in nor deleted from another."""
        await ready.prepare("notes", model=MODEL, dimension=2)
        await ready.upsert(RUNBOOKS, [a_passage("a", document="d")], [at(0)])
        await ready.upsert("notes", [a_passage("a", "others", document="d")], [at(0)])

        await ready.delete("notes", "d")

        assert ids(await ready.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["a"]
        assert await ready.search("notes", at(0), 9, scope=ANA) == []

    # --- which model

    async def test_takes_nothing_unprepared(self, index: VectorProvider) -> None:
        """Passages for a collection that nobody prepared, or vectors for one without a model, are refused."""
        with pytest.raises(Unavailable):
            await index.upsert(RUNBOOKS, [a_passage("a")], None)
        await index.prepare(RUNBOOKS, model="", dimension=0)
        with pytest.raises(Unavailable):
            await index.upsert(RUNBOOKS, [a_passage("a")], [at(0)])

    async def test_a_model_may_come_later(self, index: VectorProvider) -> None:
        """A collection begun with full text alone takes vectors once there is a model, and keeps what it has."""
        await index.prepare(RUNBOOKS, model="", dimension=0)
        await index.upsert(RUNBOOKS, [a_passage("a")], None)
        assert await index.search(RUNBOOKS, at(0), 5, scope=ANA) == []

        await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
        await index.upsert(RUNBOOKS, [a_passage("b")], [at(0)])

        assert ids(await index.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["b"]
        assert {"a", "b"} == set(ids(await index.search_text(RUNBOOKS, "words", 5, scope=ANA)))

    async def test_a_model_may_go_missing(self, ready: VectorProvider) -> None:
        """Without a model at hand, what has vectors stays, and more is put in beside it."""
        await ready.upsert(RUNBOOKS, [a_passage("a")], [at(0)])

        await ready.prepare(RUNBOOKS, model="", dimension=0)
        await ready.upsert(RUNBOOKS, [a_passage("b")], None)
        await ready.prepare(RUNBOOKS, model=MODEL, dimension=2)

        assert ids(await ready.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]

    async def test_another_models_vectors_are_refused(self, ready: VectorProvider, beside: VectorProvider) -> None:
        """The error names both models and both ways out; the same model is welcome as often as it likes."""
        await ready.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        await beside.prepare(RUNBOOKS, model=MODEL, dimension=2)

        for model, dimension in (("other/1", 2), ("other/1", 3)):
            with pytest.raises(IndexMismatch) as refused:
                await beside.prepare(RUNBOOKS, model=model, dimension=dimension)

        for word in (MODEL, "other/1", "ingest --reindex", "EMBEDDING_MODEL_PATH"):
            assert word in refused.value.message
        assert ids(await ready.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]

    async def test_an_empty_one_takes_any_model(self, ready: VectorProvider) -> None:
        """While no vector lies there, the model may be changed."""
        await ready.upsert(RUNBOOKS, [a_passage("a", "kept")], None)

        await ready.prepare(RUNBOOKS, model="other/1", dimension=3)
        await ready.upsert(RUNBOOKS, [a_passage("b")], [[0.0, 0.0, 1.0]])

        assert ids(await ready.search(RUNBOOKS, [0.0, 0.0, 1.0], 5, scope=ANA)) == ["b"]
        assert ids(await ready.search_text(RUNBOOKS, "kept", 5, scope=ANA)) == ["a"]

    async def test_a_dropped_one_starts_anew(self, ready: VectorProvider, beside: VectorProvider) -> None:
        """Dropping forgets passages and model, also for those who had the collection open."""
        await ready.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        assert ids(await beside.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]

        await ready.drop(RUNBOOKS)
        assert not await beside.holds(RUNBOOKS, "doc_a", revision="r1")
        assert await beside.search(RUNBOOKS, at(0), 5, scope=ANA) == []
        assert await beside.search_text(RUNBOOKS, "words", 5, scope=ANA) == []

        with pytest.raises(Unavailable):
            await beside.upsert(RUNBOOKS, [a_passage("b")], [at(0)])
        await beside.prepare(RUNBOOKS, model="other/1", dimension=3)
        await beside.upsert(RUNBOOKS, [a_passage("b")], [[1.0, 0.0, 0.0]])
        assert ids(await ready.search(RUNBOOKS, [1.0, 0.0, 0.0], 5, scope=ANA)) == ["b"]

    # --- who else is there

    async def test_each_sees_what_the_other_wrote(self, ready: VectorProvider, beside: VectorProvider) -> None:
        """A write through one handle is in the very next answer of another, and so is a delete."""
        await beside.prepare(RUNBOOKS, model=MODEL, dimension=2)
        for n in range(5):
            writer, reader = (ready, beside) if n % 2 else (beside, ready)
            await writer.upsert(RUNBOOKS, [a_passage(f"p{n}", f"wonder {n}")], [at(n)])

            assert n + 1 == len(await reader.search(RUNBOOKS, at(0), 9, scope=ANA))
            assert n + 1 == len(await reader.search_text(RUNBOOKS, "wonder", 9, scope=ANA))
        await ready.delete(RUNBOOKS, "doc_p0")

        assert "p0" not in ids(await beside.search(RUNBOOKS, at(0), 9, scope=ANA))

    async def test_prepared_by_two_at_once(self, index: VectorProvider, beside: VectorProvider) -> None:
        """Two processes that start together find the collection made once, and both can write."""
        await asyncio.gather(*[i.prepare(RUNBOOKS, model=MODEL, dimension=2) for i in (index, beside)])
        for name, one in (("a", index), ("b", beside)):
            await one.upsert(RUNBOOKS, [a_passage(name)], [at(0)])

        assert {"a", "b"} == set(ids(await index.search(RUNBOOKS, at(0), 9, scope=ANA)))
        assert {"a", "b"} == set(ids(await beside.search_text(RUNBOOKS, "words", 9, scope=ANA)))

    async def test_writers_and_a_reader_at_once(self, ready: VectorProvider, beside: VectorProvider) -> None:
        """Two that write, delete and tidy lose nothing of each other's; a reader meets no error and no half passage."""
        await beside.prepare(RUNBOOKS, model=MODEL, dimension=2)
        done = asyncio.Event()

        async def write(into: VectorProvider, who: str) -> None:
            for n in range(3):
                document, name = f"{who}{n}", f"{who}{n}"
                await into.upsert(RUNBOOKS, [a_passage(f"{name}o", f"pair {who}", document=document)], [at(n)])
                new = a_passage(f"{name}n", f"pair {who}", document=document, revision="r2")
                await into.upsert(RUNBOOKS, [new], [at(n)])
                await into.delete(RUNBOOKS, document, keep_revision="r2")
                if n % 3 == 2:
                    await into.tidy(RUNBOOKS)

        async def read() -> int:
            reads = 0
            while not done.is_set() or not reads:
                for hit in await beside.search_text(RUNBOOKS, "pair", 99, scope=ANA):
                    assert hit.passage.text.startswith("pair ")
                await beside.search(RUNBOOKS, at(0), 99, scope=ANA)
                reads += 1
                await asyncio.sleep(0)
            return reads

        reader = asyncio.create_task(read())
        await asyncio.gather(write(ready, "x"), write(beside, "y"))
        done.set()

        assert await reader
        assert {f"{who}{n}n" for who in "xy" for n in range(3)} == set(
            ids(await ready.search(RUNBOOKS, at(0), 99, scope=ANA))
        )
