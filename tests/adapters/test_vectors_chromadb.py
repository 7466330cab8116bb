"""ChromaDB both ways: in its folder and at its own server; and what is each one's own."""

import asyncio
import math
import operator
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import faultmaven_adapters
from faultmaven_adapters import OPERATOR
from faultmaven_adapters.diagnosis import State, diagnose
from faultmaven_adapters.settings import load_settings
from faultmaven_adapters.vectors.chromadb import ChromaServer, ChromaVectorProvider, EmbeddedChroma
from faultmaven_adapters.vectors.chromadb.calls import Gone, Near, meaning, near
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, Misconfigured, StorageFull, Unavailable
from tests.adapters.chroma_process import ChromaProcess
from tests.contracts.vector_provider import ANA, MODEL, RUNBOOKS, VectorProviderContract, a_passage, at, ids
from tests.standins.door import door_to
from tests.standins.running import running


@pytest.fixture(scope="session")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaProcess]:
    server = ChromaProcess(tmp_path_factory.mktemp("chroma")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedChroma]:
    """One folder for all tests that begin with an empty collection: opening one takes half a second."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        chroma = EmbeddedChroma(tmp_path_factory.mktemp("chromadb") / "chromadb")
        yield chroma
        runner.run(chroma.close())


@pytest.fixture
async def embedded(shared: EmbeddedChroma) -> ChromaVectorProvider:
    """Empty, and with nothing in mind."""
    index = ChromaVectorProvider(shared)
    for collection in (RUNBOOKS, "notes"):
        await index.drop(collection)
    return index


class TestEmbeddedChroma(VectorProviderContract):
    @pytest.fixture
    async def index(self, embedded: ChromaVectorProvider) -> ChromaVectorProvider:
        return embedded

    @pytest.fixture
    async def beside(self, index: ChromaVectorProvider) -> ChromaVectorProvider:
        """A folder has one process, and that one handle."""
        return index


class TestChromaServer(VectorProviderContract):
    @pytest.fixture
    async def index(self, chroma: ChromaProcess) -> AsyncIterator[ChromaVectorProvider]:
        index = ChromaVectorProvider(ChromaServer(chroma.url))
        for collection in (RUNBOOKS, "notes"):
            await index.drop(collection)
        yield index
        await index.close()

    @pytest.fixture
    async def beside(self, index: ChromaVectorProvider, chroma: ChromaProcess) -> AsyncIterator[ChromaVectorProvider]:
        beside = ChromaVectorProvider(ChromaServer(chroma.url))
        yield beside
        await beside.close()


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[ChromaVectorProvider]:
    index = ChromaVectorProvider(EmbeddedChroma(tmp_path / "chromadb"))
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    yield index
    await index.close()


@pytest.fixture
async def served(chroma: ChromaProcess) -> AsyncIterator[ChromaVectorProvider]:
    index = ChromaVectorProvider(ChromaServer(chroma.url))
    await index.drop(RUNBOOKS)
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    yield index
    await index.close()


async def found_by_both(index: ChromaVectorProvider, words: str = "words") -> tuple[set[str], set[str]]:
    """What a search by nearness and one by words give."""
    near, named = (
        await index.search(RUNBOOKS, at(0), 99, scope=ANA),
        await index.search_text(RUNBOOKS, words, 99, scope=ANA),
    )
    return set(ids(near)), set(ids(named))


# --- in a folder


async def test_a_folder_is_there_again(folder: ChromaVectorProvider, tmp_path: Path) -> None:
    """What was written is found by whoever opens the folder once it was closed."""
    await folder.upsert(RUNBOOKS, [a_passage("a"), a_passage("b")], [at(0), at(1)])
    await folder.delete(RUNBOOKS, "doc_b")
    await folder.close()

    again = ChromaVectorProvider(EmbeddedChroma(tmp_path / "chromadb"))

    assert await found_by_both(again) == ({"a"}, {"a"})
    await again.close()


async def test_a_folder_is_for_one_process(folder: ChromaVectorProvider, tmp_path: Path) -> None:
    """Whoever opens it as well is told what to do for several, until the first one has closed it."""
    await folder.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
    second = ChromaVectorProvider(EmbeddedChroma(tmp_path / "chromadb"))

    with pytest.raises(Unavailable, match=r"Another process has ChromaDB's folder open.*set CHROMADB_URL"):
        await second.ping()
    await folder.close()
    assert await found_by_both(second) == ({"a"}, {"a"})
    await second.close()


async def test_others_go_on_beside_a_folder(embedded: ChromaVectorProvider) -> None:
    """While ChromaDB writes, in its own thread, the event loop does other work."""
    await embedded.prepare(RUNBOOKS, model=MODEL, dimension=2)
    passages = [a_passage(f"p{n}") for n in range(300)]
    writing = asyncio.create_task(embedded.upsert(RUNBOOKS, passages, [at(n / 9) for n in range(300)]))
    turns = 0
    while not writing.done():
        await asyncio.sleep(0)
        turns += 1
    await writing

    assert turns > 100
    assert len(await embedded.search(RUNBOOKS, at(0), 999, scope=ANA)) == 300


async def test_nobody_is_told(shared: EmbeddedChroma) -> None:
    """The vendor's telemetry is off."""
    await shared.ping()
    [(client, _)] = shared._opened

    assert client.get_settings().anonymized_telemetry is False


