"""Where files are kept, as the settings say."""

from typing import TYPE_CHECKING

from faultmaven_domain.kernel.files import FileProvider

from .extras import needed
from .opening import Opening
from .settings import FileStorage, S3Encryption, Settings

if TYPE_CHECKING:
    from .files.s3 import Bucket


async def add_files(opening: Opening, secret: str) -> None:
    """Raises: Misconfigured; Unavailable."""
    settings = opening.settings
    signer = opening.sign_files(secret.encode())
    if settings.file_storage is FileStorage.S3:
        needed("s3", "s3fs")
        from .files.s3 import S3FileProvider

        bucket = await S3FileProvider.open(s3_bucket(settings))
        opening.add(FileProvider, bucket)
        opening.watch("files", bucket)
    else:
        from .files.local import LocalFileProvider

        folder = LocalFileProvider(settings.under(settings.file_storage_path), signer)
        opening.add(FileProvider, folder)
        opening.watch("files", folder)


def s3_bucket(settings: Settings) -> "Bucket":
    from .files.s3 import Bucket

    assert settings.s3_bucket is not None  # the settings' check
    prefix = settings.s3_prefix.strip("/")
    return Bucket(
        name=settings.s3_bucket,
        prefix=f"{prefix}/" if prefix else "",
        endpoint_url=settings.s3_endpoint_url,
        region=settings.s3_region,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
        encryption=None if settings.s3_encryption is S3Encryption.NONE else settings.s3_encryption.value,
        kms_key_id=settings.s3_kms_key_id,
        part=settings.s3_multipart_size,
    )
