"""What is LanceDB's own: files, versions, other processes, and the approximate index."""

import asyncio
import math
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from faultmaven_adapters.vectors.lancedb import MOST_FRAGMENTS, MOST_UNINDEXED, LanceVectorProvider, _meaning
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, StorageFull, Unavailable
from tests.contracts.vector_provider import ANA, MODEL, RUNBOOKS, a_passage, at, ids

WRITER = """
import asyncio, sys
from faultmaven_adapters.vectors.lancedb import LanceVectorProvider
from tests.contracts.vector_provider import MODEL, RUNBOOKS, a_passage, at

async def main(path, who):
    index = LanceVectorProvider(path)
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    for n in range(8):
        await index.upsert(RUNBOOKS, [a_passage(f"{who}{n}", "shared words")], [at(n)])
    await index.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[LanceVectorProvider]:
    index = LanceVectorProvider(tmp_path / "vectors")
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    yield index
    await index.close()


async def test_other_processes_write_too(index: LanceVectorProvider, tmp_path: Path) -> None:
    """Two processes that start and write at once lose nothing, and an open handle sees it all without being told."""
    assert await index.search_text(RUNBOOKS, "shared", 99, scope=ANA) == []

    writers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, str(tmp_path / "vectors"), who)
        for who in "xy"
    ]
    assert [await writer.wait() for writer in writers] == [0, 0]

    written = {f"{who}{n}" for who in "xy" for n in range(8)}
    assert written == set(ids(await index.search_text(RUNBOOKS, "shared", 99, scope=ANA)))
    assert written == set(ids(await index.search(RUNBOOKS, at(0), 99, scope=ANA)))


async def test_is_there_again_after_a_restart(index: LanceVectorProvider, tmp_path: Path) -> None:
    """What was written is found by whoever opens the directory next."""
    await index.upsert(RUNBOOKS, [a_passage("a", "quorum")], [at(0)])
    await index.close()

    again = LanceVectorProvider(str(tmp_path / "vectors"))

    assert ids(await again.search_text(RUNBOOKS, "quorum", 5, scope=ANA)) == ["a"]
    assert ids(await again.search(RUNBOOKS, at(0), 5, scope=ANA)) == ["a"]
    await again.close()


async def test_tidying_waits_until_it_is_due(index: LanceVectorProvider, tmp_path: Path) -> None:
    """Few changes are left as they are; many small pieces become one, and what is found stays the same."""
    data = tmp_path / "vectors" / f"{RUNBOOKS}.lance" / "_versions"
    for n in range(3):
        await index.upsert(RUNBOOKS, [a_passage(f"p{n}")], [at(n)])
    before = len(list(data.iterdir()))
    await index.tidy(RUNBOOKS)
    assert before == len(list(data.iterdir()))

    for n in range(MOST_FRAGMENTS):
        await index.upsert(RUNBOOKS, [a_passage(f"p{n}")], [at(n)])
    table = await index._table(RUNBOOKS)
    assert table is not None
    await index.tidy(RUNBOOKS)

    assert (await table.stats())["fragment_stats"]["num_fragments"] == 1
    assert len(await index.search(RUNBOOKS, at(0), 99, scope=ANA)) == MOST_FRAGMENTS
    assert len(await index.search_text(RUNBOOKS, "words", 99, scope=ANA)) == MOST_FRAGMENTS


async def test_old_versions_go(tmp_path: Path) -> None:
    """What a few changes left behind is cleaned up in time; where nothing has changed since there is nothing to do."""
    index = LanceVectorProvider(tmp_path, versions_kept=timedelta(milliseconds=1))
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    versions = tmp_path / f"{RUNBOOKS}.lance" / "_versions"
    for n in range(9):
        await index.upsert(RUNBOOKS, [a_passage("p")], [at(n)])
    await index.tidy(RUNBOOKS)  # the first call of a process only looks at its watch
    before = {path.name for path in versions.iterdir()}
    await asyncio.sleep(0.01)

    await index.tidy(RUNBOOKS)
    after = {path.name for path in versions.iterdir()}
    await asyncio.sleep(0.01)
    await index.tidy(RUNBOOKS)

    assert len(before) > 9 > 3 >= len(after)
    assert after == {path.name for path in versions.iterdir()}
    assert ids(await index.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["p"]
    await index.close()


async def test_new_rows_come_into_the_full_text_index(index: LanceVectorProvider) -> None:
    """Once many rows are outside the index, tidying takes them in."""
    await index.upsert(RUNBOOKS, [a_passage(f"p{n}", f"words w{n}") for n in range(MOST_UNINDEXED)], None)
    table = await index._table(RUNBOOKS)
    assert table is not None

    await index.tidy(RUNBOOKS)

    stats = await table.index_stats("searched_idx")
    assert stats is not None
    assert (stats.num_indexed_rows, stats.num_unindexed_rows) == (MOST_UNINDEXED, 0)
    assert ids(await index.search_text(RUNBOOKS, "w77", 5, scope=ANA)) == ["p77"]


async def test_many_vectors_get_an_index(tmp_path: Path) -> None:
    """From a number of vectors on the nearest are found through an index: the same ones, also written later."""
    index = LanceVectorProvider(tmp_path, indexed_from=300)
    await index.prepare(RUNBOOKS, model=MODEL, dimension=8)

    def vector(n: int) -> list[float]:
        return [math.sin(n * (k + 1) * 0.37 + k) for k in range(8)]

    passages = [a_passage(f"p{n}", owner="ana" if n % 2 else "bob") for n in range(400)]
    await index.upsert(RUNBOOKS, passages[:200], [vector(n) for n in range(200)])
    await index.upsert(RUNBOOKS, [a_passage("none", owner="ana")], None)
    await index.tidy(RUNBOOKS)
    table = await index._table(RUNBOOKS)
    assert table is not None
    assert [i.columns for i in await table.list_indices()] == [["searched"]]
    await index.upsert(RUNBOOKS, passages[200:350], [vector(n) for n in range(200, 350)])
    exact = await index.search(RUNBOOKS, vector(7), 10, scope=ANA)

    await index.tidy(RUNBOOKS)
    await index.tidy(RUNBOOKS)

    assert {"searched", "vector"} == {i.columns[0] for i in await table.list_indices()}
    found = await index.search(RUNBOOKS, vector(7), 10, scope=ANA)
    assert found[0].passage.passage_id == "p7"
    assert len(set(ids(exact)) & set(ids(found))) >= 9
    assert {hit.passage.owner_id for hit in found} == {"ana"}
    await index.upsert(RUNBOOKS, passages[350:], [vector(n) for n in range(350, 400)])
    assert (await index.search(RUNBOOKS, vector(377), 10, scope=ANA))[0].passage.passage_id == "p377"
    await index.close()


@pytest.mark.parametrize(
    ("raised", "meaning"),
    [
        (OSError(28, "No space left on device"), StorageFull),
        (RuntimeError("lance error: LanceError(IO): No space left on device (os error 28)"), StorageFull),
        (RuntimeError("lance error: something else"), Unavailable),
        (ValueError("not a table"), Unavailable),
    ],
)
def test_the_vendors_errors_have_a_meaning(raised: Exception, meaning: type[FaultMavenError]) -> None:
    """A full disk is told from an index that does not answer, and the vendor's words stay in the log."""
    with pytest.raises(meaning) as error, _meaning():
        raise raised

    assert type(error.value) is meaning
    assert str(raised) not in error.value.message


