"""What every ResultStore promises. An adapter's test class inherits this and gives `results`."""

import asyncio
from datetime import timedelta

import pytest

from faultmaven_domain.kernel.jobs import ResultStore


async def until_gone(results: ResultStore, job_id: str) -> None:
    async with asyncio.timeout(20):  # lest a broken one hang the suite
        while await results.get(job_id) is not None:  # noqa: ASYNC110 - it goes by itself, and tells nobody
            await asyncio.sleep(0.005)


class ResultStoreContract:
    @pytest.fixture
    def results(self) -> ResultStore:
        raise NotImplementedError

    async def test_returns_what_was_set(self, results: ResultStore) -> None:
        """A result of any JSON comes back equal; a job without one is None."""
        result: dict[str, object] = {
            "answer": "Käse \u2603 \ud800",
            "citations": [{"n": 1, "score": 0.25}],
            "none": None,
        }
        await results.set("job-1", result)

        assert result == await results.get("job-1")
        assert await results.get("job-2") is None

    async def test_keeps_a_copy(self, results: ResultStore) -> None:
        """Neither changing what was given nor what came back changes what is stored."""
        result: dict[str, object] = {"lines": 1}
        await results.set("job-1", result)
        result["lines"] = 2
        found = await results.get("job-1")
        assert found is not None
        found["lines"] = 3

        assert await results.get("job-1") == {"lines": 1}

    async def test_the_last_one_counts(self, results: ResultStore) -> None:
        """A job that was done twice has the result of the second time."""
        await results.set("job-1", {"n": 1})
        await results.set("job-1", {"n": 2})

        assert await results.get("job-1") == {"n": 2}

    async def test_forgets_after_its_time(self, results: ResultStore) -> None:
        """A short-lived result goes, one without a time of its own stays meanwhile."""
        await results.set("short", {"n": 1}, timedelta(milliseconds=20))
        await results.set("usual", {"n": 2})

        await until_gone(results, "short")
        assert await results.get("usual") == {"n": 2}

    async def test_refuses_what_json_cannot_say(self, results: ResultStore) -> None:
        """A value that is no JSON is a TypeError at once, and nothing is stored."""
        with pytest.raises(TypeError):
            await results.set("job-1", {"at": timedelta(seconds=1)})

        assert await results.get("job-1") is None
