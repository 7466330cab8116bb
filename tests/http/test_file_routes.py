from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import AsyncClient

from faultmaven_adapters.library import FaultMaven


async def test_a_signed_address_gives_the_file(anyone: AsyncClient, fm: FaultMaven) -> None:
    """To whoever has it, without a token, to be saved and not shown."""
    await fm.files.upload("evidence/file_1", b"<script>1</script>", "text/html")
    address = urlsplit(await fm.files.get_url("evidence/file_1"))

    answer = await anyone.get(f"/files/evidence/file_1?{address.query}")

    assert answer.content == b"<script>1</script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("changed", ["expires", "signature", "key"])
async def test_an_address_that_was_changed_is_refused(anyone: AsyncClient, fm: FaultMaven, changed: str) -> None:
    """Another key, a later time, another signature: 403, and not whether there is such a file."""
    await fm.files.upload("evidence/file_1", b"x", "text/plain")
    query = parse_qs(urlsplit(await fm.files.get_url("evidence/file_1")).query)
    parts = {"expires": query["expires"][0], "signature": query["signature"][0], "key": "evidence/file_1"}
    parts[changed] = {"expires": "99999999999", "signature": "é0", "key": "evidence/file_2"}[changed]

    answer = await anyone.get(f"/files/{parts.pop('key')}", params=parts)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")


async def test_an_expired_address_is_refused(anyone: AsyncClient, fm: FaultMaven) -> None:
    """After its time the same address gives nothing."""
    await fm.files.upload("evidence/file_1", b"x", "text/plain")
    address = urlsplit(await fm.files.get_url("evidence/file_1", expires_in=-1))

    assert (await anyone.get(f"/files/evidence/file_1?{address.query}")).status_code == 403


async def test_a_file_that_was_deleted_is_not_found(anyone: AsyncClient, fm: FaultMaven) -> None:
    """A good address of a file that is gone is 404."""
    await fm.files.upload("evidence/file_1", b"x", "text/plain")
    address = urlsplit(await fm.files.get_url("evidence/file_1"))
    await fm.files.delete("evidence/file_1")

    answer = await anyone.get(f"/files/evidence/file_1?{address.query}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "FILE_NOT_FOUND")


@pytest.mark.parametrize("query", ["", "expires=1", "signature=a", "expires=soon&signature=a"])
async def test_an_address_needs_both_parts(anyone: AsyncClient, invalid: int, query: str) -> None:
    """What is missing is named."""
    answer = await anyone.get(f"/files/evidence/file_1?{query}")

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] in {"expires", "signature"}
