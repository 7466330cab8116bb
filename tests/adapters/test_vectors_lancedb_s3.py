"""LanceDB's tables in a bucket, over a server in a process of its own: found, written and shared as in a folder."""

import asyncio
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from attrs import evolve

import faultmaven_adapters
from faultmaven_adapters.diagnosis import State, diagnose
from faultmaven_adapters.files.s3 import S3FileProvider
from faultmaven_adapters.open_vectors import s3_options
from faultmaven_adapters.settings import load_settings
from faultmaven_adapters.system import SystemClock
from faultmaven_adapters.vectors.lancedb import MOST_UNINDEXED, LanceVectorProvider, _unindexed
from faultmaven_domain.kernel.errors import Unavailable
from tests.contracts.vector_provider import ANA, MODEL, RUNBOOKS, VectorProviderContract, a_passage, at, ids
from tests.standins.door import door_to
from tests.standins.s3 import KEY_ID, REGION, SECRET, keyed

WRITER = """
import asyncio, json, sys
from faultmaven_adapters.vectors.lancedb import LanceVectorProvider, _imported
from tests.contracts.vector_provider import MODEL, RUNBOOKS, a_passage, at
_imported()

async def main(uri, options, who):
    index = LanceVectorProvider(uri, json.loads(options))
    print("ready", flush=True)
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    for n in range(5):
        await index.upsert(RUNBOOKS, [a_passage(f"{who}{n}", "shared words")], [at(n)])
    await index.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def given(s3: str) -> dict[str, str]:
    """The variables of a server with one bucket."""
    httpx2.put(f"{s3}/passages").raise_for_status()
    return {"S3_ENDPOINT_URL": s3, "S3_REGION": REGION, "S3_ACCESS_KEY_ID": KEY_ID, "S3_SECRET_ACCESS_KEY": SECRET}


@pytest.fixture
def options(given: dict[str, str]) -> dict[str, str]:
    return s3_options(load_settings(given))


@pytest.fixture
def uri() -> str:
    """A place of the test's own."""
    return f"s3://passages/{os.urandom(6).hex()}"


class TestLanceVectorProviderOnS3(VectorProviderContract):
    @pytest.fixture
    async def index(self, uri: str, options: dict[str, str]) -> AsyncIterator[LanceVectorProvider]:
        index = LanceVectorProvider(uri, options)
        yield index
        await index.close()

    @pytest.fixture
    async def beside(self, index: LanceVectorProvider, options: dict[str, str]) -> AsyncIterator[LanceVectorProvider]:
        beside = LanceVectorProvider(index.uri, options)
        yield beside
        await beside.close()


async def test_other_processes_write_too(uri: str, options: dict[str, str]) -> None:
    """Two processes that start and write at once lose nothing, and an open handle sees it all without being told."""
    index = LanceVectorProvider(uri, options)
    assert await index.search_text(RUNBOOKS, "shared", 99, scope=ANA) == []

    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, uri, json.dumps(options), "x"), stdout=PIPE
    )
    assert writer.stdout is not None
    await writer.stdout.readline()
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    for n in range(5):
        await index.upsert(RUNBOOKS, [a_passage(f"y{n}", "shared words")], [at(n)])
    await writer.communicate()
    assert writer.returncode == 0

    written = {f"{who}{n}" for who in "xy" for n in range(5)}
    assert written == set(ids(await index.search_text(RUNBOOKS, "shared", 99, scope=ANA)))
    assert written == set(ids(await index.search(RUNBOOKS, at(0), 99, scope=ANA)))
    await index.close()


async def test_a_start_over_a_bucket(tmp_path: Path, given: dict[str, str], uri: str) -> None:
    """By settings alone the index lies in the bucket: what one start adds, the next finds, and doctor is content."""
    (tmp_path / "quorum.md").write_text("# Quorum lost\n\n## Diagnosis\n\n- Ask each member for its leader.\n")
    chosen = load_settings(
        given | {"LANCEDB_PATH": uri, "MODEL_DOWNLOAD": "false", "MODELS_DIR": str(tmp_path), "PORT": "0"},
        data_dir=tmp_path / "data",
    )
    async with faultmaven_adapters.open(settings=chosen) as fm:
        await fm.ingest(tmp_path / "quorum.md")
    async with faultmaven_adapters.open(settings=chosen) as fm:
        found = await fm.search("leader")

    assert [hit.title for hit in found.hits] == ["Quorum lost"]
    assert not (tmp_path / "data" / "lancedb").exists()
    assert {finding.what: finding.state for finding in await diagnose(chosen)}["vectors"] is State.GOOD


