from typing import Generic, TypeVar

from attrs import frozen

from .errors import InvalidInput

T = TypeVar("T")
LARGEST_PAGE = 100


@frozen(kw_only=True)
class Page(Generic[T]):
    """``items`` of a list of ``total``, from ``offset`` on."""

    items: tuple[T, ...]
    total: int
    limit: int
    offset: int


def check_paging(limit: int, offset: int, *, largest: int = LARGEST_PAGE) -> None:
    """Raises: InvalidInput naming the field."""
    if not 1 <= limit <= largest:
        raise InvalidInput(f"limit is a number from 1 to {largest}.", field="limit")
    if not 0 <= offset <= 2**53:
        raise InvalidInput("offset is a number from 0 on.", field="offset")
