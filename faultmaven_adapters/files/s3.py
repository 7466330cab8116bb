"""Files in a bucket of S3 or of a store that speaks as it does, through s3fs.

An object appears whole or not at all, so what is short enough goes in one request and the rest in a multipart upload,
which is ended one way or the other. One client, of the loop it was opened in, serves all calls.
"""

import asyncio
import io
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import Any

import aiohttp
from attrs import field, frozen
from botocore.exceptions import BotoCoreError, ClientError
from s3fs import S3FileSystem

from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, Misconfigured, StorageFull, Unavailable
from faultmaven_domain.kernel.files import FileMissing

from .keys import checked_key

log = logging.getLogger(__name__)
PIECE = 1024 * 1024
#: The longest a signed address can be good for, in seconds: a week is the most that Signature Version 4 allows.
LONGEST = 7 * 24 * 3600
#: In seconds; the second one between two bytes, since completing a large upload takes its time.
CONNECTING, ANSWERING = 5, 60
ATTEMPTS = 3
#: At most so many requests at a time. A download keeps its own until whoever reads it is done: there are fewer of those
#: than this, or they would hold up all else.
CONNECTIONS = 160
_ERRORS = (OSError, BotoCoreError, ClientError, aiohttp.ClientError)
#: What a code means to whoever put or asked for a file; any other is Unavailable. HEAD has only a status to tell.
_MEANINGS: dict[str, type[FaultMavenError]] = {
    "NoSuchKey": FileMissing,
    "404": FileMissing,
    "QuotaExceeded": StorageFull,
    "InsufficientStorage": StorageFull,
    "XMinioStorageFull": StorageFull,
    "XMinioAdminBucketQuotaExceeded": StorageFull,
    "507": StorageFull,
}
_KEYS = "S3 does not accept the keys; check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY."
_REGION = "The bucket {bucket} is in another region; set S3_REGION to it."
#: What a setting can mend, in words for the operator.
_MENDABLE: dict[str, str] = {
    "NoSuchBucket": "There is no bucket {bucket}; make it, or check S3_BUCKET, S3_REGION and S3_ENDPOINT_URL.",
    "InvalidBucketName": "{bucket} is no bucket's name; check S3_BUCKET.",
    "ParamValidationError": "{bucket} is no bucket's name; check S3_BUCKET.",
    "AccessDenied": "S3 denies access to the bucket {bucket}: listing, reading, writing and deleting must be allowed.",
    "AllAccessDisabled": "S3 denies all access to the bucket {bucket}.",
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": _KEYS,
    "NoCredentialsError": "There are no keys for S3; set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or give this "
    "machine a role.",
    "PartialCredentialsError": _KEYS,
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": "This machine's clock is too far from that of S3.",
    "KMS.NotFoundException": "S3 does not find the encryption key; check S3_KMS_KEY_ID.",
    "KMS.DisabledException": "The encryption key is disabled; check S3_KMS_KEY_ID.",
    "NotImplemented": "This store cannot do what is asked of it; check S3_ENCRYPTION.",
}


@frozen(kw_only=True)
class Bucket:
    """Where files lie, and how they are put there.

    ``prefix`` is empty or ends in ``/``. Without keys, those of the environment, the user's files or the machine's role
    are taken, as every tool for AWS does. ``encryption`` is S3's name for it; ``part`` is in bytes, 5 MiB at least.
    """

    name: str
    prefix: str = ""
    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    encryption: str | None = None
    kms_key_id: str | None = None
    part: int = 8 * 1024 * 1024