async def test_a_place_that_is_none(tmp_path: Path) -> None:
    """A path that cannot be a folder is Unavailable, and so is one that was closed; closing twice does no harm."""
    (tmp_path / "file").write_text("not a folder")
    index = ChromaVectorProvider(EmbeddedChroma(tmp_path / "file" / "chromadb"))

    for use in (index.ping, lambda: index.prepare(RUNBOOKS, model=MODEL, dimension=2)):
        with pytest.raises(Unavailable):
            await use()
    await index.close()
    await index.close()
    with pytest.raises(Unavailable):
        await index.ping()


async def test_a_broken_file_is_told(folder: ChromaVectorProvider, tmp_path: Path) -> None:
    """A folder whose database is no longer one is Unavailable until it is whole again; the lock is given up."""
    await folder.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
    await folder.close()
    database = tmp_path / "chromadb" / "chroma.sqlite3"
    whole = database.read_bytes()
    database.write_bytes(b"no database at all" * 1_000)
    index = ChromaVectorProvider(EmbeddedChroma(tmp_path / "chromadb"))

    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer"):
            await index.ping()

    database.write_bytes(whole)
    assert await found_by_both(index) == ({"a"}, {"a"})
    await index.close()


def test_costs_nothing_until_it_is_used() -> None:
    """Importing the adapter and making both kinds loads no vendor."""
    code = (
        "import sys, pathlib; from faultmaven_adapters.vectors.chromadb import *;"
        "ChromaVectorProvider(EmbeddedChroma(pathlib.Path('x'))); ChromaVectorProvider(ChromaServer('http://x'));"
        "sys.exit('chromadb' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    """Without ChromaDB's package its folder cannot be opened, and the command that adds it is told."""
    code = (
        "import asyncio, sys, pathlib; from faultmaven_adapters.vectors.chromadb import *;"
        "sys.modules['chromadb'] = None;"
        "asyncio.run(ChromaVectorProvider(EmbeddedChroma(pathlib.Path(sys.argv[1]))).ping())"
    )
    told = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)

    assert told.returncode == 1
    assert "Misconfigured" in told.stderr
    assert "pip install 'faultmaven[chromadb]'" in told.stderr


# --- at its server

