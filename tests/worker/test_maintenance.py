from datetime import timedelta

import faultmaven_adapters
from faultmaven_adapters.jobs import JOBS
from faultmaven_adapters.queues import QUEUES, queue_of
from faultmaven_worker.tasks.maintenance import CLEAN_UP, clean_up

PARKED = "messages of failed jobs"


async def test_clean_up_takes_what_nothing_refers_to() -> None:
    """A fresh upload is left alone; each step of a module says how much it removed."""
    async with faultmaven_adapters.open(None) as fm:
        await fm.files.upload("evidence/fresh", b"x", "text/plain")

        removed = [await clean_up(fm, {"module": module}) for module in ("auth", "evidence", "knowledge", "agent")]

        assert removed == [
            {"token families": 0, PARKED: 0},
            {"evidence files": 0, PARKED: 0},
            {"knowledge files": 0, PARKED: 0},
            {PARKED: 0},
        ]
        assert await fm.files.download("evidence/fresh") == b"x"
        assert await fm.files.keys("evidence/", older_than=fm.clock.now() + timedelta(seconds=1)) == ["evidence/fresh"]


def test_each_job_has_a_queue() -> None:
    """Every kind of job waits in a queue that a worker serves, and may take some time."""
    assert {queue_of(kind) for kind in (*JOBS, CLEAN_UP)} == set(QUEUES)
    assert all(job.timeout > timedelta(0) for job in JOBS.values())
