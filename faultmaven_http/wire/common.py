"""What the wire values share: times, lists, and the shape of an error."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NewType, NotRequired, TypedDict

from attrs import frozen

from faultmaven_domain.kernel.paging import Page

#: RFC 3339 in UTC, ending in ``Z``.
Time = NewType("Time", str)
Written = Callable[[Any], Any]


def utc(at: datetime) -> Time:
    moment = at if at.tzinfo is UTC else at.astimezone(UTC)
    return Time(f"{moment.isoformat()[:-6]}Z")  # without its +00:00


def utc_or_none(at: datetime | None) -> Time | None:
    return None if at is None else utc(at)


class Listing(TypedDict):
    """The part all lists share. ``total`` and ``total_count`` are one number, and so are the two ways of paging."""

    total: int
    total_count: int
    limit: int
    offset: int
    page: int
    page_size: int
    total_pages: int
    has_more: bool


@frozen(kw_only=True)
class ListOf:
    """A page of something, under the name its caller looks for; ``beside`` goes next to it."""

    name: str
    page: Page[Any]
    beside: dict[str, object] | None = None


def page_of(items: Sequence[Any], *, limit: int, offset: int) -> Page[Any]:
    """The page of a list that is all at hand."""
    return Page(items=tuple(items[offset : offset + limit]), total=len(items), limit=limit, offset=offset)


def list_out(value: ListOf, written: Written) -> dict[str, object]:
    page = value.page
    listing = Listing(
        total=page.total,
        total_count=page.total,
        limit=page.limit,
        offset=page.offset,
        page=page.offset // page.limit + 1,
        page_size=page.limit,
        total_pages=-(-page.total // page.limit),
        has_more=page.offset + len(page.items) < page.total,
    )
    return {value.name: [written(item) for item in page.items], **listing, **(value.beside or {})}


class ErrorBody(TypedDict):
    code: str
    message: str
    details: dict[str, object]


class ErrorOut(TypedDict):
    """``detail`` repeats the message for clients that show one string; ``retry_after`` in whole seconds."""

    error: ErrorBody
    detail: str
    retry_after: NotRequired[int]


class Said(TypedDict):
    message: str