WRITER = """
import asyncio, sys
from faultmaven_adapters.vectors.chromadb import ChromaServer, ChromaVectorProvider
from tests.contracts.vector_provider import MODEL, RUNBOOKS, a_passage, at

async def main(url, who):
    index = ChromaVectorProvider(ChromaServer(url))
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    for n in range(8):
        await index.upsert(RUNBOOKS, [a_passage(f"{who}{n}")], [at(n)])
    await index.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_other_processes_write_too(chroma: ChromaProcess, served: ChromaVectorProvider) -> None:
    """Two processes that write at once lose nothing, and one that has read before sees it all."""
    assert await found_by_both(served) == (set(), set())

    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, chroma.url, "x")
    for n in range(8):
        await served.upsert(RUNBOOKS, [a_passage(f"y{n}")], [at(n)])
    assert await writer.wait() == 0

    written = {f"{who}{n}" for who in "xy" for n in range(8)}
    assert await found_by_both(served) == (written, written)


async def test_a_server_that_goes_and_comes_back(chroma: ChromaProcess, served: ChromaVectorProvider) -> None:
    """While it is away, from the start or later, every use is Unavailable; then the same handle finds what there is."""
    with door_to(chroma.url) as door:
        index = ChromaVectorProvider(ChromaServer(door.url))
        door.shut()
        with pytest.raises(Unavailable):
            await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
        door.open()
        await index.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        assert await found_by_both(index) == ({"a"}, {"a"})
        door.shut()
        for use in (
            index.ping(),
            index.prepare(RUNBOOKS, model=MODEL, dimension=2),
            index.upsert(RUNBOOKS, [a_passage("b")], [at(0)]),
            index.search(RUNBOOKS, at(0), 9, scope=ANA),
            index.search_text(RUNBOOKS, "words", 9, scope=ANA),
            index.delete(RUNBOOKS, "doc_a"),
            index.drop(RUNBOOKS),
        ):
            with pytest.raises(Unavailable):
                await use
        await served.upsert(RUNBOOKS, [a_passage("c")], [at(0)])
        door.open()

        assert await found_by_both(index) == ({"a", "c"}, {"a", "c"})
        await index.upsert(RUNBOOKS, [a_passage("b")], [at(0)])
        assert await found_by_both(index) == ({"a", "b", "c"}, {"a", "b", "c"})
        await index.close()


async def test_words_are_read_once(chroma: ChromaProcess) -> None:
    """A search by words asks the server one thing where nothing was changed, and else only for what is new."""
    asked: list[tuple[str, int]] = []

    async def note(request: httpx2.Request) -> None:
        asked.append((request.url.path.rsplit("/")[-1], len(request.content)))

    beside = ChromaVectorProvider(ChromaServer(chroma.url))
    index = ChromaVectorProvider(ChromaServer(chroma.url, http=httpx2.AsyncClient(event_hooks={"request": [note]})))
    await index.drop(RUNBOOKS)
    await beside.prepare(RUNBOOKS, model="", dimension=0)
    for n in range(3):
        await beside.upsert(RUNBOOKS, [a_passage(f"p{n}")], None)
        asked.clear()
        assert len(await index.search_text(RUNBOOKS, "words", 9, scope=ANA)) == n + 1
        assert [place for place, _ in asked] == ["faultmaven.runbooks.words", "get", "get"]
        assert asked[-1][1] < 200  # one name
        asked.clear()
        await beside.delete(RUNBOOKS, "doc_that_is_not")
        assert len(await index.search_text(RUNBOOKS, "words", 9, scope=ANA)) == n + 1
        assert [place for place, _ in asked] == ["faultmaven.runbooks.words"]
    await index.close()
    await beside.close()


async def test_what_is_no_chromadb() -> None:
    """Another server at that address, whatever it answers, is Unavailable and never an empty index."""
    status = 200

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("<html>hello</html>", status)

    with running(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT", "DELETE"])])) as url:
        index = ChromaVectorProvider(ChromaServer(url))
        for status in (200, 401, 403, 404, 500, 503):
            for use in (index.ping(), index.search(RUNBOOKS, at(0), 9, scope=ANA), index.drop(RUNBOOKS)):
                with pytest.raises(Unavailable) as refused:
                    await use
                assert ("CHROMADB_TOKEN" in refused.value.message) is (status in {401, 403})
        await index.close()


async def test_a_token_opens_a_guarded_server(chroma: ChromaProcess, served: ChromaVectorProvider) -> None:
    """A proxy that wants a token in either of the usual headers lets in whoever has it, and nobody else."""
    await served.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
    headers = {"authorization": "Bearer open sesame", "x-chroma-token": "open sesame"}

    for header, value in headers.items():

        async def guard(request: Request, header: str = header, value: str = value) -> Response:
            if request.headers.get(header) != value:
                return PlainTextResponse("no", 401)
            async with httpx2.AsyncClient(base_url=chroma.url) as behind:
                body = await request.body()
                given = await behind.request(
                    request.method, str(request.url.path), content=body, headers={"content-type": "application/json"}
                )
            return Response(given.content, given.status_code, media_type="application/json")

        with running(Starlette(routes=[Route("/{path:path}", guard, methods=["GET", "POST"])])) as url:
            index = ChromaVectorProvider(ChromaServer(f"{url}/", "open sesame"))
            await index.ping()
            assert await found_by_both(index) == ({"a"}, {"a"})
            await index.close()
            for token in (None, "open says me"):
                stranger = ChromaVectorProvider(ChromaServer(url, token))
                assert "says me" not in repr(stranger)
                with pytest.raises(Unavailable, match="CHROMADB_TOKEN"):
                    await stranger.ping()
                await stranger.close()


# --- both


@pytest.fixture(params=["in a folder", "at a server"])
async def index(
    request: pytest.FixtureRequest, embedded: ChromaVectorProvider, served: ChromaVectorProvider
) -> ChromaVectorProvider:
    return embedded if request.param == "in a folder" else served


async def test_the_nearest_of_many(index: ChromaVectorProvider) -> None:
    """Through ChromaDB's graph the nearest of many are those that comparing them all gives, for a few owners too."""
    await index.prepare("many", model=MODEL, dimension=16)

    def vector(n: int) -> list[float]:
        return [math.sin(n * (k + 1) * 0.37 + k) for k in range(16)]

    owners = [None if n % 2 else "bob" if n % 40 else "ana" for n in range(600)]
    for start in range(0, 600, 200):
        some = range(start, start + 200)
        passages = [a_passage(f"p{n}", owner=owners[n]) for n in some]
        await index.upsert("many", passages, [vector(n) for n in some])

    for asked in (3, 280, 560):
        seen = [n for n in range(600) if owners[n] in (None, "ana")]
        best = sorted(seen, key=lambda n: -sum(map(operator.mul, vector(n), vector(asked))) / math.hypot(*vector(n)))
        found = await index.search("many", vector(asked), 10, scope=ANA)
        assert len({f"p{n}" for n in best[:10]} & set(ids(found))) >= 9
        assert {hit.passage.owner_id for hit in found} <= {None, "ana"}
    assert len(await index.search("many", vector(0), 1_000, scope=ANA)) == 315
    await index.drop("many")


