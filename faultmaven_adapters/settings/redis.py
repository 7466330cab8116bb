"""Where Redis is: the address of what is kept there, and that of the queue of jobs, which needs one primary."""

from collections.abc import Iterator

from faultmaven_domain.kernel.errors import Misconfigured

from ..redis.address import Address, Form, Login, Tls, Verification, address_of
from .fields import Settings


def redis_addresses(settings: Settings) -> tuple[Address | None, Address | None]:
    """Those of REDIS_URL and of QUEUE_REDIS_URL, which is by default the same; None where Redis is private.

    Raises: Misconfigured for one that cannot be read.
    """
    kept = _address(settings, "REDIS_URL", settings.redis_url)
    return kept, _address(settings, "QUEUE_REDIS_URL", settings.queue_redis_url) or kept


def redis_problems(settings: Settings) -> Iterator[str]:
    """Why these cannot be started with."""
    if settings.redis_url is None and settings.queue_redis_url is not None:
        yield "QUEUE_REDIS_URL is for the jobs of a server that has REDIS_URL for the rest, which is not set."
    if (settings.redis_tls_cert is None) != (settings.redis_tls_key is None):
        yield "REDIS_TLS_CERT and REDIS_TLS_KEY go together: set both or neither."
    if settings.redis_sentinel_user is not None and settings.redis_sentinel_password is None:
        yield "REDIS_SENTINEL_USER needs REDIS_SENTINEL_PASSWORD."
    addresses = []
    for variable, url in (("REDIS_URL", settings.redis_url), ("QUEUE_REDIS_URL", settings.queue_redis_url)):
        try:
            addresses.append(_address(settings, variable, url))
        except Misconfigured as error:
            yield error.message
            return
    kept, queue = addresses
    if queue is not None and queue.form is Form.CLUSTER:
        yield "QUEUE_REDIS_URL is a cluster, on which the queue of jobs cannot run: name one primary, or Sentinels."
    if kept is not None and kept.form is Form.CLUSTER and queue is None:
        yield (
            "REDIS_URL is a cluster, on which the queue of jobs cannot run: set QUEUE_REDIS_URL to one primary, or to "
            "Sentinels."
        )
    if _says_of_tls(settings) and all(address is None or address.tls is None for address in addresses):
        yield "REDIS_TLS_* are set, and no address begins with rediss: what is said there would not be encrypted."


def redis_cautions(settings: Settings) -> Iterator[str]:
    """What is for the log of each start, and for the doctor: a certificate that is not looked at is somebody's word."""
    if not any(url is not None and url.startswith("rediss") for url in (settings.redis_url, settings.queue_redis_url)):
        return
    if settings.redis_tls_verify is Verification.NONE:
        yield "REDIS_TLS_VERIFY=none: whoever stands between can pass for Redis, and reads and changes all of it."
    if settings.redis_tls_verify is Verification.CA:
        yield "REDIS_TLS_VERIFY=ca: whoever has any certificate of REDIS_TLS_CA can pass for Redis."


def _address(settings: Settings, variable: str, url: str | None) -> Address | None:
    if url is None:
        return None
    tls = Tls(
        ca=None if settings.redis_tls_ca is None else settings.under(settings.redis_tls_ca),
        certificate=None if settings.redis_tls_cert is None else settings.under(settings.redis_tls_cert),
        key=None if settings.redis_tls_key is None else settings.under(settings.redis_tls_key),
        verification=settings.redis_tls_verify,
    )
    login = Login(user=settings.redis_sentinel_user, password=settings.redis_sentinel_password)
    return address_of(url, variable=variable, tls=tls, sentinel_login=login)


def _says_of_tls(settings: Settings) -> bool:
    files = (settings.redis_tls_ca, settings.redis_tls_cert, settings.redis_tls_key)
    return any(file is not None for file in files) or settings.redis_tls_verify is not Verification.FULL
