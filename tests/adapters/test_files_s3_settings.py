import os
import subprocess
import sys
from pathlib import Path

import pytest

from faultmaven_adapters.files.s3 import Bucket
from faultmaven_adapters.open_files import s3_bucket
from faultmaven_adapters.settings import load_settings
from faultmaven_domain.kernel.errors import Misconfigured
from tests.standins.s3 import KEY_ID, PART, REGION, SECRET

VARIABLES = {"FILE_STORAGE": "s3", "S3_BUCKET": "b"}


def test_settings_say_all_of_it() -> None:
    """Each variable reaches the store; what is not set is left to the store or to the machine."""
    given = {
        **VARIABLES,
        "S3_ENDPOINT_URL": "https://s3.example.com",
        "S3_REGION": REGION,
        "S3_ACCESS_KEY_ID": KEY_ID,
        "S3_SECRET_ACCESS_KEY": SECRET,
        "S3_ENCRYPTION": "aws:kms",
        "S3_KMS_KEY_ID": "k1",
        "S3_MULTIPART_SIZE": str(PART),
    }

    assert s3_bucket(load_settings(VARIABLES)) == Bucket(name="b")
    assert s3_bucket(load_settings(given)) == Bucket(
        name="b",
        endpoint_url="https://s3.example.com",
        region=REGION,
        access_key_id=KEY_ID,
        secret_access_key=SECRET,
        encryption="aws:kms",
        kms_key_id="k1",
        part=PART,
    )


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"S3_BUCKET": ""}, "S3_BUCKET"),
        ({"S3_ACCESS_KEY_ID": "a"}, "S3_SECRET_ACCESS_KEY"),
        ({"S3_SECRET_ACCESS_KEY": "a"}, "S3_ACCESS_KEY_ID"),
        ({"S3_ENCRYPTION": "rot13"}, "one of none, AES256, aws:kms"),
        ({"S3_KMS_KEY_ID": "k1"}, "S3_ENCRYPTION"),
        ({"S3_KMS_KEY_ID": "k1", "S3_ENCRYPTION": "AES256"}, "S3_ENCRYPTION"),
        ({"S3_ENDPOINT_URL": "minio:9000"}, "S3_ENDPOINT_URL"),
        ({"S3_ENDPOINT_URL": "http://[::1"}, "S3_ENDPOINT_URL"),
        ({"S3_MULTIPART_SIZE": "1000"}, "S3_MULTIPART_SIZE"),
        ({"MAX_UPLOAD_BYTES": str(10_000 * PART + 1), "S3_MULTIPART_SIZE": str(PART)}, "is 5242881 at least"),
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, str], named: str) -> None:
    """What S3 would refuse later, or never use, is refused at once by its name."""
    with pytest.raises(Misconfigured, match=named):
        load_settings(VARIABLES | changed)


def test_a_start_without_keys_says_so() -> None:
    """Neither settings nor the machine have keys: the start says which to set."""
    script = """
import asyncio
from faultmaven_adapters.files.s3 import Bucket, S3FileProvider
try:
    asyncio.run(S3FileProvider.open(Bucket(name="b", endpoint_url="http://127.0.0.1:9")))
except Exception as error:
    print(type(error).__name__, error)
"""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    none = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environ, **none, "AWS_CONFIG_FILE": os.devnull, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.startswith("Misconfigured There are no keys for S3; set S3_ACCESS_KEY_ID"), done.stderr
