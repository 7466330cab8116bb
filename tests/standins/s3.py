"""S3 as moto plays it, in a process of its own, and what moto does not check: a signed address."""

import hashlib
import hmac
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from urllib.parse import parse_qsl, quote, urlsplit

import httpx2

from faultmaven_adapters.files.s3 import Bucket

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "a secret of S3", "eu-central-1"
#: The least S3 takes, in bytes.
PART = 5 * 1024 * 1024


@contextmanager
def s3_server() -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Its address, once it answers, and its process; it takes whatever keys it is given."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = next(line for line in process.stderr if "Running on" in line)
            Thread(target=process.stderr.read, daemon=True).start()  # it logs each request
            yield line.split()[-1], process
        finally:
            process.kill()


def a_bucket(address: str, name: str) -> Bucket:
    """One that is made there."""
    httpx2.put(f"{address}/{name}").raise_for_status()
    return keyed(address, name)


def keyed(address: str, name: str) -> Bucket:
    """One that may be there, with the keys to it."""
    return Bucket(
        name=name, endpoint_url=address, region=REGION, access_key_id=KEY_ID, secret_access_key=SECRET, part=PART
    )


def holds(address: str) -> bool:
    """Whether an address is signed with our secret and still good (AWS Signature Version 4, in the query)."""
    url = urlsplit(address)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    given = query.pop("X-Amz-Signature")
    begun = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    _, day, region, service, ending = query["X-Amz-Credential"].split("/")
    words = "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))
    request = "\n".join(("GET", url.path, words, f"host:{url.netloc}", "", "host", "UNSIGNED-PAYLOAD"))
    scope = "/".join((day, region, service, ending))
    text = "\n".join(("AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{SECRET}".encode()
    for word in (day, region, service, ending, text):
        key = hmac.digest(key, word.encode(), "sha256")
    fresh = datetime.now(UTC) < begun + timedelta(seconds=int(query["X-Amz-Expires"]))
    return hmac.compare_digest(key.hex().encode(), given.encode()) and fresh
