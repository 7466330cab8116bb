"""What every Offload promises. An adapter's test class inherits this and gives `offload`."""

import asyncio
import operator
import time
from pathlib import Path

import pytest

from faultmaven_domain.kernel.errors import NotFound
from faultmaven_domain.kernel.extraction import Offload


def refuse(what: str) -> None:
    raise NotFound(f"There is no {what}.", what=what)


def answered(question: str, answer: str) -> str:
    """Write the one file, and wait for the other as a worker waits for anything outside."""
    Path(question).write_text("?")
    for _ in range(3000):
        if Path(answer).exists():
            return Path(answer).read_text()
        time.sleep(0.01)
    return "nobody answered"


async def until_exists(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.005)


class OffloadContract:
    @pytest.fixture
    def offload(self) -> Offload:
        raise NotImplementedError

    async def test_gives_the_result(self, offload: Offload) -> None:
        """What the function returns for its arguments comes back, whatever it is."""
        assert await offload.run(operator.add, 2, 3) == 5
        assert await offload.run(dict, [("a", [1, None])]) == {"a": [1, None]}

    async def test_carries_much(self, offload: Offload) -> None:
        """Megabytes go there and back."""
        data = bytes(range(256)) * 40_000

        assert data[::-1] == await offload.run(operator.getitem, data, slice(None, None, -1))

    async def test_gives_the_exception(self, offload: Offload) -> None:
        """What the function raises is raised by the call, type, message, details and all, and the next call works."""
        with pytest.raises(NotFound, match=r"There is no needle\.") as caught:
            await offload.run(refuse, "needle")
        assert caught.value.details == {"what": "needle"}
        with pytest.raises(ZeroDivisionError):
            await offload.run(operator.floordiv, 1, 0)
        assert await offload.run(operator.floordiv, 1, 1) == 1

    async def test_takes_many_at_once(self, offload: Offload) -> None:
        """Calls under way together each get their own result."""
        results = await asyncio.gather(*(offload.run(operator.mul, n, n) for n in range(100)))

        assert [n * n for n in range(100)] == results

    async def test_leaves_the_event_loop_free(self, offload: Offload, tmp_path: Path) -> None:
        """While a function waits, the loop turns: it can even do what the function waits for."""
        question, answer = tmp_path / "question", tmp_path / "answer"
        call = asyncio.create_task(offload.run(answered, str(question), str(answer)))
        await until_exists(question)
        answer.write_text("42")

        assert await call == "42"

    async def test_goes_on_after_a_cancelled_call(self, offload: Offload, tmp_path: Path) -> None:
        """Who is no longer waited for does not answer the next."""
        question, answer = tmp_path / "question", tmp_path / "answer"
        call = asyncio.create_task(offload.run(answered, str(question), str(answer)))
        await until_exists(question)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        answer.write_text("late")

        assert await asyncio.gather(*(offload.run(operator.add, n, 0) for n in range(3))) == [0, 1, 2]
