import re

from faultmaven_domain.kernel.errors import InvalidInput

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def checked_name(collection: str) -> str:
    """A collection's name that every store takes, as it is or with a word before it. Raises: InvalidInput."""
    if not _NAME.fullmatch(collection):
        raise InvalidInput("A collection's name is letters, digits, _ and -, 64 at most.", field="collection")
    return collection
