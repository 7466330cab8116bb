"""What all streams and sockets of an application share: their pace, how many a user may have, and the word to end."""

import asyncio
from collections import Counter
from contextlib import AbstractContextManager

from attrs import Factory, field, frozen

from .shares import Shares


@frozen(kw_only=True)
class Pushing:
    """Times in seconds. ``seats``: how many streams, sockets and followed turns of one user are open at once, and
    ``most`` of all users. Who has not said who they are counts by address."""

    heartbeat: float
    stopping: asyncio.Event = field(factory=asyncio.Event)  # set when the server is told to end
    seats: int = 256
    most: int = 1_000
    patience: float = 60.0  # how long a reader may leave what was sent to it unread
    longest_stream: float = 15 * 60.0  # then it ends, and its reader comes again and says again who it is
    signing_in: float = 10.0  # how long a socket may be open and nobody's
    identity_check: float = 30.0  # between two looks whether a socket's token still holds
    _shares: Shares = field(
        init=False, default=Factory(lambda self: Shares(each=self.seats, most=self.most), takes_self=True)
    )

    @property
    def taken(self) -> Counter[str]:
        return self._shares.taken

    def check_seat(self, whose: str) -> None:
        """Raises: RateLimited when this user or address has none left; Busy when nobody has."""
        self._shares.check(whose)

    def seat(self, whose: str) -> AbstractContextManager[None]:
        """Holds one of a user's or an address's, asked for with ``check_seat`` before."""
        return self._shares.held(whose)
