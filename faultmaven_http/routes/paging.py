from attrs import frozen

from faultmaven_domain.kernel.errors import InvalidInput


@frozen(kw_only=True)
class Paging:
    """A window of a list, by ``limit`` (1 to 100) and ``offset`` or by ``page`` (from 1 on) and ``page_size``."""

    limit: int | None = None
    offset: int | None = None
    page: int | None = None
    page_size: int | None = None

    def window(self, *, usual: int = 50, largest: int = 100) -> tuple[int, int]:
        """Limit and offset. Raises: InvalidInput."""
        if self.page_size is not None and not 1 <= self.page_size <= largest:
            raise InvalidInput(f"page_size is a number from 1 to {largest}.", field="page_size")
        limit = next((given for given in (self.limit, self.page_size) if given is not None), usual)
        if self.offset is not None or self.page is None:
            return limit, self.offset or 0
        if not 1 <= self.page <= 2**40:
            raise InvalidInput("page is a number from 1 on.", field="page")
        return limit, (self.page - 1) * limit
