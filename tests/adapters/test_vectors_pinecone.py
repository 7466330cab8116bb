"""The index in Pinecone, at its HTTP wire: the whole suite over a stand-in that is as slow to find as Pinecone is."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from itertools import count

import httpx2
import pinecone as sdk
import pytest

from faultmaven_adapters.vectors.pinecone import PineconeVectorProvider
from faultmaven_adapters.vectors.pinecone_wire import MOST_BYTES, TRIES, PineconeWire, _seconds
from faultmaven_domain.kernel.errors import InvalidInput, Misconfigured, Unavailable
from tests.contracts.vector_provider import ANA, MODEL, RUNBOOKS, VectorProviderContract, a_passage, at, ids
from tests.standins.door import door_to
from tests.standins.pinecone import PineconeStandIn
from tests.standins.running import running
from tests.standins.script import KEY, SAID

NAMES = count()


def wire(address: str, key: str = KEY, *, visible_within: float = 20.0) -> PineconeWire:
    """Without the authorities of certificates, which take longer to load than a test."""
    return PineconeWire(
        address, key, visible_within=visible_within, first_pause=0.01, client=httpx2.AsyncClient(verify=False)
    )


@pytest.fixture(scope="module")
def pinecone() -> Iterator[str]:
    with running(PineconeStandIn(lag=0.002, making=0.002).app) as address:
        yield address


class TestPineconeVectorProvider(VectorProviderContract):
    @pytest.fixture
    def name(self) -> str:
        return f"fm{next(NAMES)}"

    @pytest.fixture
    async def index(self, pinecone: str, name: str) -> AsyncIterator[PineconeVectorProvider]:
        index = PineconeVectorProvider(wire(pinecone), index=name)
        yield index
        await index.close()

    @pytest.fixture
    async def beside(
        self, index: PineconeVectorProvider, pinecone: str, name: str
    ) -> AsyncIterator[PineconeVectorProvider]:
        beside = PineconeVectorProvider(wire(pinecone), index=name)
        yield beside
        await beside.close()


@pytest.fixture
def standin() -> PineconeStandIn:
    return PineconeStandIn()


@pytest.fixture
def address(standin: PineconeStandIn) -> Iterator[str]:
    with running(standin.app) as address:
        yield address


@pytest.fixture
async def index(address: str) -> AsyncIterator[PineconeVectorProvider]:
    index = PineconeVectorProvider(wire(address))
    yield index
    await index.close()


@pytest.fixture
async def ready(index: PineconeVectorProvider) -> PineconeVectorProvider:
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    return index


def documents(standin: PineconeStandIn, verb: str) -> list[tuple[str, str, int]]:
    return [one for one in standin.requests if one[1].endswith(f"/documents/{verb}")]


class TestTheStandIn:
    async def test_the_vendors_sdk_takes_it_for_pinecone(self, standin: PineconeStandIn, address: str) -> None:
        """An index made, described, written, searched both ways and deleted from, with the official SDK."""
        standin.lag = standin.making = 0.05
        fields = {
            "body": {"type": "string", "full_text_search": {}},
            "near": {"type": "dense_vector", "dimension": 2, "metric": "cosine"},
        }
        deployment = {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"}
        async with sdk.AsyncPinecone(api_key=KEY, host=address) as client:
            made = await client.indexes.create(
                name="books", schema={"fields": fields}, deployment=deployment, timeout=-1
            )
            assert not made.status.ready
            while not (described := await client.indexes.describe("books")).status.ready:
                pass
            assert described.schema.fields["body"].full_text_search.stemming is False
            async with await client.index(name="books") as books:
                some = [{"_id": "a", "body": "quorum lost", "near": [1.0, 0.0], "tags": ["x"]}]
                written = await books.documents.upsert(namespace="n", documents=[*some, {"_id": "b", "body": "fine"}])
                assert written.upserted_count == 2
                by_words = {"type": "text", "fields": ["body"], "query": "the quorum"}
                found = None
                while found is None or not found.response_info.is_reconciled(written.response_info.lsn_committed):
                    found = await books.documents.search(
                        namespace="n", score_by=[by_words], top_k=3, include_fields=["tags"]
                    )
                assert [(one.id, one.tags) for one in found.matches] == [("a", ["x"])]
                near = await books.documents.search(
                    namespace="n",
                    score_by=[{"type": "dense_vector", "field": "near", "values": [1.0, 1.0]}],
                    top_k=3,
                    filter={"tags": {"$in": ["x", "y"]}},
                )
                assert [one.score for one in near.matches] == pytest.approx([0.5**0.5])
                gone = await books.documents.delete(namespace="n", filter={"tags": {"$eq": "x"}})
                assert gone.response_info.lsn_committed == 2

    async def test_the_vendors_sdk_sees_failures(self, standin: PineconeStandIn, address: str) -> None:
        """Each status is the exception the SDK has for it."""
        async with sdk.AsyncPinecone(api_key=KEY, host=address) as client:
            with pytest.raises(sdk.NotFoundError):
                await client.indexes.describe("nowhere")
            standin.failures.append((403, None))
            with pytest.raises(sdk.ForbiddenError, match="boom"):
                await client.indexes.describe("nowhere")
        async with sdk.AsyncPinecone(api_key="wrong", host=address) as client:
            with pytest.raises(sdk.UnauthorizedError):
                await client.indexes.describe("nowhere")


class TestReadingAfterWriting:
    async def test_a_write_ends_when_it_is_found(self, standin: PineconeStandIn, ready: PineconeVectorProvider) -> None:
        """However late Pinecone finds what was written, or deleted, the next search is of it."""
        standin.lag = 0.3
        await ready.upsert(RUNBOOKS, [a_passage("a", "quorum")], [at(0)])
        assert ids(await ready.search_text(RUNBOOKS, "quorum", 5, scope=ANA)) == ["a"]
        assert ids(await ready.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]

        await ready.delete(RUNBOOKS, "doc_a")
        assert await ready.search_text(RUNBOOKS, "quorum", 5, scope=ANA) == []
        assert await ready.search(RUNBOOKS, at(0), 5, scope=ANA) == []

    async def test_what_is_not_found_in_time_is_told(self, standin: PineconeStandIn, address: str) -> None:
        """A write that no search comes to see ends as Unavailable, so that its job is done again."""
        index = PineconeVectorProvider(wire(address, visible_within=0.2))
        await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
        standin.lag = 60.0

        with pytest.raises(Unavailable, match="does not find it"):
            await index.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        await index.close()


class TestLimits:
    async def test_no_request_is_too_large(self, standin: PineconeStandIn, ready: PineconeVectorProvider) -> None:
        """Long passages go in several requests, each as large as Pinecone takes."""
        many = [a_passage(f"p{n}", "ä" * 9_000) for n in range(250)]
        await ready.upsert(RUNBOOKS, many, [at(n) for n in range(250)])

        sizes = [size for _, path, size in documents(standin, "upsert") if "/in-" in path]
        assert len(sizes) >= 2 * (250 * 18_000 // MOST_BYTES)
        assert max(sizes) <= MOST_BYTES
        assert len(await ready.search(RUNBOOKS, at(0), 300, scope=ANA)) == 250

    async def test_many_short_ones_go_by_the_thousand(
        self, standin: PineconeStandIn, ready: PineconeVectorProvider
    ) -> None:
        """No request has more documents, or ids, than Pinecone takes, and none are lost."""
        many = [a_passage(f"p{n}", document="d") for n in range(1_001)]
        await ready.upsert(RUNBOOKS, many, [at(0)] * len(many))
        await ready.upsert(RUNBOOKS, many, None)

        assert await ready.search(RUNBOOKS, at(0), 5, scope=ANA) == []
        assert len(await ready.search_text(RUNBOOKS, "words", 2_000, scope=ANA)) == 1_001

    async def test_long_words_are_told_apart(self, ready: PineconeVectorProvider) -> None:
        """Words that are alike for forty letters, and those of other scripts, are words of their own."""
        stem = "x" * 45
        await ready.upsert(RUNBOOKS, [a_passage("a", f"{stem}a ошибка"), a_passage("b", f"{stem}b ошибся")], None)

        assert ids(await ready.search_text(RUNBOOKS, f"{stem}b", 5, scope=ANA)) == ["b"]
        assert ids(await ready.search_text(RUNBOOKS, "Ошибка", 5, scope=ANA)) == ["a"]

    async def test_names_of_collections_are_plain(self, ready: PineconeVectorProvider) -> None:
        """A name that could mean another place is refused."""
        with pytest.raises(InvalidInput):
            await ready.search("a/../b", at(0), 5, scope=ANA)


class TestFailures:
    async def test_what_passes_is_tried_again(self, standin: PineconeStandIn, ready: PineconeVectorProvider) -> None:
        """A limit, and a server in trouble, are waited out."""
        standin.failures += [(429, "0"), (503, None)]
        await ready.upsert(RUNBOOKS, [a_passage("a")], [at(0)])

        assert ids(await ready.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]

    @pytest.mark.parametrize(
        ("asked", "waits"),
        [("3", 3.0), ("3600", 10.0), ("0", 0.5), (None, 0.5), ("Wed, 21 Oct 2026", 0.5), ("-1", 0.5)],
    )
    def test_a_limit_says_how_long_to_wait(self, asked: str | None, waits: float) -> None:
        """As long as Pinecone asks for, within reason, and no less than where it does not say."""
        assert _seconds(asked, 0.5) == waits

    async def test_it_goes_and_comes_back(self, address: str) -> None:
        """While Pinecone is away every use is Unavailable; afterwards the same handle goes on."""
        with door_to(address) as door:
            wired = wire(door.url)
            index = PineconeVectorProvider(wired)
            await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
            await index.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
            door.shut()
            told = await asyncio.gather(
                index.search(RUNBOOKS, at(0), 5, scope=ANA),
                index.search_text(RUNBOOKS, "words", 5, scope=ANA),
                index.upsert(RUNBOOKS, [a_passage("b")], [at(0)]),
                index.delete(RUNBOOKS, "doc_a"),
                index.drop(RUNBOOKS),
                index.holds(RUNBOOKS, "doc_a", revision="r1"),
                return_exceptions=True,
            )
            assert {type(one) for one in told} == {Unavailable}
            door.open()
            assert ids(await index.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]
            await index.delete(RUNBOOKS, "doc_a")
            assert not await index.holds(RUNBOOKS, "doc_a", revision="r1")
            await index.close()

    async def test_it_is_not_tried_for_ever(self, standin: PineconeStandIn, ready: PineconeVectorProvider) -> None:
        """After some tries it is Unavailable, in words of our own."""
        standin.failures += [(500, None)] * TRIES

        with pytest.raises(Unavailable) as failed:
            await ready.search(RUNBOOKS, at(0), 5, scope=ANA)
        assert not standin.failures
        assert "boom" not in failed.value.message

    @pytest.mark.parametrize(("status", "said"), [(400, "400"), (401, "KEY"), (402, "pay"), (403, "PINECONE_API_KEY")])
    async def test_a_refusal_is_told_once(
        self, standin: PineconeStandIn, ready: PineconeVectorProvider, status: int, said: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        """What will be refused again is not tried again; the log has the vendor's words, without the key."""
        standin.failures.append((status, None))

        with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable, match=said) as failed:
            await ready.search_text(RUNBOOKS, "words", 5, scope=ANA)
        assert SAID not in failed.value.message
        assert "boom" in caplog.text
        assert KEY not in caplog.text

    @pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"matches": [{}]}', b'{"matches": 1}', b"[" * 99_999])
    async def test_nonsense_is_unavailable(
        self, standin: PineconeStandIn, ready: PineconeVectorProvider, body: bytes
    ) -> None:
        """An answer of any other form is none."""
        standin.garbles.append(body)

        with pytest.raises(Unavailable, match="nonsense"):
            await ready.search_text(RUNBOOKS, "words", 5, scope=ANA)

    async def test_a_key_that_makes_no_indexes_is_told(
        self, standin: PineconeStandIn, index: PineconeVectorProvider
    ) -> None:
        """Where the index is absent and may not be made, that is said; ping alone asks for neither."""
        standin.may_create = False
        await index.ping()

        with pytest.raises(Unavailable, match="what PINECONE_API_KEY may do"):
            await index.prepare(RUNBOOKS, model=MODEL, dimension=2)

    async def test_an_index_for_something_else_is_left_alone(
        self, standin: PineconeStandIn, index: PineconeVectorProvider
    ) -> None:
        """An index that has the name and other fields is not written to."""
        async with httpx2.AsyncClient(verify=False) as client:
            await client.post(
                f"{index.wire.url}/indexes",
                headers={"Api-Key": KEY, "X-Pinecone-Api-Version": "2026-07"},
                json={
                    "name": "faultmaven-2",
                    "schema": {"fields": {"vector": {"type": "dense_vector", "dimension": 3, "metric": "cosine"}}},
                    "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "eu-west-1"},
                },
            )

        with pytest.raises(Misconfigured, match="PINECONE_INDEX"):
            await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
        assert documents(standin, "upsert") == []

    async def test_an_index_deleted_by_hand_is_made_again(
        self, standin: PineconeStandIn, ready: PineconeVectorProvider
    ) -> None:
        """What is gone is found empty, takes nothing unprepared, and may be prepared again."""
        standin.indexes.clear()

        assert await ready.search(RUNBOOKS, at(0), 5, scope=ANA) == []
        with pytest.raises(Unavailable):
            await ready.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        await ready.prepare(RUNBOOKS, model=MODEL, dimension=2)
        await ready.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        assert ids(await ready.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]

    @pytest.mark.parametrize(("url", "key"), [("http://127.0.0.1:1", KEY), ("ftp://x", KEY), ("http://[", KEY)])
    async def test_nobody_there_is_unavailable(self, url: str, key: str) -> None:
        """An address nobody answers at, or that is none, is Unavailable to a ping."""
        index = PineconeVectorProvider(wire(url, key))

        with pytest.raises(Unavailable):
            await index.ping()
        await index.close()

    async def test_a_key_that_cannot_be_sent_is_unavailable(self, address: str) -> None:
        """A key of letters that no header takes is refused without being shown."""
        index = PineconeVectorProvider(wire(address, "schlüssel\n"))

        with pytest.raises(Unavailable):
            await index.ping()
        assert "schl" not in repr(index)
        await index.close()
