"""What all streams and sockets of an application share: their pace, how many a user may have, and the word to end."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import field, frozen

from faultmaven_domain.kernel.errors import RateLimited

#: Seconds until it is worth trying again to open one more.
TRY_AGAIN = 5


@frozen(kw_only=True)
class Pushing:
    """Times in seconds. ``seats``: how many streams, sockets and followed turns of one user are open at once."""

    heartbeat: float
    stopping: asyncio.Event = field(factory=asyncio.Event)  # set when the server is told to end
    seats: int = 256
    patience: float = 60.0  # how long a reader may leave what was sent to it unread
    longest_stream: float = 15 * 60.0  # then it ends, and its reader comes again and says again who it is
    signing_in: float = 10.0  # how long a socket may be open and nobody's
    identity_check: float = 30.0  # between two looks whether a socket's token still holds
    _taken: Counter[str] = field(factory=Counter, init=False)

    def check_seat(self, user_id: str) -> None:
        """Raises: RateLimited when the user has none left."""
        if self._taken[user_id] >= self.seats:
            raise RateLimited("Too much is open at once; close some of it.", retry_after=TRY_AGAIN, limit=self.seats)

    @contextmanager
    def seat(self, user_id: str) -> Iterator[None]:
        """Holds one of a user's, asked for with ``check_seat`` before."""
        self._taken[user_id] += 1
        try:
            yield
        finally:
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]
