"""A start whose index is in Pinecone and whose embeddings come from a server, by settings alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import faultmaven_adapters
from faultmaven_adapters import OPERATOR
from faultmaven_adapters.diagnosis import State, diagnose
from faultmaven_adapters.library import NOT_YET
from faultmaven_adapters.settings import Settings, load_settings
from faultmaven_domain.knowledge import IndexMismatch, SearchMode
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.pinecone import PineconeStandIn
from tests.standins.running import running
from tests.standins.script import KEY

RUNBOOK = "# Quorum lost\n\n## Diagnosis\n\n- Ask each member for its leader.\n"


@pytest.fixture
def pinecone() -> Iterator[str]:
    with running(PineconeStandIn(lag=0.01).app) as address:
        yield address


@pytest.fixture
def openai() -> Iterator[str]:
    with running(OpenAIStandIn().app) as address:
        yield f"{address}/v1"


def settings(data: Path, pinecone: str, **more: str) -> Settings:
    given = {"VECTOR_STORE": "pinecone", "PINECONE_API_KEY": KEY, "PINECONE_URL": pinecone, "PORT": "0"}
    return load_settings(given | more, data_dir=data)


async def test_a_runbook_is_found_in_pinecone(tmp_path: Path, pinecone: str, openai: str) -> None:
    """What is added is found by meaning and by words, and doctor finds both vendors well."""
    (tmp_path / "quorum.md").write_text(RUNBOOK)
    chosen = settings(
        tmp_path / "data", pinecone, EMBEDDING_PROVIDER="openai", EMBEDDING_URL=openai, EMBEDDING_API_KEY=KEY
    )
    async with faultmaven_adapters.open(settings=chosen) as fm:
        await fm.ingest(tmp_path / "quorum.md")
        found = await fm.search("which member is the leader of the quorum")

    assert [hit.title for hit in found.hits] == ["Quorum lost"]
    assert (found.mode, found.notes) == ("hybrid", ())
    states = {finding.what: finding.state for finding in await diagnose(chosen)}
    assert states["vectors"] == states["model"] == State.GOOD


async def test_another_model_asks_for_the_index_anew(tmp_path: Path, pinecone: str, openai: str) -> None:
    """Vectors of two models are never compared: the start says what to do, and building anew does it."""
    (tmp_path / "quorum.md").write_text(RUNBOOK)
    data = tmp_path / "data"
    with running(OllamaStandIn().app) as ollama:
        first = settings(data, pinecone, EMBEDDING_PROVIDER="ollama", OLLAMA_HOST=ollama, LLM_PROVIDER="extractive")
        async with faultmaven_adapters.open(settings=first) as fm:
            await fm.ingest(tmp_path / "quorum.md")
    second = settings(data, pinecone, EMBEDDING_PROVIDER="openai", EMBEDDING_URL=openai, EMBEDDING_API_KEY=KEY)

    with pytest.raises(IndexMismatch, match=r"ollama:nomic-embed-text/64.*openai:text-embedding-3-small/64"):
        async with faultmaven_adapters.open(settings=second):
            pass
    async with faultmaven_adapters.open(settings=second, rebuild=True) as fm:
        await fm.settled()
        found = await fm.knowledge.search(principal=OPERATOR, query="member leader", mode=SearchMode.SEMANTIC)
    assert [hit.title for hit in found.hits] == ["Quorum lost"]


async def test_what_is_not_indexed_yet_is_told_of() -> None:
    """A search that finds nothing says so where documents wait to be indexed, and only there."""
    async with faultmaven_adapters.open(work=False) as fm:
        before = await fm.search("quorum")
        await fm.knowledge.add(principal=OPERATOR, title="Quorum lost", content=RUNBOOK)
        after = await fm.search("quorum")

    assert (before.hits, after.hits) == ((), ())
    assert set(after.notes) - set(before.notes) == {NOT_YET}


async def test_without_its_server_words_are_left(tmp_path: Path, pinecone: str) -> None:
    """An embedding server that is away at the start is told of, and full text finds."""
    (tmp_path / "quorum.md").write_text(RUNBOOK)
    chosen = settings(tmp_path / "data", pinecone, EMBEDDING_PROVIDER="ollama", EMBEDDING_URL="http://127.0.0.1:1")
    async with faultmaven_adapters.open(settings=chosen) as fm:
        await fm.ingest(tmp_path / "quorum.md")
        found = await fm.search("quorum")

    assert any("does not answer" in note for note in fm.notes)
    assert [hit.title for hit in found.hits] == ["Quorum lost"]
    assert found.mode == "keyword"