async def test_a_place_that_is_none(tmp_path: Path) -> None:
    """A path that cannot be a directory is Unavailable, at the ping and at every use."""
    (tmp_path / "file").write_text("not a directory")
    index = LanceVectorProvider(tmp_path / "file" / "vectors")

    with pytest.raises(Unavailable):
        await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    with pytest.raises(Unavailable):
        await index.ping()
    await index.close()


async def test_answers_a_ping(index: LanceVectorProvider) -> None:
    """A directory that can be read answers, and closing twice does no harm."""
    await index.ping()
    await index.close()
    await index.close()


@pytest.mark.parametrize("name", ["", "a b", "../up", "a/b", "a" * 65, "ü"])
async def test_names_that_are_no_tables(index: LanceVectorProvider, name: str) -> None:
    """A collection whose name could not be a table's is refused before it touches the disk."""
    with pytest.raises(InvalidInput):
        await index.prepare(name, model=MODEL, dimension=2)


def test_costs_nothing_until_it_is_used() -> None:
    """Importing the adapter and making one loads no vendor."""
    code = (
        "import sys; from faultmaven_adapters.vectors.lancedb import LanceVectorProvider; LanceVectorProvider('x');"
        "sys.exit('lancedb' in sys.modules or 'pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_a_table_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    """A table's folder is listed before it can be opened, and a start that meets it then goes on."""
    (tmp_path / "vectors" / f"{RUNBOOKS}.lance").mkdir(parents=True)
    index = LanceVectorProvider(tmp_path / "vectors")

    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    await index.upsert(RUNBOOKS, [a_passage("a")], [at(0)])

    assert ids(await index.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["a"]
    await index.close()
