"""What is LanceDB's own: files, versions, other processes, and the approximate index."""

import asyncio
import math
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from faultmaven_adapters.vectors.held import COLUMNS, ROW_ID, HeldTable
from faultmaven_adapters.vectors.lancedb import MOST_FRAGMENTS, MOST_UNINDEXED, LanceVectorProvider, _meaning
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, StorageFull, Unavailable
from faultmaven_domain.knowledge import Scope
from tests.contracts.vector_provider import ANA, MODEL, RUNBOOKS, a_passage, at, ids

WRITER = """
import asyncio, sys
from faultmaven_adapters.vectors.lancedb import LanceVectorProvider, _imported
from tests.contracts.vector_provider import MODEL, RUNBOOKS, a_passage, at
_imported()

async def main(path, who):
    index = LanceVectorProvider(path)
    print("ready", flush=True)
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    for n in range(8):
        await index.upsert(RUNBOOKS, [a_passage(f"{who}{n}", "shared words")], [at(n)])
    await index.close()
    assert "lance_namespace_urllib3_client.api" not in sys.modules

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[LanceVectorProvider]:
    index = LanceVectorProvider(tmp_path / "vectors")
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    yield index
    await index.close()


async def test_other_processes_write_too(index: LanceVectorProvider, tmp_path: Path) -> None:
    """Two processes that start and write at once lose nothing, and an open handle sees it all without being told; a
    process that begins with the adapter never loads the client that LanceDB brings along."""
    assert await index.search_text(RUNBOOKS, "shared", 99, scope=ANA) == []

    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(tmp_path / "vectors"), "x"), stdout=PIPE
    )
    assert writer.stdout is not None
    await writer.stdout.readline()
    for n in range(8):
        await index.upsert(RUNBOOKS, [a_passage(f"y{n}", "shared words")], [at(n)])
    await writer.communicate()
    assert writer.returncode == 0

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
async def test_the_vendors_errors_have_a_meaning(raised: Exception, meaning: type[FaultMavenError]) -> None:
    """A full disk is told from an index that does not answer, and the vendor's words stay in the log."""
    with pytest.raises(meaning) as error:
        async with _meaning(9.0):
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


SCOPES = (
    ANA,
    Scope(owner_id="eve"),
    Scope(owner_id="a'na"),
    Scope(owner_id="ana", collection="disks"),
    Scope(owner_id="ana", document_type="faq"),
    Scope(owner_id="ana", tags=("x",)),
    Scope(owner_id="ana", collection="disks", document_type="guide", tags=("x", "y")),
    Scope(owner_id="ana", tags=("z",)),
)


async def filled(index: LanceVectorProvider) -> None:
    """Sixty passages of several owners, collections, types and tags, a few of them without a vector."""
    passages = [
        a_passage(
            f"p{n}",
            f"words {'of quorum ' * (n % 5)}",
            owner=(None, "ana", "bob")[n % 3],
            collection=("default", "disks")[n % 2],
            document_type=("guide", "faq")[n % 4 // 2],
            tags=((), ("x",), ("x", "y"))[n % 7 % 3],
        )
        for n in range(60)
    ]
    await index.upsert(RUNBOOKS, passages[:50], [at(n * 1.3) for n in range(50)])
    await index.upsert(RUNBOOKS, passages[50:], None)


async def test_a_table_that_stands_still_is_held_in_memory(index: LanceVectorProvider, tmp_path: Path) -> None:
    """From the second search on the rows are in memory, and every scope finds what it found in the files."""
    await filled(index)
    in_files = LanceVectorProvider(tmp_path / "vectors", indexed_from=0)
    await index.search(RUNBOOKS, at(0), 1, scope=ANA)
    assert index._held == {}
    await index.search(RUNBOOKS, at(0), 1, scope=ANA)
    assert list(index._held) == [RUNBOOKS]

    for scope in SCOPES:
        for top_k in (1, 7, 99):
            one, other = [await i.search(RUNBOOKS, at(20.1), top_k, scope=scope) for i in (index, in_files)]
            assert ids(one) == ids(other)
            assert [hit.passage for hit in one] == [hit.passage for hit in other]
            assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-6)
            one, other = [await i.search_text(RUNBOOKS, "quorum", top_k, scope=scope) for i in (index, in_files)]
            assert sorted(hit.score for hit in one) == sorted(hit.score for hit in other)
            if top_k == 99:
                assert {hit.passage.passage_id: hit for hit in one} == {hit.passage.passage_id: hit for hit in other}
    assert in_files._held == {}
    await in_files.close()