async def test_a_bucket_that_is_away(uri: str, options: dict[str, str]) -> None:
    """While it is away, or takes what it is asked and says nothing, every use is Unavailable; afterwards all is there,
    to be searched, written and tidied through the same handle."""
    with door_to(options["aws_endpoint"]) as door:
        index = LanceVectorProvider(uri, options | {"aws_endpoint": door.url}, search_within=0.3, write_within=0.3)
        patient = evolve(index, search_within=30.0, write_within=30.0)
        await patient.prepare(RUNBOOKS, model=MODEL, dimension=2)
        await patient.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
        await patient.search(RUNBOOKS, at(0), 9, scope=ANA)
        door.shut()
        with pytest.raises(Unavailable):
            await patient.search(RUNBOOKS, at(0), 9, scope=ANA)
        with socket.create_server(("127.0.0.1", door.port)):
            told = await asyncio.gather(
                index.search(RUNBOOKS, at(0), 9, scope=ANA),
                index.search_text(RUNBOOKS, "words", 9, scope=ANA),
                index.upsert(RUNBOOKS, [a_passage("b")], [at(0)]),
                index.delete(RUNBOOKS, "doc_a"),
                index.tidy(RUNBOOKS),
                index.ping(),
                return_exceptions=True,
            )
        assert {type(one) for one in told} == {Unavailable}

        door.open()
        await patient.upsert(RUNBOOKS, [a_passage(f"b{n}") for n in range(MOST_UNINDEXED)], None)
        await patient.tidy(RUNBOOKS)
        assert ids(await patient.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["a"]
        table = await patient._table(RUNBOOKS)
        assert table is not None
        assert await _unindexed(table) == 0
        await index.close()
        await patient.close()


@pytest.mark.parametrize("damage", ["no data", "no table", "garbled"])
async def test_a_damaged_table(uri: str, options: dict[str, str], damage: str) -> None:
    """Where objects are gone from the bucket, or are no longer what they were, that is told and not taken for
    emptiness, unless all of it is gone; dropping mends it, for those too who had it open."""
    index, beside, fresh = [LanceVectorProvider(uri, options) for _ in range(3)]
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    await index.upsert(RUNBOOKS, [a_passage("a")], [at(0)])
    assert ids(await beside.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["a"]
    objects = await S3FileProvider.open(keyed(options["aws_endpoint"], "passages"))
    table = f"{uri.removeprefix('s3://passages/')}/{RUNBOOKS}.lance/"
    part = {"no data": "data/", "no table": "", "garbled": "_versions/"}[damage]
    for key in await objects.keys(table + part, older_than=SystemClock().now() + timedelta(days=1)):
        await (objects.upload(key, b"x" * 99, "") if damage == "garbled" else objects.delete(key))
    await objects.close()

    if damage == "no table":
        assert not await fresh.holds(RUNBOOKS, "doc_a", revision="r1")
    else:
        with pytest.raises(Unavailable):
            await fresh.search(RUNBOOKS, at(0), 9, scope=ANA)
    await beside.drop(RUNBOOKS)
    assert not await beside.holds(RUNBOOKS, "doc_a", revision="r1")
    await beside.prepare(RUNBOOKS, model=MODEL, dimension=2)
    await beside.upsert(RUNBOOKS, [a_passage("b")], [at(0)])
    for one in (index, fresh):
        assert ids(await one.search(RUNBOOKS, at(0), 9, scope=ANA)) == ["b"]
    for one in (index, beside, fresh):
        await one.close()


def test_the_settings_of_s3_are_the_tables_too() -> None:
    """Address, region, keys and encryption are handed on under LanceDB's names, and what is not set is not."""
    given = {
        "S3_ENDPOINT_URL": "https://store.example:9000", "S3_REGION": "eu-north-1", "S3_ACCESS_KEY_ID": "id",
        "S3_SECRET_ACCESS_KEY": "key", "S3_ENCRYPTION": "aws:kms", "S3_KMS_KEY_ID": "arn",
    }  # fmt: skip

    assert s3_options(load_settings(given)) == {
        "aws_endpoint": "https://store.example:9000",
        "aws_region": "eu-north-1",
        "aws_access_key_id": "id",
        "aws_secret_access_key": "key",
        "aws_server_side_encryption": "aws:kms",
        "aws_sse_kms_key_id": "arn",
    }
    assert s3_options(load_settings({})) == {}
    assert s3_options(load_settings({"S3_ENDPOINT_URL": "http://127.0.0.1:9000"}))["allow_http"] == "true"
