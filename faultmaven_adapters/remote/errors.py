"""Domain errors across a wire, and the key that two processes of one installation share."""

import hashlib
import hmac
from collections.abc import Iterator

from faultmaven_domain.kernel.errors import FaultMavenError, Unavailable


def error_body(error: FaultMavenError) -> dict[str, object]:
    """An error as JSON: ``kind`` is its class, whose ``code`` others may share."""
    retry = {"retry_after": error.retry_after} if hasattr(error, "retry_after") else {}
    return {
        "kind": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "details": {name: _plain(value) for name, value in error.details.items()},
        **retry,
    }


def error_from(body: object) -> FaultMavenError:
    """The error that was written; of a class not known here, its nearest relative by the code."""
    if not isinstance(body, dict) or not isinstance(body.get("details"), dict):
        return Unavailable("Another module answered something that is no answer.")
    known = list(_tree(FaultMavenError))
    by_name = {cls.__name__: cls for cls in reversed(known)}
    by_code = {cls.code: cls for cls in reversed(known)}
    cls = by_name.get(str(body.get("kind"))) or by_code.get(str(body.get("code")), FaultMavenError)
    retry = {"retry_after": body["retry_after"]} if "retry_after" in body else {}
    return cls(body.get("message"), **{**body["details"], **retry})


def internal_key(secret: str) -> str:
    """What modules show each other, made from the secret all processes share; tells nothing about it (RFC 2104)."""
    return hmac.new(secret.encode(), b"faultmaven: from module to module", hashlib.sha256).hexdigest()


def _tree(cls: type[FaultMavenError]) -> Iterator[type[FaultMavenError]]:
    yield cls
    for kind in cls.__subclasses__():
        yield from _tree(kind)


def _plain(value: object) -> object:
    """Details are for reading: what JSON cannot say is said in words."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
