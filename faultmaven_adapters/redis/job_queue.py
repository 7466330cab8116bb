"""Jobs on arq: one arq queue per kind of work, JSON payloads, an id queued once at a time."""

from datetime import timedelta
from uuid import uuid4

from arq.connections import ArqRedis
from arq.constants import expires_extra_ms, in_progress_key_prefix, job_key_prefix
from arq.jobs import SerializationError, serialize_job
from arq.utils import timestamp_ms
from attrs import frozen
from redis.exceptions import ConnectionError as Broken

from faultmaven_domain.kernel.jobs import JobStatus

from ..queues import QUEUES, queue_of
from .connection import calling, matching
from .job_scripts import PUT, TAKE_BACK
from .wire import serialize

#: arq keeps no results here (or an ended id could not be queued again); this is all that is left of a job, for a while.
ENDED_KEY, ENDED_TTL = "fm:job:ended:", timedelta(hours=1)
#: Between a queue's name and its worker's, in the key by which that one says that it lives.
HEALTH = ":health:"
#: A list per queue of words to idle workers; each ends one's wait. They are worth nothing when they are old or many.
WAKE_KEY, WAKE_TTL, MOST_WORDS = "fm:wake:", timedelta(minutes=1), 100
#: A word that is there for as long as Redis keeps what it is given. With the server's own name, which each start
#: changes, it is the queue's epoch: a server that was only restarted has its file, but missed what workers told it.
EPOCH_KEY = "fm:jobs:epoch"


@frozen
class ArqJobQueue:
    _redis: ArqRedis

    async def enqueue(
        self, job_type: str, payload: dict[str, object], *, job_id: str, delay: timedelta = timedelta(0)
    ) -> str:
        """Raises: Unavailable; TypeError for what JSON cannot say."""
        try:
            job = serialize_job(job_type, (payload,), {}, None, timestamp_ms(), serializer=serialize)
        except SerializationError as error:
            raise TypeError(str(error.__cause__)) from error
        queue, wait = queue_of(job_type), delay // timedelta(milliseconds=1)
        keys = (queue, job_key_prefix + job_id, WAKE_KEY + queue)
        words = (job_id, job, expires_extra_ms + wait, wait, MOST_WORDS, WAKE_TTL // timedelta(milliseconds=1))
        async with calling(self._redis):
            try:
                await PUT.run(self._redis.execute_command, keys, *words)
            except Broken:  # perhaps after it was done, which it bears
                await PUT.run(self._redis.execute_command, keys, *words)
        return job_id

    async def take_back(self, job_id: str) -> None:
        """Raises: Unavailable."""
        async with calling(self._redis):
            await TAKE_BACK.run(self._redis.execute_command, QUEUES, job_id)

    async def epoch(self) -> str:
        """Raises: Unavailable."""
        async with calling(self._redis):
            async with self._redis.pipeline() as pipe:
                pipe.set(EPOCH_KEY, uuid4().hex, nx=True)
                pipe.get(EPOCH_KEY)
                pipe.info("server")
                _, word, server = await pipe.execute()
        return f"{server.get('run_id')} {word.decode()}"

    async def get_status(self, job_id: str) -> JobStatus:
        """Raises: Unavailable."""
        async with calling(self._redis):
            async with self._redis.pipeline() as pipe:
                pipe.exists(in_progress_key_prefix + job_id)
                pipe.exists(job_key_prefix + job_id)
                pipe.exists(ENDED_KEY + job_id)
                running, queued, ended = await pipe.execute()
        if running:
            return JobStatus.RUNNING
        if queued:
            return JobStatus.QUEUED
        return JobStatus.ENDED if ended else JobStatus.UNKNOWN


async def forget_dead_workers(redis: ArqRedis) -> int:
    """Hand the jobs of killed workers out again at once, and not after their time-out; gives how many.

    Only for the one who knows that no worker lives. Raises: Unavailable.
    """
    held = 0
    async for keys in matching(redis, in_progress_key_prefix + "*"):
        job_ids = [key.decode().removeprefix(in_progress_key_prefix) for key in keys]
        async with calling(redis):
            held += await TAKE_BACK.run(redis.execute_command, QUEUES, *job_ids)
    return held
