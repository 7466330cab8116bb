"""What a provider promises whose model is a vendor's, over HTTP, on good days and bad ones.

A test class inherits this beside the port's own suite and gives `vendor`; every test is run over a stand-in.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
from attrs import define, frozen
from starlette.types import Receive, Scope, Send

from faultmaven_domain.agent import ChatResponse, LLMError, LLMRateLimited, LLMRefused, LLMTimeout, Message
from faultmaven_domain.kernel.errors import FaultMavenError
from tests.contracts.llm_provider import RUNBOOK, chatted, question, streamed
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import (
    GIVEN,
    KEY,
    MADE,
    SAID,
    Breaks,
    Fails,
    Floods,
    Garbles,
    Reply,
    Says,
    Stalls,
)

Ask = Callable[[Any, tuple[Message, ...]], Awaitable[ChatResponse]]
#: Makes a provider: the keys are ``address``, ``key`` and ``timeout`` (seconds).
Connect = Callable[..., Any]
ASKED = question(RUNBOOK)
either_way = pytest.mark.parametrize("ask", [chatted, streamed])


@frozen(kw_only=True)
class Vendor:
    """``provider`` takes an address, a key and a client. What a vendor's wire has no word for is False."""

    standin: Callable[[], StandIn]
    provider: Callable[[str, str, httpx2.AsyncClient], Any]
    path: str = ""
    asks_for_a_key: bool = True
    can_refuse: bool = True
    can_filter: bool = True
    names_errors: bool = True  # inside an answer that has begun


@define
class Stage:
    """A server for many tests, each of which brings a stand-in of its own."""

    standin: StandIn | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.standin is not None
        await self.standin.app(scope, receive, send)


