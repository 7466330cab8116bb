"""What every Offload promises. An adapter's test class inherits this and gives `offload`."""

import asyncio
import operator
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import pytest
from attrs import define

from faultmaven_domain.kernel.errors import NotFound
from faultmaven_domain.kernel.extraction import Offload

T = TypeVar("T")


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


def lengths(pieces: Iterator[bytes], factor: int) -> Iterator[int]:
    for piece in pieces:
        yield factor * len(piece)


def first_and_rest(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces)
    yield b"".join(pieces)


def refusing_the_second(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces)
    refuse(next(pieces).decode())


def doubled_for_ever(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        while True:
            yield piece * 2


@define
class Source:
    """Pieces that tell how many were fetched, and whether their source was closed."""

    pieces: tuple[bytes, ...]
    fetched: int = 0
    closed: bool = False

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            for piece in self.pieces:
                self.fetched += 1
                yield piece
        finally:
            self.closed = True


async def all_of(values: AsyncIterable[T], given: list[T]) -> None:
    async for value in values:
        given.append(value)


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

    async def test_pipes_pieces(self, offload: Offload) -> None:
        """What a generator makes of pieces comes as it is made, in its order; empty pieces are none."""
        source = Source((b"one", b"", b"three", b""))

        assert [value async for value in offload.pipe(lengths, source, 2)] == [6, 10]
        assert [value async for value in offload.pipe(lengths, Source(()), 2)] == []
        assert source.closed

    async def test_pipes_much(self, offload: Offload) -> None:
        """Megabytes go through, in pieces of any size."""
        pieces = tuple(bytes([n]) * n * 100_000 for n in range(1, 20))

        assert [pieces[0], b"".join(pieces[1:])] == [
            part async for part in offload.pipe(first_and_rest, Source(pieces))
        ]

    async def test_fetches_no_piece_before_its_time(self, offload: Offload) -> None:
        """A piece waits in its source until it is asked for, and so does what is given until it is taken."""
        source = Source(tuple(b"piece" for _ in range(100)))
        async with aclosing(offload.pipe(lengths, source, 1)) as values:
            assert [await anext(values), await anext(values)] == [5, 5]
            assert source.fetched == 2
        assert source.closed

    async def test_a_pipe_gives_the_exception(self, offload: Offload) -> None:
        """What the function raises in the middle, or the pieces do, is raised by the pipe, and the next call works."""
        given: list[bytes] = []
        source = Source((b"first", b"needle", b"third"))
        with pytest.raises(NotFound, match=r"There is no needle\."):
            await all_of(offload.pipe(refusing_the_second, source), given)

        async def broken() -> AsyncGenerator[bytes, None]:
            yield b"first"
            raise NotFound("There is no second.")

        with pytest.raises(NotFound, match=r"There is no second\."):
            await all_of(offload.pipe(refusing_the_second, broken()), given)
        assert (given, source.fetched, source.closed) == ([b"first", b"first"], 2, True)
        assert await offload.run(operator.floordiv, 1, 1) == 1

    async def test_pipes_take_turns_with_calls(self, offload: Offload) -> None:
        """Many pipes and calls together each get what is theirs."""

        async def piped(n: int) -> list[int]:
            return [value async for value in offload.pipe(lengths, Source((b"x",) * n), n)]

        results = await asyncio.gather(
            *(piped(n) for n in range(20)), *(offload.run(operator.neg, n) for n in range(20))
        )

        assert results == [*([n] * n for n in range(20)), *(-n for n in range(20))]

    async def test_a_pipe_may_be_left(self, offload: Offload) -> None:
        """Who has enough closes it, also one that would never end, and the next call works."""
        for _ in range(5):
            async with aclosing(offload.pipe(doubled_for_ever, Source((b"a", b"b")))) as values:
                assert await anext(values) == b"aa"
        assert await offload.run(len, "abc") == 3
