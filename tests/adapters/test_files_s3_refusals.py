"""What S3 and its like refuse, and what is made of it: a stand-in refuses on demand, as no real server does."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from attrs import define
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from faultmaven_adapters.files.s3 import Bucket, S3FileProvider
from faultmaven_adapters.system import SystemClock
from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured, StorageFull, Unavailable
from tests.standins.running import running
from tests.standins.s3 import PART, keyed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@define
class Playing:
    """A store that does what it is told until it is given what to refuse with."""

    refusal: tuple[int, str] | None = None
    cut: bool = False
    keys: tuple[str, ...] = ()
    only: str | None = None  # the one method that is refused

    async def answer(self, request: Request) -> Response:
        if self.cut and request.method == "GET":
            return StreamingResponse(self._half(), headers={"Content-Length": "1000"})
        if self.refusal is not None and self.only in {None, request.method}:
            status, code = self.refusal
            body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>" if code else ""
            return Response(body if request.method != "HEAD" else "", status, media_type="application/xml")
        if "list-type" in request.query_params:
            return Response(self._page(request.query_params.get("continuation-token")))
        return Response(status_code=204 if request.method == "DELETE" else 200, headers={"ETag": '"e"'})

    def _page(self, token: str | None) -> str:
        """Four keys at a time."""
        begin = int(token or 0)
        keys = self.keys[begin : begin + 4]
        listed = (
            f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>" for key in keys
        )
        more = begin + 4 < len(self.keys)
        following = f"<NextContinuationToken>{begin + 4}</NextContinuationToken>" if more else ""
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return f"<ListBucketResult>{truncated}{following}{''.join(listed)}</ListBucketResult>"

    @staticmethod
    async def _half() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the store went")


@pytest.fixture(scope="module")
def player() -> Playing:
    return Playing()


@pytest.fixture(scope="module")
def played(player: Playing) -> Iterator[Bucket]:
    methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    with running(Starlette(routes=[Route("/{key:path}", player.answer, methods=methods)])) as address:
        yield keyed(address, "played")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(played: Bucket) -> AsyncIterator[S3FileProvider]:
    """Opening takes a tenth of a second, so one is shared."""
    files = await S3FileProvider.open(played)
    yield files
    await files.close()


@pytest.fixture
def playing(player: Playing) -> Playing:
    """One that has nothing to refuse yet."""
    player.__init__()  # type: ignore[misc]
    return player


@pytest.fixture
def files(playing: Playing, opened: S3FileProvider) -> S3FileProvider:
    return opened


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (507, "XMinioStorageFull", StorageFull),
        (403, "QuotaExceeded", StorageFull),
        (507, "", StorageFull),
        (403, "AccessDenied", Unavailable),
        (404, "NoSuchBucket", Unavailable),
        (404, "NoSuchUpload", Unavailable),
        (400, "SomethingNew", Unavailable),
    ],
)
async def test_a_refused_upload_says_why(
    playing: Playing, files: S3FileProvider, status: int, code: str, told: type[FaultMavenError]
) -> None:
    """A store that is full is told apart from one that does not work, in one request and in parts."""
    playing.refusal = status, code

    uploads = [files.upload("k", data, "text/plain") for data in (b"short", b"x" * PART)]
    assert {type(one) for one in await asyncio.gather(*uploads, return_exceptions=True)} == {told}


@pytest.mark.parametrize("code", ["NoSuchBucket", "AccessDenied", "SlowDown"])
async def test_what_cannot_be_read_is_not_said_to_be_missing(
    playing: Playing, files: S3FileProvider, code: str
) -> None:
    """A refusal is no proof that a file is gone."""
    playing.refusal = 503 if code == "SlowDown" else 403, code

    doing = (files.download("k"), files.delete("k"), files.get_url("k"), files.ping())
    assert {type(one) for one in await asyncio.gather(*doing, return_exceptions=True)} == {Unavailable}


async def test_lists_more_keys_than_a_page_has(playing: Playing, files: S3FileProvider) -> None:
    """A store tells so many keys at a time; all are found."""
    playing.keys = tuple(f"k{number}" for number in range(10))

    assert await files.keys("", older_than=SystemClock().now()) == list(playing.keys)


async def test_a_download_that_is_cut_off_is_not_whole(playing: Playing, files: S3FileProvider) -> None:
    """Half of a file is never taken for all of it."""
    playing.cut = True

    with pytest.raises(Unavailable):
        await files.download("k")


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("AccessDenied", "must be allowed"),
        ("InvalidAccessKeyId", "S3_ACCESS_KEY_ID"),
        ("SignatureDoesNotMatch", "S3_SECRET_ACCESS_KEY"),
        ("AuthorizationHeaderMalformed", "S3_REGION"),
        ("NotImplemented", "S3_ENCRYPTION"),
        ("RequestTimeTooSkewed", "clock"),
        ("KMS.NotFoundException", "S3_KMS_KEY_ID"),
    ],
)
async def test_a_start_says_what_to_mend(playing: Playing, played: Bucket, code: str, named: str) -> None:
    """What a setting can mend stops the start, and names it."""
    playing.refusal = 403, code

    with pytest.raises(Misconfigured, match=named):
        await S3FileProvider.open(played)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_start_sees_that_all_is_allowed(playing: Playing, played: Bucket, method: str) -> None:
    """Who may not list, write or delete is told at the start, and not by the first upload."""
    playing.refusal, playing.only = (403, "AccessDenied"), method

    with pytest.raises(Misconfigured, match="bucket played"):
        await S3FileProvider.open(played)