@pytest.mark.parametrize(
    ("kind", "said", "meant"),
    [
        ("InternalError", "error returned from database: (code: 13) database or disk is full", StorageFull),
        ("OSError", "[Errno 28] No space left on device", StorageFull),
        ("InternalError", "Quota: Disk quota exceeded (os error 122)", StorageFull),
        ("InvalidArgumentError", "Collection expecting embedding with dimension of 2, got 3", Unavailable),
        ("AuthorizationError", "who are you", Unavailable),
        ("RateLimitError", "slowly", Unavailable),
        ("503", "upstream", Unavailable),
    ],
)
def test_the_vendors_errors_have_a_meaning(kind: str, said: str, meant: type[FaultMavenError]) -> None:
    """A full disk is told from an index that does not answer, and the vendor's words stay in the log."""
    error = meaning(kind, said)

    assert type(error) is meant
    assert said not in str(error)
    assert type(meaning("NotFoundError", said)) is Gone


@pytest.mark.parametrize("name", ["", "a b", "../up", "a/b", "a" * 65, "ü"])
async def test_names_that_are_no_collections(name: str) -> None:
    """A collection whose name could not be one is refused before anybody is asked."""
    index = ChromaVectorProvider(ChromaServer("http://127.0.0.1:1"))

    with pytest.raises(InvalidInput):
        await index.prepare(name, model=MODEL, dimension=2)
    await index.close()