@frozen
class S3FileProvider:
    _bucket: Bucket
    _fs: S3FileSystem
    _client: Any

    @classmethod
    async def open(cls, bucket: Bucket) -> "S3FileProvider":
        """Bound to the running loop, and seen to list, write and delete.

        Raises: Misconfigured for what a setting can mend; Unavailable.
        """
        fs = _file_system(bucket)
        with _starting(bucket):
            files = cls(bucket, fs, await fs.set_session())
        try:
            with _starting(bucket):
                await files._look()
                probe = files._place(f".ping-{secrets.token_hex(4)}")
                await files._call("put_object", **probe, Body=b"")
                await files._call("delete_object", **probe)
        except BaseException:
            await files.close()
            raise
        return files

    async def ping(self) -> None:
        """Raises: Unavailable saying why, when the bucket cannot be listed."""
        try:
            await self._look()
        except _ERRORS as error:
            raise Unavailable(_complaint(error, self._bucket)) from error

    async def close(self) -> None:
        await self._client.close()

    async def upload(self, key: str, data: bytes | AsyncIterable[bytes], content_type: str) -> str:
        place = self._place(key)
        async with aclosing(in_parts(data, self._bucket.part)) as parts:
            first = await anext(parts)
            if first.getbuffer().nbytes < self._bucket.part:
                with self._writing(key):
                    await self._call("put_object", **place, Body=first, ContentType=content_type)
            else:
                await self._upload_parts(place, first, parts, content_type)
        return key

    async def download(self, key: str) -> bytes:
        return b"".join([piece async for piece in self.stream(key)])

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        with self._reading(key):
            answer = await self._call("get_object", **self._place(key))
        async with answer["Body"] as body:
            while True:
                with self._reading(key):
                    piece = await body.read(PIECE)
                if not piece:
                    return
                yield piece

    async def delete(self, key: str) -> bool:
        try:
            with self._reading(key):
                await self._call("head_object", **self._place(key))
        except FileMissing:
            return False
        with self._writing(key):
            await self._call("delete_object", **self._place(key))
        return True

    async def get_url(self, key: str, expires_in: int = 3600) -> str:
        """Signed by S3's own rules and answered by S3, as bytes to be saved. A week is the longest."""
        if expires_in > LONGEST:
            raise InvalidInput("An address is good for a week at most.", field="expires_in")
        place = self._place(key)
        with self._reading(key):
            await self._call("head_object", **place)
            url: str = await self._client.generate_presigned_url(
                "get_object",
                Params={
                    **place,
                    "ResponseContentDisposition": "attachment",
                    "ResponseContentType": "application/octet-stream",
                },
                ExpiresIn=expires_in,
            )
        return url

    async def keys(self, prefix: str, *, older_than: datetime) -> list[str]:
        found: list[str] = []
        place: dict[str, str] = {"Bucket": self._bucket.name, "Prefix": self._bucket.prefix + prefix}
        while True:
            with self._reading(prefix):
                page = await self._call("list_objects_v2", **place)
            found += [one["Key"] for one in page.get("Contents", ()) if one["LastModified"] < older_than]
            if not page["IsTruncated"]:
                return sorted(key.removeprefix(self._bucket.prefix) for key in found)
            place["ContinuationToken"] = page["NextContinuationToken"]

    async def _upload_parts(
        self, place: dict[str, str], first: io.BytesIO, rest: AsyncIterator[io.BytesIO], content_type: str
    ) -> None:
        key, done = place["Key"], list[dict[str, Any]]()
        # Shielded: who gives up just then would leave an upload behind whose id nobody knows.
        begun = asyncio.create_task(self._call("create_multipart_upload", **place, ContentType=content_type))
        try:
            with self._writing(key):
                upload = {**place, "UploadId": (await asyncio.shield(begun))["UploadId"]}
            part: io.BytesIO | None = first
            while part is not None:
                number = len(done) + 1
                with self._writing(key):
                    answer = await self._call("upload_part", **upload, PartNumber=number, Body=part)
                done.append({"PartNumber": number, "ETag": answer["ETag"]})
                part = await anext(rest, None)  # its errors are its own
            with self._writing(key):
                await self._call("complete_multipart_upload", **upload, MultipartUpload={"Parts": done})
        except BaseException:
            await asyncio.shield(self._abort(place, begun))
            raise

    async def _abort(self, place: dict[str, str], begun: "asyncio.Task[Any]") -> None:
        await asyncio.wait({begun})
        if begun.exception() is not None:
            return  # there is nothing to end
        try:
            await self._call("abort_multipart_upload", **place, UploadId=begun.result()["UploadId"])
        except _ERRORS as error:
            log.warning("parts of %s may stay in the bucket: %s", place["Key"], _complaint(error, self._bucket))

    async def _look(self) -> None:
        await self._call("list_objects_v2", Bucket=self._bucket.name, Prefix=self._bucket.prefix, MaxKeys=1)

    async def _call(self, verb: str, **parameters: Any) -> Any:
        return await self._fs._call_s3(verb, **parameters)

    def _place(self, key: str) -> dict[str, str]:
        checked_key(key)
        return {"Bucket": self._bucket.name, "Key": self._bucket.prefix + key}

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except _ERRORS as error:
            raise _translated(error, key, "The file store cannot be read.") from error

    @contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        try:
            yield
        except _ERRORS as error:
            raise _translated(error, key, "The file store cannot be written.") from error


