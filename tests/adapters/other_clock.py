"""A host whose clock is an hour ahead, and one whose clock is an hour behind: ``python -m tests.adapters.other_clock
SOCKET`` is both by turns, asks for jobs and does them, and prints what was done in which order.

It is a process of its own, for a process has one clock; whoever imports this has the right one.
"""

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

HOUR = 3_600.0
HANGS = 20


async def main(place: Path) -> None:
    right, wrong = time.time, 0.0
    time.time = lambda: right() + wrong  # before anything that asks it is imported

    from faultmaven_adapters.queues import TURNS
    from faultmaven_adapters.redis.connection import close, connect
    from faultmaven_adapters.redis.job_queue import ArqJobQueue
    from faultmaven_adapters.redis.serving import serving
    from faultmaven_adapters.redis.worker import arq_worker, work
    from faultmaven_domain.kernel.job_desk import TryAgain

    turn = "jobs.chat_turn"
    done: list[str] = []
    client = connect(place)
    queue = ArqJobQueue(client)

    async def handler(kind: str, payload: dict[str, Any], job_id: str) -> None:
        nonlocal wrong
        done.append(job_id)
        if done.count(job_id) == 1:
            raise TryAgain(timedelta(seconds=0.2 if job_id == "ahead" else 0))
        if len(done) == 4:  # the clock is set while a worker runs
            wrong -= HOUR
        while not (await serving(place))[TURNS]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async with asyncio.timeout(HANGS):
        wrong = HOUR
        await queue.enqueue(turn, {}, job_id="ahead")
        wrong = -HOUR
        await queue.enqueue(turn, {}, job_id="behind")
        await queue.take_back("behind")
        worker = arq_worker(
            handler, address=place, queue=TURNS, timeouts={turn: timedelta(minutes=1)}, concurrency=1, burst=True
        )
        await work(worker)
    await close(client)
    sys.stdout.write(" ".join(done))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