class VendorContract:
    @pytest.fixture(scope="class")
    @classmethod
    def stage(cls) -> Iterator[tuple[Stage, str]]:
        stage = Stage()
        with running(stage) as base:
            yield stage, base

    @pytest.fixture
    def vendor(self) -> Vendor:
        raise NotImplementedError

    @pytest.fixture
    def standin(self, vendor: Vendor) -> StandIn:
        return vendor.standin()

    @pytest.fixture
    def address(self, stage: tuple[Stage, str], standin: StandIn, vendor: Vendor) -> str:
        stage[0].standin = standin
        return stage[1] + vendor.path

    @pytest.fixture
    async def connect(self, address: str, vendor: Vendor) -> AsyncIterator[Connect]:
        async with AsyncExitStack() as stack:

            def connected(*, address: str = address, key: str = KEY, timeout: float = 30.0) -> Any:
                # Without certificates, which take longer to read than a test takes.
                provider = vendor.provider(address, key, httpx2.AsyncClient(timeout=timeout, verify=False))
                stack.push_async_callback(provider.close)
                return provider

            yield connected

    @pytest.fixture
    def llm(self, connect: Connect) -> Any:
        return connect()

    @either_way
    async def test_passes_on_what_was_counted(self, llm: Any, ask: Ask) -> None:
        """The vendor's own count of tokens is the answer's."""
        answer = await ask(llm, ASKED)

        assert (answer.input_tokens, answer.output_tokens) == (GIVEN, MADE)

    @either_way
    async def test_says_that_an_answer_was_cut_short(self, llm: Any, standin: StandIn, ask: Ask) -> None:
        """An answer that ran out of tokens is given as far as it came, and says so."""
        standin.replies.append(Says(text="The disk", ending="length"))

        answer = await ask(llm, ASKED)

        assert (answer.content, answer.stop_reason) == ("The disk", "length")

    @either_way
    async def test_says_that_the_model_refused(self, llm: Any, standin: StandIn, vendor: Vendor, ask: Ask) -> None:
        """A refusal is an answer in the model's own words."""
        if not vendor.can_refuse:
            pytest.skip("This vendor's wire has no refusal.")
        standin.replies.append(Says(text="I cannot help with that.", ending="refused"))

        answer = await ask(llm, ASKED)

        assert (answer.content, answer.stop_reason) == ("I cannot help with that.", "refused")

    @either_way
    async def test_says_that_an_answer_was_filtered(self, llm: Any, standin: StandIn, vendor: Vendor, ask: Ask) -> None:
        """What a vendor's filter left is given and called filtered, a sentence of ours where it left nothing."""
        if not vendor.can_filter:
            pytest.skip("This vendor's wire has no filter.")
        standin.replies += [Says(text="The disk", ending="filtered"), Says(text="", ending="filtered")]

        some, none = [await ask(llm, ASKED) for _ in range(2)]

        assert (some.content, some.stop_reason) == ("The disk", "filtered")
        assert (none.content.split()[-1], none.stop_reason) == ("answer.", "filtered")

    @either_way
    @pytest.mark.parametrize("text", ["", "  \n"])
    async def test_an_empty_answer_is_none(self, llm: Any, standin: StandIn, ask: Ask, text: str) -> None:
        """White space is no answer."""
        standin.replies.append(text)

        assert await _failure(ask(llm, ASKED)) is LLMError

    @either_way
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            *[(status, LLMRefused) for status in (307, 400, 401, 402, 403, 404, 413, 422)],
            *[(status, LLMError) for status in (408, 409, 500, 502, 503, 504, 529)],
            (429, LLMRateLimited),
        ],
    )
    async def test_statuses_are_errors_of_ours(
        self, llm: Any, standin: StandIn, ask: Ask, status: int, error: type[FaultMavenError]
    ) -> None:
        """What may pass, what is too much and what is final are told apart."""
        standin.replies.append(Fails(status=status))

        assert await _failure(ask(llm, ASKED)) is error

    @either_way
    @pytest.mark.parametrize(
        ("told", "wait"),
        [
            (Fails(status=429), None),
            (Fails(status=429, retry_after="3"), 3.0),
            (Fails(status=429, retry_after="soon"), None),
            (
                Fails(
                    status=429,
                    retry_after="Wed, 21 Oct 2026 07:28:30 GMT",
                    date="Wed, 21 Oct 2026 07:28:00 GMT",
                ),
                30.0,
            ),
            (Fails(status=429, retry_after="Wed, 21 Oct 2026 07:28:30 GMT"), None),
        ],
    )
    async def test_says_when_to_come_back(
        self, llm: Any, standin: StandIn, ask: Ask, told: Fails, wait: float | None
    ) -> None:
        """A rate limit carries the vendor's waiting time, by the vendor's own clock, where it says one."""
        standin.replies.append(told)

        with pytest.raises(LLMRateLimited) as raised:
            await ask(llm, ASKED)

        assert raised.value.retry_after == wait

    @either_way
    @pytest.mark.parametrize(
        ("error", "ours"), [("overloaded", LLMError), ("limited", LLMRateLimited), ("invalid", LLMRefused)]
    )
    async def test_errors_within_an_answer_are_ours(
        self, llm: Any, standin: StandIn, vendor: Vendor, ask: Ask, error: str, ours: type[FaultMavenError]
    ) -> None:
        """A stream that tells of an error half-way means the same as the status would have."""
        standin.replies.append(Breaks(after=2, error=error))
        known = ask is chatted or vendor.names_errors

        assert await _failure(ask(llm, ASKED)) is (ours if known else LLMError)

    @either_way
    @pytest.mark.parametrize("after", [0, 1, 5])
    async def test_an_answer_that_is_cut_is_none(self, llm: Any, standin: StandIn, ask: Ask, after: int) -> None:
        """A connection that ends before the answer does is a passing fault."""
        standin.replies.append(Breaks(after=after))

        assert await _failure(ask(llm, ASKED)) is LLMError

    @either_way
    @pytest.mark.parametrize(
        "reply",
        [
            Garbles(body=b""),
            Garbles(body=b"<html>boom</html>", media_type="text/html"),
            Garbles(body=b"{}"),
            Garbles(body=b"[]"),
            Garbles(body=b"null"),
            Garbles(body=b'{"boom": '),
            Garbles(body=b'{"model": 7, "choices": 7, "content": 7, "message": 7, "type": 7, "done": 7, "usage": 7}'),
            Garbles(body=bytes(range(256)), media_type="application/octet-stream"),
            Garbles(body=b"[" * 200_000),
            Garbles(body=b'{"a":' * 200_000),
            Garbles(body=b"data: boom\n\ndata: [DONE]\n\n", media_type="text/event-stream"),
            Garbles(body=b"data: 7\n\ndata: [DONE]\n\n", media_type="text/event-stream"),
            Garbles(body=b"data: {}\n\nboom\n", media_type="text/event-stream"),
            Floods(in_one_line=True),
            Floods(in_one_line=False),
        ],
        ids=lambda reply: repr(reply)[:60],
    )
    async def test_nonsense_is_no_answer(self, llm: Any, standin: StandIn, ask: Ask, reply: Reply) -> None:
        """Whatever else comes with the status of success, without an end even, is a passing fault."""
        standin.replies.append(reply)

        assert await _failure(ask(llm, ASKED)) is LLMError

    @either_way
    async def test_a_wrong_key_is_refused(self, connect: Connect, vendor: Vendor, ask: Ask) -> None:
        """A key the vendor does not take is no passing fault, for a ping neither."""
        if not vendor.asks_for_a_key:
            pytest.skip("This vendor asks for no key.")
        provider = connect(key="wrong")

        assert await _failure(ask(provider, ASKED)) is LLMRefused
        assert await _failure(provider.ping()) is LLMRefused

    @either_way
    @pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "\x00"])
    async def test_a_key_that_cannot_be_sent_is_refused(
        self, connect: Connect, vendor: Vendor, ask: Ask, key: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A key no header can hold is told to the log without being shown there."""
        if not vendor.asks_for_a_key:
            pytest.skip("This vendor asks for no key.")

        assert await _failure(ask(connect(key=key), ASKED)) is LLMRefused
        assert key not in caplog.text
        assert repr(key)[1:-1] not in caplog.text

    @either_way
    async def test_nobody_listening_is_a_passing_fault(self, connect: Connect, ask: Ask) -> None:
        """A server that is away is an LLMError, for a ping too."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            provider = connect(address=f"http://127.0.0.1:{sock.getsockname()[1]}")

            assert await _failure(ask(provider, ASKED)) is LLMError
            assert await _failure(provider.ping()) is LLMError

    @either_way
    async def test_a_server_that_takes_no_connection_times_out(self, connect: Connect, ask: Ask) -> None:
        """A connection that is not taken in time is a timeout."""
        with socket.socket() as sock, socket.socket() as first, socket.socket() as second:
            sock.bind(("127.0.0.1", 0))
            sock.listen(0)
            for waiting in (first, second):  # they fill the queue, and nobody takes them from it
                waiting.setblocking(False)
                waiting.connect_ex(sock.getsockname())

            provider = connect(address=f"http://127.0.0.1:{sock.getsockname()[1]}", timeout=0.2)
            assert await _failure(ask(provider, ASKED)) is LLMTimeout

    @either_way
    async def test_a_server_that_says_nothing_times_out(self, connect: Connect, standin: StandIn, ask: Ask) -> None:
        """No first byte in time is a timeout."""
        standin.replies += [1.0, "late"]

        assert await _failure(ask(connect(timeout=0.2), ASKED)) is LLMTimeout

    @either_way
    async def test_a_server_that_falls_silent_times_out(self, connect: Connect, standin: StandIn, ask: Ask) -> None:
        """Silence in the middle of an answer is a timeout."""
        standin.replies.append(Stalls(after=2, seconds=30.0))

        assert await _failure(ask(connect(timeout=0.2), ASKED)) is LLMTimeout

    async def test_pieces_are_given_when_they_come(self, llm: Any, standin: StandIn) -> None:
        """A piece is passed on while the next one is still being waited for."""
        standin.replies.append(Stalls(after=1, seconds=60.0))
        stream = llm.stream(ASKED)

        assert (await anext(stream)).startswith("The disk")
        await stream.aclose()

    async def test_closing_a_stream_hangs_up(self, llm: Any, standin: StandIn) -> None:
        """The vendor is not left talking to nobody."""
        standin.replies.append(Stalls(after=1, seconds=60.0))
        stream = llm.stream(ASKED)
        await anext(stream)
        await stream.aclose()

        assert await asyncio.to_thread(standin.hung_up.wait, 20)

    async def test_cancelling_a_call_hangs_up(self, llm: Any, standin: StandIn) -> None:
        """Whoever waits for a piece and is cancelled leaves no connection behind."""
        standin.replies.append(Stalls(after=1, seconds=60.0))
        begun = asyncio.Event()

        async def listen() -> None:
            async for _ in llm.stream(ASKED):
                begun.set()

        task = asyncio.create_task(listen())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await asyncio.to_thread(standin.hung_up.wait, 20)

    @either_way
    async def test_a_connection_is_used_again(self, llm: Any, standin: StandIn, ask: Ask) -> None:
        """An answer that was heard to its end leaves its connection for the next."""
        for _ in range(3):
            await ask(llm, ASKED)

        assert len(standin.callers) == 1

    @either_way
    async def test_an_answer_after_a_failure(self, llm: Any, standin: StandIn, ask: Ask) -> None:
        """No failure of one call is left over for the next."""
        standin.replies += [Fails(status=500), Breaks(after=1), Breaks(after=1, error="overloaded"), "well"]

        failures = [await _failure(ask(llm, ASKED)) for _ in range(3)]

        assert failures[:2] == [LLMError, LLMError]
        assert (await ask(llm, ASKED)).content == "well"

    @either_way
    async def test_text_that_cannot_be_stored_is_mended(self, llm: Any, standin: StandIn, ask: Ask) -> None:
        """Halves of surrogate pairs and zeros are replaced on the way out and on the way in."""
        standin.replies.append("left \ud83d, zero \x00, whole \U0001f525, ü")

        answer = await ask(llm, question(text="is \ud83d half, and \x00?"))

        assert answer.content == "left \ufffd, zero \ufffd, whole \U0001f525, ü"
        assert "is \ufffd half, and \ufffd?" in str(standin.requests[-1])

    async def test_a_ping_is_answered(self, llm: Any) -> None:
        """A well server pings without an error."""
        await llm.ping()

    async def test_its_address_is_told(self, connect: Connect, address: str) -> None:
        """The address is what it was given, a slash at its end left out."""
        assert connect(address=f"{address}/").address == address

    async def test_a_key_is_not_shown(self, connect: Connect) -> None:
        """A provider's repr keeps the key to itself."""
        provider = connect(key="sk-hidden")

        assert "sk-hidden" not in repr(provider)

    @either_way
    async def test_the_log_has_the_vendors_words(
        self, llm: Any, standin: StandIn, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What the vendor said is in the log, on one line, without the key if it repeats that."""
        standin.replies += [Fails(status=500), Garbles(body=b"data: crash\nforged\n\ncrash\n")]

        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                await _failure(ask(llm, ASKED))

        assert "boom" in caplog.text
        assert "\nforged" not in caplog.text
        assert getattr(llm, "key", None) is None or KEY not in caplog.text


async def _failure(call: Awaitable[object]) -> type[FaultMavenError]:
    """The kind of error a call ends in, which is one of ours and has no word of the vendor's."""
    with pytest.raises(FaultMavenError) as raised:
        await call
    shown = f"{raised.value.message} {raised.value.details}"
    assert not any(word in shown for word in (*SAID.split(), "html", "xxx"))
    return type(raised.value)
