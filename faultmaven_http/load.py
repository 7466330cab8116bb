"""What one process has in work at once, and how much it takes on: beyond that is refused before memory is gone."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from faultmaven_domain.kernel.errors import Busy

#: Bytes of each body that are not counted: no few who send a little, and slowly, are to keep the others out.
FREE = 128 * 1024
#: What a byte of text takes, of its body, its string and what is made of it. A file's is counted once: a mebibyte of it
#: is held and the rest lies in a temporary folder, which may be memory too.
TEXT = 4
#: Seconds until it is worth asking again.
TRY_AGAIN = 2


@define
class Load:
    """``most_requests`` are worked on at once, besides those whose body is still coming; of bodies ``most_bytes`` are
    held."""

    most_requests: int
    most_bytes: int
    requests: int = field(default=0, init=False)
    bytes: int = field(default=0, init=False)
    asked: Counter[str] = field(factory=Counter, init=False)  # the requests by who asks
    of: Counter[str] = field(factory=Counter, init=False)  # the bytes by whose they are

    def check(self) -> None:
        """For a request that begins. Raises: Busy."""
        if self.requests >= self.most_requests:
            raise Busy(retry_after=TRY_AGAIN, limit=self.most_requests)

    @contextmanager
    def request(self, whose: str = "") -> Iterator[None]:
        """One in work while the block runs. Nobody has more of them than are left for all others. Raises: Busy."""
        self.check()
        if self.asked[whose] >= self.most_requests - self.requests:
            raise Busy(retry_after=TRY_AGAIN, limit=self.most_requests - self.requests)
        self.requests += 1
        self.asked[whose] += 1
        try:
            yield
        finally:
            self.requests -= 1
            self.asked[whose] -= 1
            if not self.asked[whose]:
                del self.asked[whose]

    def body(self, *, text: bool) -> "Body":
        return Body(self, TEXT if text else 1)


@define
class Body:
    """One request's share, for which ``whose`` is told before any of it comes."""

    _load: Load
    _weight: int
    whose: str = ""
    _came: int = field(default=0, init=False)
    _held: int = field(default=0, init=False)

    def expect(self, count: int) -> None:
        """So many bytes are announced. Raises: Busy where there is no room for them now."""
        self._check(self._of(count))

    def take(self, count: int) -> None:
        """So many came. Raises: Busy."""
        self._came += count
        self._hold(self._of(self._came) - self._of(self._came - count))

    def was_text(self, count: int) -> None:
        """So many of a form's bytes, which were taken for a file's. Raises: Busy."""
        self._hold((TEXT - self._weight) * count if self._came > FREE else 0)

    def let_go(self) -> None:
        self._add(-self._held)

    def _of(self, count: int) -> int:
        return self._weight * max(0, count - FREE)

    def _hold(self, count: int) -> None:
        self._check(count)
        self._add(count)

    def _add(self, count: int) -> None:
        self._held += count
        self._load.bytes += count
        self._load.of[self.whose] += count
        if not self._load.of[self.whose]:
            del self._load.of[self.whose]

    def _check(self, count: int) -> None:
        """Whoever is alone may have what any request may; who has several of them, as much as is left for others."""
        others, mine = self._load.bytes - self._held, self._load.of[self.whose]
        left = self._load.most_bytes - self._load.bytes - count
        if count and ((others and left < 0) or (mine > self._held and mine + count > left)):
            raise Busy(retry_after=TRY_AGAIN)
