"""What every FileProvider promises. An adapter's test class inherits this and gives `files`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultmaven_adapters.files.signing import UrlSigner
from faultmaven_adapters.system import SystemClock
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.files import FileMissing, FileProvider

#: What somebody without an account gets at an address: the bytes, or None where it does not hold.
Follow = Callable[[str], Awaitable[bytes | None]]
SIGNER = UrlSigner("http://localhost:8090/v1/files", b"a secret", SystemClock())


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


class FileProviderContract:
    @pytest.fixture
    def files(self) -> FileProvider:
        raise NotImplementedError

    @pytest.fixture
    def follow(self, files: FileProvider) -> Follow:
        """How an address is followed: here those that our own server answers, of which it believes its own alone."""

        async def follow(address: str) -> bytes | None:
            url = urlsplit(address)
            key, query = unquote(url.path.removeprefix("/v1/files/")), dict(parse_qsl(url.query))
            good = SIGNER.verify(key, int(query["expires"]), query["signature"])
            return await files.download(key) if good else None

        return follow

    @pytest.fixture
    def signed(self) -> tuple[str, str]:
        """What an address calls its time and its signature."""
        return "expires", "signature"

    async def test_gives_back_what_was_put(self, files: FileProvider) -> None:
        """Bytes come back as they were, under the key they were given."""
        assert await files.upload("evidence/a", b"\x00\xff text", "text/plain") == "evidence/a"

        assert await files.download("evidence/a") == b"\x00\xff text"

    async def test_takes_a_stream(self, files: FileProvider) -> None:
        """An upload may come in pieces and is given back in pieces."""
        await files.upload("evidence/a", pieces(b"one ", b"", b"two"), "text/plain")

        assert b"".join([piece async for piece in files.stream("evidence/a")]) == b"one two"

    async def test_streams_pieces_of_bounded_size(self, files: FileProvider) -> None:
        """A large file never comes in one piece."""
        await files.upload("evidence/big", b"x" * 3_000_000, "text/plain")

        sizes = [len(piece) async for piece in files.stream("evidence/big")]

        assert sum(sizes) == 3_000_000
        assert max(sizes) <= 1024 * 1024

    async def test_replaces(self, files: FileProvider) -> None:
        """A second upload under a key replaces the first."""
        await files.upload("k", b"a longer first one", "text/plain")
        await files.upload("k", b"second", "text/plain")

        assert await files.download("k") == b"second"

    async def test_a_broken_stream_leaves_what_was_there(self, files: FileProvider) -> None:
        """An upload that fails half-way changes nothing."""

        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionError("gone")

        await files.upload("k", b"whole", "text/plain")
        with pytest.raises(ConnectionError):
            await files.upload("k", broken(), "text/plain")

        assert await files.download("k") == b"whole"
        assert await files.keys("", older_than=SystemClock().now() + timedelta(days=1)) == ["k"]

    async def test_says_that_there_is_none(self, files: FileProvider) -> None:
        """What was never put is missing for every verb."""
        with pytest.raises(FileMissing):
            await files.download("nothing")
        with pytest.raises(FileMissing):
            _ = [piece async for piece in files.stream("nothing")]
        with pytest.raises(FileMissing):
            await files.get_url("nothing")
        assert await files.delete("nothing") is False

    async def test_deletes_once(self, files: FileProvider) -> None:
        """Deleting twice is not an error, and says so."""
        await files.upload("k", b"x", "text/plain")

        assert [await files.delete("k"), await files.delete("k")] == [True, False]
        with pytest.raises(FileMissing):
            await files.download("k")

    async def test_lists_old_keys_under_a_prefix(self, files: FileProvider) -> None:
        """Keys are found by prefix and age, and nothing else is."""
        await files.upload("evidence/a", b"x", "text/plain")
        await files.upload("evidence/b/c", b"x", "text/plain")
        await files.upload("knowledge/a", b"x", "text/plain")
        now = SystemClock().now()

        assert await files.keys("evidence/", older_than=now + timedelta(minutes=1)) == ["evidence/a", "evidence/b/c"]
        assert await files.keys("evidence/", older_than=now - timedelta(minutes=1)) == []

    async def test_gives_an_address_to_whoever_has_it(self, files: FileProvider, follow: Follow) -> None:
        """An address gives the bytes without an account."""
        await files.upload("evidence/a b", b"x", "text/plain")

        assert await follow(await files.get_url("evidence/a b", expires_in=60)) == b"x"

    @pytest.mark.parametrize("changed", ["key", "time", "signature", "word"])
    async def test_an_address_holds_for_its_key_and_time_alone(
        self, files: FileProvider, follow: Follow, signed: tuple[str, str], changed: str
    ) -> None:
        """Another key, a later time or another signature and an address is worth nothing."""
        await files.upload("evidence/a b", b"x", "text/plain")
        await files.upload("evidence/a c", b"another", "text/plain")
        url = urlsplit(await files.get_url("evidence/a b", expires_in=60))
        query = dict(parse_qsl(url.query))
        time, signature = signed
        other = {
            "time": {time: str(int(query[time]) + 1)},
            "signature": {signature: f"{int(query[signature], 16) ^ 1:064x}"},
            "word": {signature: "é"},
        }.get(changed, {})
        path = url.path.replace("a%20b", "a%20c") if changed == "key" else url.path

        assert await follow(url._replace(path=path, query=urlencode(query | other, quote_via=quote)).geturl()) is None

    async def test_an_expired_address_does_not_hold(self, files: FileProvider, follow: Follow) -> None:
        """After its time an address is worth nothing."""
        await files.upload("k", b"x", "text/plain")

        assert await follow(await files.get_url("k", expires_in=-1)) is None

    @pytest.mark.parametrize("key", ["", "/etc/passwd", "../secret", "a/../../secret", "a/./b/..", "a\0b"])
    async def test_refuses_keys_that_leave_the_store(self, files: FileProvider, key: str) -> None:
        """No key reaches outside."""
        with pytest.raises(InvalidInput):
            await files.upload(key, b"x", "text/plain")

    async def test_concurrent_uploads_of_one_key_leave_one_whole(self, files: FileProvider) -> None:
        """Two writers of a key never mix."""
        bodies = [bytes([n]) * 200_000 for n in range(8)]

        await asyncio.gather(*[files.upload("k", body, "text/plain") for body in bodies])

        assert await files.download("k") in bodies

    # One store for all examples, and one suite for all adapters, are meant.
    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
        max_examples=25,
        deadline=None,
    )
    @given(data=st.binary(max_size=2_000))
    async def test_any_bytes(self, files: FileProvider, data: bytes) -> None:
        """Whatever the bytes, they come back."""
        await files.upload("any", data, "application/octet-stream")

        assert await files.download("any") == data
