"""A server that keeps its files in a bucket, with the bucket out of reach for a while."""

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from faultmaven_adapters.files.s3 import S3FileProvider
from tests.e2e.server import Server
from tests.standins.door import Door, door_to
from tests.standins.s3 import KEY_ID, PART, REGION, SECRET, a_bucket, keyed

MIB = 1024 * 1024
LARGE = 60 * MIB
LOG = b"".join(
    b"2026-11-22T07:00:%02d ERROR checkout: connection refused by db-7:5432\n" % (n % 60) for n in range(400)
)


@pytest.fixture
def door(s3: str) -> Iterator[Door]:
    a_bucket(s3, "kept")
    with door_to(s3) as door:
        yield door


@pytest.fixture
def server(tmp_path: Path, door: Door) -> Iterator[Server]:
    given = {
        "MODEL_DOWNLOAD": "false",
        "LLM_PROVIDER": "extractive",
        "FILE_STORAGE": "s3",
        "S3_BUCKET": "kept",
        "S3_PREFIX": "prod",
        "S3_ENDPOINT_URL": door.url,
        "S3_REGION": REGION,
        "S3_ACCESS_KEY_ID": KEY_ID,
        "S3_SECRET_ACCESS_KEY": SECRET,
        "S3_ENCRYPTION": "AES256",
        "S3_MULTIPART_SIZE": str(PART),
        "LOG_LEVEL": "debug",
    }
    one = Server(tmp_path / "data", given)
    try:
        yield one.start()
    finally:
        one.kill()


def until(answer: Callable[[], Any]) -> Any:
    for _ in range(1_200):
        if found := answer():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_files_in_a_bucket_that_is_away_for_a_while(server: Server, s3: str, door: Door, tmp_path: Path) -> None:
    """Large uploads pass through and come back whole; while the bucket is away that is told, and nothing is lost."""
    large = tmp_path / "screen.png"
    digest = written(large)
    with httpx2.Client(base_url=server.url, timeout=60) as http:
        account = {"email": "ana@example.org", "password": "correct horse"}
        http.post("/v1/auth/register", json=account | {"full_name": "Ana"}).raise_for_status()
        token = http.post("/v1/auth/login", json=account).raise_for_status().json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        case = http.post("/v1/cases", json={"title": "Checkout is down"}).raise_for_status().json()["case_id"]

        def uploaded(name: str, content: Any) -> httpx2.Response:
            return http.post("/v1/evidence/upload", data={"case_id": case}, files={"file": (name, content)})

        before = peak_of(server)
        with large.open("rb") as file:
            dump = uploaded(large.name, file).raise_for_status().json()["evidence_id"]
        assert streamed(http, f"/v1/evidence/{dump}") == digest
        assert peak_of(server) - before < LARGE // 2

        log = uploaded("app.log", LOG).raise_for_status().json()
        until(lambda: http.get(f"/v1/jobs/{log['job_id']}").json()["status"] == "completed")
        asked = http.post(f"/v1/cases/{case}/queries", json={"message": "Who refuses the checkout?"})
        assert "db-7" in asked.raise_for_status().text
        assert asyncio.run(encryptions(s3)) == {"AES256"}

        # Away: in the middle of an upload, and for what is asked afterwards.
        door.shut_after(LARGE // 2)
        with large.open("rb") as file:
            refused = [uploaded(large.name, file)]
        refused += [uploaded("late.log", LOG), http.get(f"/v1/evidence/{log['evidence_id']}")]
        assert [(one.status_code, one.headers["retry-after"]) for one in refused] == [(503, "5")] * 3
        assert http.get("/health/ready").status_code == 503
        assert http.delete(f"/v1/evidence/{dump}").status_code == 204
        kept = keys(s3)

        door.open()
        until(lambda: http.get("/health/ready").status_code == 200)
        assert uploaded("late.log", LOG).status_code == 201
        assert http.get(f"/v1/evidence/{log['evidence_id']}").content == LOG
        until(lambda: LARGE not in sizes(s3).values())  # the job that deletes it was tried again
        assert len(kept) > len(kept & keys(s3))
    server.stop()
    said = server.log.read_text()
    assert SECRET not in said
    assert "X-Amz-Signature" not in said


def written(place: Path) -> str:
    digest = hashlib.sha256()
    with place.open("wb") as file:
        for _ in range(LARGE // MIB):
            piece = os.urandom(MIB)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def streamed(http: httpx2.Client, path: str) -> str:
    digest = hashlib.sha256()
    with http.stream("GET", path) as answer:
        for piece in answer.iter_bytes():
            digest.update(piece)
    return digest.hexdigest()


def peak_of(server: Server) -> int:
    """The most memory it had, in bytes, since this was asked before."""
    process = Path(f"/proc/{server.pid}")
    peak = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    (process / "clear_refs").write_text("5")
    assert peak is not None
    return int(peak[1]) * 1024


def sizes(s3: str) -> dict[str, int]:
    """Of all there is in the bucket."""
    listed = httpx2.get(f"{s3}/kept?list-type=2").text
    found = re.findall(r"<Key>(.*?)</Key>.*?<Size>(\d+)</Size>", listed, re.S)
    return {key: int(size) for key, size in found}


def keys(s3: str) -> set[str]:
    return set(sizes(s3))


async def encryptions(s3: str) -> set[str]:
    """Of all there is in the bucket: what S3 says to whoever has the keys."""
    files = await S3FileProvider.open(keyed(s3, "kept"))
    found = [await files._client.head_object(Bucket="kept", Key=key) for key in keys(s3)]
    await files.close()
    return {head["ServerSideEncryption"] for head in found}
