"""Places of which each has a share: so many at most, and never more than are left for all others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import field, frozen

from faultmaven_domain.kernel.errors import Busy, RateLimited

#: Seconds until it is worth trying again.
TRY_AGAIN = 5


@frozen(kw_only=True)
class Shares:
    """``each``: how many one user or address has at once, and ``most`` all of them."""

    each: int
    most: int
    taken: Counter[str] = field(factory=Counter, init=False)

    def check(self, whose: str) -> None:
        """However much somebody has taken, a newcomer finds a place: nobody has more than are left.

        Raises: RateLimited when this one has no share left; Busy when nobody has.
        """
        left = self.most - self.taken.total()
        if left <= 0:
            raise Busy("Too much is open here; come again.", retry_after=TRY_AGAIN, limit=self.most)
        limit = min(self.each, left)
        if self.taken[whose] >= limit:
            raise RateLimited("Too much is open at once; close some of it.", retry_after=TRY_AGAIN, limit=limit)

    @contextmanager
    def held(self, whose: str) -> Iterator[None]:
        """One of them, asked for with ``check`` before."""
        self.taken[whose] += 1
        try:
            yield
        finally:
            self.taken[whose] -= 1
            if not self.taken[whose]:
                del self.taken[whose]