def _file_system(bucket: Bucket) -> S3FileSystem:
    config: dict[str, Any] = {
        "signature_version": "s3v4",  # of addresses too: the old one knows no encryption by KMS
        "connect_timeout": CONNECTING,
        "read_timeout": ANSWERING,
        "max_pool_connections": CONNECTIONS,
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
    }
    if bucket.endpoint_url is not None:  # many a store that is not AWS refuses the checksums AWS asks for
        config |= {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    encryption = {"ServerSideEncryption": bucket.encryption, "SSEKMSKeyId": bucket.kms_key_id}
    fs = S3FileSystem(
        asynchronous=True,
        skip_instance_cache=True,
        use_listings_cache=False,
        endpoint_url=bucket.endpoint_url,
        key=bucket.access_key_id,
        secret=bucket.secret_access_key,
        client_kwargs={"region_name": bucket.region} if bucket.region else {},
        config_kwargs=config,
        s3_additional_kwargs={name: value for name, value in encryption.items() if value is not None},
    )
    fs.retries = 1  # the client has tried again already
    return fs


async def in_parts(data: bytes | AsyncIterable[bytes], size: int) -> AsyncGenerator[io.BytesIO, None]:
    """Parts of one size, but for the last: at least one, and none that is empty unless all is.

    It is one buffer, filled anew each time.
    """
    part, given = io.BytesIO(), False
    async for piece in _pieces(data):
        left = memoryview(piece)
        while left:
            if part.tell() == size:
                part.seek(0)
                yield part
                given = True
                part.seek(0)
                part.truncate()
            room = size - part.tell()
            part.write(left[:room])
            left = left[room:]
    if part.tell() or not given:
        part.seek(0)
        yield part


async def _pieces(data: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(data, bytes):
        yield data
    else:
        async for piece in data:
            yield piece


@contextmanager
def _starting(bucket: Bucket) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        known = _code(error) in _MENDABLE
        raise (Misconfigured if known else Unavailable)(_complaint(error, bucket)) from error


def _complaint(error: Exception, bucket: Bucket) -> str:
    where = f"S3 at {bucket.endpoint_url}" if bucket.endpoint_url else "S3"
    return _MENDABLE.get(_code(error), "{where} does not answer as it should.").format(bucket=bucket.name, where=where)


def _translated(error: Exception, key: str, otherwise: str) -> FaultMavenError:
    meaning = _MEANINGS.get(_code(error))
    if meaning is FileMissing:
        return FileMissing(key=key)
    return meaning() if meaning is not None else Unavailable(otherwise)


def _code(error: Exception) -> str:
    """S3's own code, where it answered, else the name of what went wrong on the way."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return str(response["Error"]["Code"]) if response else type(error).__name__
