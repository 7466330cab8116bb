"""How much may wait to be done. What is asked for beyond that is refused while it can still be: nothing is stored."""

from collections.abc import Mapping

from attrs import field, frozen

from .errors import Busy
from .events import Message
from .unit_of_work import UnitOfWork

#: Seconds after which it is worth asking again.
TRY_AGAIN = 15


class QueueFull(Busy):
    """Too much of this kind waits to be done; ask again in a while."""

    code = "QUEUE_FULL"


@frozen
class Backlog:
    """``most``: how many jobs of a module may wait when one more of a topic is asked for; unnamed topics are not held
    back, as what follows from something done already must follow."""

    most: Mapping[str, int] = field(factory=dict)

    async def check(self, unit: UnitOfWork, message: type[Message], *, owner_id: str) -> None:
        """Asked in the transaction that is to write the job. Raises: QueueFull.

        Nobody has more that wait than may still come of all others: so one alone fills half, and there is room for a
        newcomer however much somebody asked for (a dynamic threshold, as switches share their buffers).
        """
        most = self.most.get(message.topic)
        if most is None:
            return
        left = most - await unit.jobs.waiting(most=most)
        if left <= 0:
            raise QueueFull(retry_after=TRY_AGAIN, limit=most)
        if 2 * left <= most and await unit.jobs.waiting(most=most, owner_id=owner_id) >= left:
            raise QueueFull("Much of yours waits to be done; ask again in a while.", retry_after=TRY_AGAIN, limit=left)

    async def spare(self, unit: UnitOfWork, message: type[Message], *, most: int) -> int:
        """How many jobs the server may ask for by itself, until ``most`` wait in all: of what may wait a quarter at
        the most, or one, so that the door stays open for what people ask for."""
        if message.topic in self.most:
            most = max(1, min(most, self.most[message.topic] // 4))
        return most - await unit.jobs.waiting(most=most)


UNBOUNDED = Backlog()