async def test_what_is_held_hides_nothing(index: LanceVectorProvider, tmp_path: Path) -> None:
    """What another handle writes or deletes is in the very next answer, though this one holds the rows."""
    beside = LanceVectorProvider(tmp_path / "vectors")
    await filled(index)
    for n in range(3):
        for _ in range(3):
            await index.search(RUNBOOKS, at(0), 1, scope=ANA)
        held = index._held[RUNBOOKS]

        await beside.upsert(RUNBOOKS, [a_passage(f"new{n}", f"zebra{n}")], [at(270)])
        assert ids(await index.search_text(RUNBOOKS, f"zebra{n}", 9, scope=ANA)) == [f"new{n}"]
        assert f"new{n}" in ids(await index.search(RUNBOOKS, at(270), n + 1, scope=ANA))
        assert index._held[RUNBOOKS] is not held
        await beside.delete(RUNBOOKS, f"doc_p{n}")
        assert f"p{n}" not in ids(await index.search(RUNBOOKS, at(n * 1.3), 99, scope=ANA))
    await beside.close()


async def test_what_others_may_not_see_stays_unseen(index: LanceVectorProvider, tmp_path: Path) -> None:
    """Though all that is held may be seen, and is asked for without a filter, what another owner adds is not found."""
    beside = LanceVectorProvider(tmp_path / "vectors")
    await index.upsert(RUNBOOKS, [a_passage(f"p{n}", "quorum") for n in range(9)], None)
    for _ in range(3):
        assert len(await index.search_text(RUNBOOKS, "quorum", 9, scope=ANA)) == 9
    assert index._held[RUNBOOKS].lies_within(ANA)

    await beside.upsert(RUNBOOKS, [a_passage("secret", "quorum quorum", owner="bob")], None)

    for _ in range(4):
        assert "secret" not in ids(await index.search_text(RUNBOOKS, "quorum", 99, scope=ANA))
    assert not index._held[RUNBOOKS].lies_within(ANA)
    await beside.close()


async def test_many_searches_at_once_find_the_same(index: LanceVectorProvider) -> None:
    """While one of them reads the table into memory, the others find it in the files."""
    await filled(index)
    before = ids(await index.search(RUNBOOKS, at(33), 9, scope=ANA))

    found = await asyncio.gather(*(index.search(RUNBOOKS, at(33), 9, scope=ANA) for _ in range(8)))

    assert [before] * 8 == [ids(hits) for hits in found]


async def test_a_large_table_stays_in_its_files(tmp_path: Path) -> None:
    """As many rows as make an index worth its while are not held, however often they are searched."""
    index = LanceVectorProvider(tmp_path, indexed_from=60)
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    await filled(index)

    for _ in range(4):
        assert len(await index.search(RUNBOOKS, at(0), 5, scope=ANA)) == 5

    assert index._held == {}
    await index.close()


async def test_rows_that_came_later_are_not_guessed() -> None:
    """A row id that the held version does not know, between its own or past them, is told from those it knows."""
    rows = {name: ["a", "b"] for name in COLUMNS} | {"tags": [["x"], []], "ordinal": [0, 1], ROW_ID: [9, 4]}
    held = HeldTable.of(1, pa.table(rows))

    known = held.scored(np.array([9, 4]), np.array([2.0, 1.0]))

    assert known is not None
    assert [(hit.passage.title, hit.score) for hit in known] == [("a", 2.0), ("b", 1.0)]
    assert held.scored(np.array([4, 5]), np.array([2.0, 1.0])) is None
    assert held.scored(np.array([10]), np.array([2.0])) is None
    assert HeldTable.of(1, pa.table(rows).slice(0, 0)).scored(np.array([4]), np.array([2.0])) is None


async def test_one_process_tidies_once_at_a_time(index: LanceVectorProvider, tmp_path: Path) -> None:
    """Who finds the upkeep being done leaves it at that: what several did at once would be left lying there."""
    for n in range(MOST_FRAGMENTS):
        await index.upsert(RUNBOOKS, [a_passage(f"p{n}")], None)
    data = tmp_path / "vectors" / f"{RUNBOOKS}.lance" / "data"
    before = len(list(data.iterdir()))

    await asyncio.gather(*(index.tidy(RUNBOOKS) for _ in range(5)))

    table = await index._table(RUNBOOKS)
    assert table is not None
    assert (await table.stats())["fragment_stats"]["num_fragments"] == 1
    assert len(list(data.iterdir())) == before + 1
