"""Vectors from an OpenAI-compatible server and from Ollama, over stand-ins that the vendors' own SDKs accept."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from faultmaven_adapters.embeddings.http import (
    TRIES,
    Dialect,
    HttpEmbeddingModel,
    OllamaDialect,
    OpenAIDialect,
    ollama_wire,
    openai_wire,
)
from faultmaven_adapters.llm.wire import Client, Wire
from faultmaven_domain.agent import LLMRateLimited
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from tests.contracts.embedding_model import LONG, EmbeddingModelContract
from tests.standins.door import door_to
from tests.standins.ollama import OllamaDialect as OllamaStandInDialect
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.playing import DIMENSION, StandIn, meaning
from tests.standins.running import running
from tests.standins.script import KEY, Fails, Garbles


def client() -> Client:
    """Without the authorities of certificates, which take longer to load than a test."""
    return httpx2.AsyncClient(verify=False, timeout=10.0)


def openai_at(address: str, key: str | None = KEY) -> tuple[Dialect, Wire]:
    return OpenAIDialect(), openai_wire(f"{address}/v1/", key, client())


def ollama_at(address: str) -> tuple[Dialect, Wire]:
    return OllamaDialect(), ollama_wire(address, client())


@pytest.fixture(params=["openai", "ollama"])
def standin(request: pytest.FixtureRequest) -> StandIn:
    standin: StandIn = {"openai": OpenAIStandIn, "ollama": OllamaStandIn}[request.param]()
    return standin


@pytest.fixture
def address(standin: StandIn) -> Iterator[str]:
    with running(standin.app) as address:
        yield address


@pytest.fixture
async def model(standin: StandIn, address: str) -> AsyncIterator[HttpEmbeddingModel]:
    dialect, wire = openai_at(address) if standin.dialect.chat_path.startswith("/v1") else ollama_at(address)
    model = await HttpEmbeddingModel.open(dialect, wire, "m", first_pause=0.01)
    standin.requests.clear()
    yield model
    await model.close()


class TestOpenAIEmbeddings(EmbeddingModelContract):
    @pytest.fixture
    async def model(self) -> AsyncIterator[HttpEmbeddingModel]:
        with running(OpenAIStandIn().app) as address:
            model = await HttpEmbeddingModel.open(*openai_at(address), "text-embedding-3-small")
            yield model
            await model.close()

    def test_is_named_by_model_and_dimension(self, model: HttpEmbeddingModel) -> None:
        """A change of either is another model, and asks for the index to be built anew."""
        assert model.name == f"openai:text-embedding-3-small/{DIMENSION}"
        assert model.dimension == DIMENSION


class TestOllamaEmbeddings(EmbeddingModelContract):
    @pytest.fixture
    async def model(self) -> AsyncIterator[HttpEmbeddingModel]:
        with running(OllamaStandIn().app) as address:
            model = await HttpEmbeddingModel.open(*ollama_at(address), "llama3.2")
            yield model
            await model.close()

    def test_is_named_by_its_digest_too(self, model: HttpEmbeddingModel) -> None:
        """A model pulled anew under the old name is another one."""
        assert model.name == f"ollama:llama3.2@{'0' * 12}/{DIMENSION}"


class TestTheStandIns:
    async def test_openais_sdk_embeds(self) -> None:
        """Vectors and counts are what the SDK makes of them, and refusals its own exceptions."""
        import openai

        with running(OpenAIStandIn().app) as address:
            async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{address}/v1", max_retries=0) as sdk:
                answer = await sdk.embeddings.create(model="m", input=["disk full", "x"])
                assert {one.index: list(one.embedding) for one in answer.data} == {
                    0: meaning("disk full"),
                    1: meaning("x"),
                }
                assert answer.usage.total_tokens > 0
                with pytest.raises(openai.BadRequestError):
                    await sdk.embeddings.create(model="m", input="")
                with pytest.raises(openai.BadRequestError):
                    await sdk.embeddings.create(model="m", input=LONG)

    async def test_ollamas_sdk_embeds(self) -> None:
        """Vectors are what the SDK makes of them, and failures its own exception."""
        import ollama

        standin = OllamaStandIn()
        with running(standin.app) as address:
            async with ollama.AsyncClient(host=address) as sdk:
                answer = await sdk.embed(model="m", input=["disk full", LONG])
                assert answer.embeddings[0] == meaning("disk full")
                standin.replies.append(Fails(status=404))
                with pytest.raises(ollama.ResponseError):
                    await sdk.embed(model="m", input="x")


class TestAsking:
    async def test_many_texts_go_in_batches(self, model: HttpEmbeddingModel, standin: StandIn) -> None:
        """Hundreds of texts are several requests, and their vectors come back in order."""
        texts = [f"text {n}" for n in range(150)]
        vectors = await model.embed(texts)

        assert [len(body["input"]) for body in standin.requests] == [64, 64, 22]
        alone = [(await model.embed([texts[at]]))[0] for at in (0, 70, 149)]
        assert alone == [vectors[at] for at in (0, 70, 149)]

    async def test_what_passes_is_tried_again(self, model: HttpEmbeddingModel, standin: StandIn) -> None:
        """A limit, and a server in trouble, are waited out."""
        standin.replies += [Fails(status=429, retry_after="0.01"), Fails(status=503)]

        assert len(await model.embed(["word"])) == 1

    @pytest.mark.parametrize("status", [429, 503])
    async def test_a_server_says_when_to_ask_again(self, standin: StandIn, address: str, status: int) -> None:
        """What a limit, or a server in trouble, asks to be waited for reaches whoever tries again."""
        standin.replies.append(Fails(status=status, retry_after="7"))
        dialect, wire = openai_at(address) if standin.dialect.chat_path.startswith("/v1") else ollama_at(address)

        with pytest.raises(LLMRateLimited) as told:
            await wire.post(dialect.path, dialect.asked("m", ["word"]))
        assert told.value.retry_after == 7.0
        await wire.close()

    async def test_it_is_not_tried_for_ever(self, model: HttpEmbeddingModel, standin: StandIn) -> None:
        """After some tries it is Unavailable, in words of our own."""
        standin.replies += [Fails(status=500)] * TRIES

        with pytest.raises(Unavailable) as failed:
            await model.embed(["word"])
        assert not standin.replies
        assert "boom" not in failed.value.message

    async def test_a_refusal_is_told_once(
        self, model: HttpEmbeddingModel, standin: StandIn, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What will be refused again is not tried again, and neither message nor log shows the key."""
        standin.replies.append(Fails(status=401))

        with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable, match="refuses"):
            await model.embed(["word"])
        assert len(standin.requests) == 1
        assert KEY not in caplog.text or isinstance(standin.dialect, OllamaStandInDialect)  # which knows no key

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"data": [], "embeddings": []},
            {"data": [{"index": 0, "embedding": [0.0] * DIMENSION}], "embeddings": [[0.0] * DIMENSION]},
            {"data": [{"index": 0, "embedding": [1.0]}], "embeddings": [[1.0]]},
            {"data": [{"index": 0, "embedding": "x"}], "embeddings": ["x"]},
            {"data": [{"index": 0, "embedding": [float("nan")] * DIMENSION}], "embeddings": [[float("nan")] * 64]},
            {"data": 1, "embeddings": 1},
        ],
        ids=range(7),
    )
    async def test_nonsense_is_unavailable(
        self, model: HttpEmbeddingModel, standin: StandIn, body: dict[str, object]
    ) -> None:
        """No vector, one of another length or without a direction, and anything that is none, is no answer."""
        standin.replies.append(Garbles(body=json.dumps(body).encode()))

        with pytest.raises(Unavailable):
            await model.embed(["word"])

    async def test_a_cancelled_call_ends(self, model: HttpEmbeddingModel, standin: StandIn) -> None:
        """Who no longer waits is let go, and the model goes on."""
        standin.replies.append(0.5)
        waiting = asyncio.create_task(model.embed(["word"]))
        while not standin.requests:  # noqa: ASYNC110 - it lives in another thread
            await asyncio.sleep(0.005)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await model.ping()

    async def test_a_server_that_goes_and_comes_back(self, standin: StandIn, address: str) -> None:
        """While it is away that is told; then the same model goes on, and a server with another one is not taken."""
        with door_to(address) as door:
            at = openai_at if standin.dialect.chat_path.startswith("/v1") else ollama_at
            model = await HttpEmbeddingModel.open(*at(door.url), "m", first_pause=0.01)
            before = await model.embed(["word"])
            door.shut()
            for use in (model.embed(["word"]), model.ping()):
                with pytest.raises(Unavailable):
                    await use
            door.open()
            assert await model.embed(["word"]) == before
            standin.replies.append(Garbles(body=b'{"data": [{"index": 0, "embedding": [1]}], "embeddings": [[1]]}'))
            with pytest.raises(Unavailable, match="other vectors"):
                await model.embed(["word"])
            await model.close()