async def test_names_that_are(embedded: ChromaVectorProvider) -> None:
    """Any name the index may have is one that ChromaDB takes."""
    for name in ("a", "_", "-a-", "__x__", "a" * 64, "A_9-z"):
        await embedded.prepare(name, model=MODEL, dimension=2)
        await embedded.upsert(name, [a_passage("a")], [at(0)])
        assert ids(await embedded.search(name, at(0), 9, scope=ANA)) == ["a"]
        await embedded.drop(name)


# --- by settings


@pytest.mark.parametrize("way", ["in a folder", "at a server"])
async def test_moving_to_chromadb(way: str, tmp_path: Path, chroma: ChromaProcess) -> None:
    """By settings alone the index is in ChromaDB: a start over an empty one fills it with what another store had, the
    next finds it there, and doctor is content with it; a start over the old store, behind by now, fills that again."""
    (tmp_path / "quorum.md").write_text("# Quorum lost\n\n## Diagnosis\n\n- Ask each member for its leader.\n")
    given = {"MODEL_DOWNLOAD": "false", "MODELS_DIR": str(tmp_path), "PORT": "0"}
    other = {"VECTOR_STORE": "chromadb"} | ({"CHROMADB_URL": chroma.url} if way == "at a server" else {})
    before, chosen = [load_settings(one, data_dir=tmp_path / "data") for one in (given, given | other)]
    async with faultmaven_adapters.open(settings=before) as fm:
        await fm.ingest(tmp_path / "quorum.md")
    async with faultmaven_adapters.open(settings=chosen) as fm:
        await fm.settled()
    async with faultmaven_adapters.open(settings=chosen) as fm:
        assert await fm.jobs.list(principal=OPERATOR, status="processing", limit=1) == ()
        found = await fm.search("leader")
    async with faultmaven_adapters.open(settings=before) as fm:
        await fm.settled()
        back = await fm.search("leader")

    assert [hit.title for hit in (*found.hits, *back.hits)] == ["Quorum lost"] * 2
    assert (tmp_path / "data" / "chromadb").exists() is (way == "in a folder")
    assert {finding.what: finding.state for finding in await diagnose(chosen)}["vectors"] is State.GOOD


async def test_two_starts_over_one_folder(tmp_path: Path) -> None:
    """Beside one that has ChromaDB's folder, a second start ends with the reason, and doctor says it too."""
    given = {"VECTOR_STORE": "chromadb", "MODEL_DOWNLOAD": "false", "MODELS_DIR": str(tmp_path), "PORT": "0"}
    chosen = load_settings(given, data_dir=tmp_path / "data")
    async with faultmaven_adapters.open(settings=chosen):
        with pytest.raises(Unavailable, match="set CHROMADB_URL"):
            async with faultmaven_adapters.open(settings=chosen):
                pass
        told = [finding for finding in await diagnose(chosen) if finding.state is State.BAD]
    assert "Another process has ChromaDB's folder open" in " ".join(finding.says for finding in told)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"VECTOR_STORE": "chromadb", "REDIS_URL": "redis://there"}, "set CHROMADB_URL"),
        ({"VECTOR_STORE": "chromadb", "WORKER": "false"}, "set CHROMADB_URL"),
        ({"CHROMADB_URL": "localhost:8000"}, "CHROMADB_URL is no address"),
    ],
)
def test_what_cannot_be(given: dict[str, str], said: str) -> None:
    """A folder for several processes, and an address that is none, stop the start."""
    with pytest.raises(Misconfigured, match=said):
        load_settings(given)


def test_several_processes_have_a_server() -> None:
    """With its address, workers may be apart; without them one process may use a Redis elsewhere."""
    apart = {"VECTOR_STORE": "chromadb", "REDIS_URL": "redis://there"}

    assert load_settings(apart | {"CHROMADB_URL": "http://chroma:8000", "CHROMADB_TOKEN": "t"}).chromadb_token == "t"
    assert load_settings(apart | {"WORKER": "true"}).chromadb_url is None


def test_what_went_while_it_was_sought_is_left_out() -> None:
    """A row found near and deleted before it was read comes without its fields, and is no hit."""
    assert near([None, {"title": "b"}], [0.1, 0.2]) == [Near({"title": "b"}, 0.2)]
