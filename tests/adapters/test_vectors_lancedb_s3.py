"""LanceDB's tables in a bucket, over a server in a process of its own: found, written and shared as in a folder."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

import faultmaven_adapters
from faultmaven_adapters.diagnosis import State, diagnose
from faultmaven_adapters.open_vectors import s3_options
from faultmaven_adapters.settings import load_settings
from faultmaven_adapters.vectors.lancedb import LanceVectorProvider
from faultmaven_domain.kernel.errors import Unavailable
from tests.contracts.vector_provider import ANA, MODEL, RUNBOOKS, VectorProviderContract, at, ids
from tests.standins.s3 import KEY_ID, REGION, SECRET, s3_server

WRITER = """
import asyncio, json, sys
from faultmaven_adapters.vectors.lancedb import LanceVectorProvider
from tests.contracts.vector_provider import MODEL, RUNBOOKS, a_passage, at

async def main(uri, options, who):
    index = LanceVectorProvider(uri, json.loads(options))
    await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
    for n in range(5):
        await index.upsert(RUNBOOKS, [a_passage(f"{who}{n}", "shared words")], [at(n)])
    await index.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """The variables of a server with one bucket."""
    with s3_server() as (address, _):
        httpx2.put(f"{address}/passages").raise_for_status()
        yield {
            "S3_ENDPOINT_URL": address,
            "S3_REGION": REGION,
            "S3_ACCESS_KEY_ID": KEY_ID,
            "S3_SECRET_ACCESS_KEY": SECRET,
        }


@pytest.fixture
def options(s3: dict[str, str]) -> dict[str, str]:
    return s3_options(load_settings(s3))


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

    command = [sys.executable, "-c", WRITER, uri, json.dumps(options)]
    writers = [await asyncio.create_subprocess_exec(*command, who) for who in "xy"]
    assert [await writer.wait() for writer in writers] == [0, 0]

    written = {f"{who}{n}" for who in "xy" for n in range(5)}
    assert written == set(ids(await index.search_text(RUNBOOKS, "shared", 99, scope=ANA)))
    assert written == set(ids(await index.search(RUNBOOKS, at(0), 99, scope=ANA)))
    await index.close()


async def test_a_start_over_a_bucket(tmp_path: Path, s3: dict[str, str], uri: str) -> None:
    """By settings alone the index lies in the bucket: what one start adds, the next finds, and doctor is content."""
    (tmp_path / "quorum.md").write_text("# Quorum lost\n\n## Diagnosis\n\n- Ask each member for its leader.\n")
    chosen = load_settings(
        s3 | {"LANCEDB_PATH": uri, "MODEL_DOWNLOAD": "false", "MODELS_DIR": str(tmp_path), "PORT": "0"},
        data_dir=tmp_path / "data",
    )
    async with faultmaven_adapters.open(settings=chosen) as fm:
        await fm.ingest(tmp_path / "quorum.md")
    async with faultmaven_adapters.open(settings=chosen) as fm:
        found = await fm.search("leader")

    assert [hit.title for hit in found.hits] == ["Quorum lost"]
    assert not (tmp_path / "data" / "lancedb").exists()
    assert {finding.what: finding.state for finding in await diagnose(chosen)}["vectors"] is State.GOOD


async def test_a_bucket_that_is_away(tmp_path: Path, uri: str) -> None:
    """A server that is gone, or was never there, is Unavailable at every use."""
    with s3_server() as (address, server):
        httpx2.put(f"{address}/passages").raise_for_status()
        given = {"S3_ENDPOINT_URL": address, "S3_REGION": REGION, "S3_ACCESS_KEY_ID": KEY_ID}
        index = LanceVectorProvider(uri, s3_options(load_settings(given | {"S3_SECRET_ACCESS_KEY": SECRET})))
        await index.prepare(RUNBOOKS, model=MODEL, dimension=2)
        server.kill()
        server.wait()

        with pytest.raises(Unavailable):
            await index.search(RUNBOOKS, at(0), 9, scope=ANA)
        with pytest.raises(Unavailable):
            await index.ping()
    await index.close()


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