class TestOpening:
    async def test_a_wrong_key_is_a_wrong_setting(self) -> None:
        """What the server refuses from the first is told with the settings to look at, without the key."""
        with running(OpenAIStandIn().app) as address:
            with pytest.raises(Misconfigured, match="EMBEDDING_MODEL") as refused:
                await HttpEmbeddingModel.open(*openai_at(address, "sk-wrong"), "m")
        assert "sk-wrong" not in refused.value.message

    @pytest.mark.parametrize("nobody", [openai_at("http://127.0.0.1:1"), ollama_at("127.0.0.1:1")], ids=["o", "l"])
    async def test_nobody_there_is_unavailable(self, nobody: tuple[Dialect, Wire]) -> None:
        """A server that is away is not a wrong setting."""
        with pytest.raises(Unavailable, match="does not answer"):
            await HttpEmbeddingModel.open(*nobody, "m", first_pause=0.01)

    async def test_nonsense_from_the_first_is_unavailable(self) -> None:
        """A server that gives something else than vectors is none to begin with."""
        standin = OllamaStandIn()
        standin.replies.append(Garbles(body=b'{"embeddings": []}'))
        with running(standin.app) as address:
            with pytest.raises(Unavailable):
                await HttpEmbeddingModel.open(*ollama_at(address), "m")

    async def test_a_model_that_reads_less_is_given_less(self) -> None:
        """Texts are cut where the settings say."""
        standin = OllamaStandIn()
        with running(standin.app) as address:
            model = await HttpEmbeddingModel.open(*ollama_at(address), "m", most_characters=10)
            await model.embed(["0123456789 more", "\0\ud800", " \n"])
            await model.close()

        assert standin.requests[-1]["input"] == ["0123456789", " ?", "blank"]
