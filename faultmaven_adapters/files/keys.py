from pathlib import PurePosixPath

from faultmaven_domain.kernel.errors import InvalidInput


def checked_key(key: str) -> tuple[str, ...]:
    """A key's parts. Raises: InvalidInput for one that would leave the store."""
    parts = PurePosixPath(key).parts
    if not parts or key.startswith("/") or {"..", "."} & {*parts} or "\0" in key:
        raise InvalidInput("The file's key is not valid.", field="key")
    return parts
