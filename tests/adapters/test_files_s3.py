"""Files in S3, over a server in a process of its own."""

import asyncio
import logging
import os
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from s3fs import S3FileSystem

from faultmaven_adapters.files.s3 import LONGEST, Bucket, S3FileProvider, in_parts
from faultmaven_adapters.system import SystemClock
from faultmaven_domain.kernel.errors import InvalidInput, Misconfigured, Unavailable
from tests.contracts.file_provider import FileProviderContract, Follow, pieces
from tests.standins.door import door_to
from tests.standins.s3 import KEY_ID, PART, SECRET, a_bucket, holds, keyed

MIB = 1024 * 1024
SHARED = "shared"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def bucket(s3: str) -> Bucket:
    """One of the test's own."""
    return a_bucket(s3, f"b{os.urandom(6).hex()}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(s3: str) -> AsyncIterator[S3FileProvider]:
    """Opening takes a tenth of a second, so one is shared."""
    files = await S3FileProvider.open(a_bucket(s3, SHARED))
    yield files
    await files.close()


@pytest_asyncio.fixture(loop_scope="module")
async def files(opened: S3FileProvider) -> S3FileProvider:
    """The shared one, emptied."""
    for key in await opened.keys("", older_than=SystemClock().now() + timedelta(days=1)):
        await opened.delete(key)
    return opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def raw(s3: str) -> AsyncIterator[Any]:
    """The vendor's own client, to see what lies there."""
    fs = S3FileSystem(asynchronous=True, skip_instance_cache=True, endpoint_url=s3, key=KEY_ID, secret=SECRET)
    client = await fs.set_session()
    yield client
    await client.close()


async def endless(started: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    for number in range(1_000_000):
        if started is not None and number == 12:
            started.set()
        yield b"x" * MIB


class TestS3FileProvider(FileProviderContract):
    @pytest_asyncio.fixture(loop_scope="module")
    async def files(self, files: S3FileProvider) -> S3FileProvider:
        return files

    @pytest.fixture
    def follow(self) -> Follow:
        async def follow(address: str) -> bytes | None:
            async with httpx2.AsyncClient() as anyone:
                return (await anyone.get(address)).content if holds(address) else None

        return follow

    @pytest.fixture
    def signed(self) -> tuple[str, str]:
        return "X-Amz-Expires", "X-Amz-Signature"


@given(
    data=st.lists(st.binary(max_size=30), max_size=12),
    size=st.integers(min_value=1, max_value=40),
)
async def test_parts_are_of_one_size_but_for_the_last(data: list[bytes], size: int) -> None:
    """However the bytes come, parts are full, none is empty but the only one, and nothing is lost."""
    parts = [part.getvalue() async for part in in_parts(pieces(*data), size)]

    assert b"".join(parts) == b"".join(data)
    assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert len(parts) == 1 or 0 < len(parts[-1]) <= size


@pytest.mark.parametrize(("size", "parts"), [(0, ""), (PART - 1, ""), (PART, "-1"), (PART + 1, "-2"), (2 * PART, "-2")])
async def test_a_long_upload_goes_in_parts(files: S3FileProvider, raw: Any, size: int, parts: str) -> None:
    """What fills a part is sent in parts, the rest in one request, and both come back whole with their type."""
    data = os.urandom(size)
    await files.upload("k", data, "text/plain")

    head = await raw.head_object(Bucket=SHARED, Key="k")
    assert head["ETag"].strip('"')[32:] == parts
    assert head["ContentType"] == "text/plain"
    assert await files.download("k") == data


async def test_an_upload_holds_one_part(files: S3FileProvider) -> None:
    """Memory does not grow with what is uploaded, nor with what is streamed back."""

    async def long() -> AsyncIterator[bytes]:
        for _ in range(24):
            yield b"x" * MIB

    tracemalloc.start()
    try:
        await files.upload("k", long(), "text/plain")
        read = 0
        async for piece in files.stream("k"):
            read += len(piece)
        assert read == 24 * MIB
        assert tracemalloc.get_traced_memory()[1] < 3 * PART
    finally:
        tracemalloc.stop()


async def test_an_upload_that_breaks_leaves_no_part(files: S3FileProvider, raw: Any) -> None:
    """Parts that were sent already are taken back, and what was there stays."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2 * PART
        yield b"x"
        raise ConnectionError("gone")

    await files.upload("k", b"whole", "text/plain")
    with pytest.raises(ConnectionError):
        await files.upload("k", broken(), "text/plain")

    assert await files.download("k") == b"whole"
    assert "Uploads" not in await raw.list_multipart_uploads(Bucket=SHARED)


async def test_an_upload_that_is_given_up_leaves_no_part(files: S3FileProvider, raw: Any) -> None:
    """At whatever moment its caller leaves, nothing stays behind."""
    for moment in range(20):
        upload = asyncio.create_task(files.upload("k", endless(), "text/plain"))
        await asyncio.sleep(moment / 250)
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload

    assert "Uploads" not in await raw.list_multipart_uploads(Bucket=SHARED)
    assert await files.keys("", older_than=SystemClock().now() + timedelta(days=1)) == []


async def test_a_store_that_is_away(bucket: Bucket, raw: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Every verb says so, and an upload on its way leaves parts of which no key knows; once it is back all goes on."""
    assert bucket.endpoint_url
    with door_to(bucket.endpoint_url) as door:
        there = evolve(bucket, endpoint_url=door.url)
        files = await S3FileProvider.open(there)
        await files.upload("kept", b"x", "text/plain")
        started = asyncio.Event()
        upload = asyncio.create_task(files.upload("k", endless(started), "text/plain"))
        await started.wait()
        door.shut()

        told = await asyncio.gather(
            upload,
            files.upload("k", b"short", "text/plain"),
            files.download("kept"),
            files.delete("kept"),
            files.get_url("kept"),
            files.keys("", older_than=SystemClock().now()),
            files.ping(),
            S3FileProvider.open(there),
            return_exceptions=True,
        )
        assert {type(one) for one in told} == {Unavailable}
        assert "parts of k may stay in the bucket" in caplog.text
        assert len((await raw.list_multipart_uploads(Bucket=bucket.name))["Uploads"]) == 1

        door.open()
        assert await files.keys("", older_than=SystemClock().now() + timedelta(days=1)) == ["kept"]
        assert await files.download("kept") == b"x"
        await files.close()


@pytest.mark.parametrize(("encryption", "key"), [(None, None), ("AES256", None), ("aws:kms", None), ("aws:kms", "k1")])
async def test_what_is_kept_is_encrypted_as_asked(
    bucket: Bucket, raw: Any, encryption: str | None, key: str | None
) -> None:
    """Short and long uploads are kept with the encryption and the key that are set."""
    files = await S3FileProvider.open(evolve(bucket, encryption=encryption, kms_key_id=key))
    await files.upload("short", b"x", "text/plain")
    await files.upload("long", b"x" * (PART + 1), "text/plain")
    await files.close()

    for name in ("short", "long"):
        head = await raw.head_object(Bucket=bucket.name, Key=name)
        assert head.get("ServerSideEncryption") in ({"AES256", None} if encryption is None else {encryption})
        assert head.get("SSEKMSKeyId") == key


async def test_a_prefix_keeps_apart(bucket: Bucket, raw: Any) -> None:
    """Two that share a bucket under prefixes of their own see nothing of each other."""
    one = await S3FileProvider.open(evolve(bucket, prefix="one/"))
    two = await S3FileProvider.open(evolve(bucket, prefix="two/"))
    await one.upload("evidence/a", b"x", "text/plain")
    later = SystemClock().now() + timedelta(minutes=1)

    assert await one.keys("evi", older_than=later) == ["evidence/a"]
    assert await two.keys("", older_than=later) == []
    assert await two.delete("evidence/a") is False
    assert [o["Key"] for o in (await raw.list_objects_v2(Bucket=bucket.name))["Contents"]] == ["one/evidence/a"]
    await one.close()
    await two.close()


async def test_an_address_says_to_save_the_file(files: S3FileProvider) -> None:
    """A browser at a signed address saves bytes and shows nothing, whatever type the uploader claimed."""
    await files.upload("evidence/a", b"<script>1</script>", "text/html")
    async with httpx2.AsyncClient() as anyone:
        answer = await anyone.get(await files.get_url("evidence/a"))

    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-type"] == "application/octet-stream"
    with pytest.raises(InvalidInput):
        await files.get_url("evidence/a", expires_in=LONGEST + 1)


async def test_a_start_names_a_bucket_that_is_not_there(s3: str) -> None:
    """A bucket that nobody made stops the start, with its name and the setting."""
    with pytest.raises(Misconfigured, match=r"no bucket absent.*S3_BUCKET"):
        await S3FileProvider.open(keyed(s3, "absent"))
    with pytest.raises(Misconfigured, match="no bucket's name"):
        await S3FileProvider.open(keyed(s3, "not a bucket"))


async def test_no_secret_is_logged(files: S3FileProvider, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the vendor's own packages log, the secret is not in it, nor an address that is good for the file."""
    with caplog.at_level(logging.DEBUG):
        await files.upload("k", b"x", "text/plain")
        address = await files.get_url("k")

    assert SECRET not in caplog.text
    assert address not in caplog.text


async def test_a_ping_tells_of_a_bucket_that_went(bucket: Bucket) -> None:
    """A bucket that is gone later is told to whoever asks how the store is."""
    files = await S3FileProvider.open(bucket)
    await files.ping()
    httpx2.delete(f"{bucket.endpoint_url}/{bucket.name}").raise_for_status()

    with pytest.raises(Unavailable, match=f"no bucket {bucket.name}"):
        await files.ping()
    with pytest.raises(Unavailable):
        await files.download("k")
    await files.close()
