"""Requests that come again, one after the other and at once: who does the work, who waits, and what is kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from attrs import evolve
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.responses import Response as Answer

from faultmaven_adapters.files.signing import UrlSigner
from faultmaven_adapters.memory.reply_store import MemoryReplyStore
from faultmaven_adapters.system import SystemClock
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.idempotency import KeyInUse, KeyReused
from faultmaven_http.errors import refused
from faultmaven_http.idempotency import LARGEST_KEPT, Keyed, Replays, fingerprint_of
from faultmaven_http.wire import V1


def a_request(key: str = "k", *, caller: str = "user:ana", address: str = "/v1/cases", secret: bytes = b"s") -> Keyed:
    return Keyed(
        caller=caller, address=f"POST {address}", key=key, sign=UrlSigner("http://x", secret, SystemClock()).name
    )


async def here() -> bool:
    return False


async def done() -> Answer:
    return JSONResponse({"done": True}, 201)


async def test_ids_are_of_caller_key_and_address() -> None:
    """The same for the same; another for another user, key, address, kind, number, or server's secret."""
    others = [
        a_request("l"),
        a_request(caller="user:bob"),
        a_request(address="/api/v1/cases"),
        a_request(secret=b"t"),
        a_request("k\n", caller="user:ana"),
    ]
    ids = [keyed.id_for("case") for keyed in (a_request(), *others)]

    assert a_request().id_for("case") == ids[0]
    assert a_request().job_id() == a_request().job_id()
    assert len({*ids, a_request().id_for("case", 1), a_request().id_for("ev").replace("ev", "case")}) == len(ids) + 2
    assert len({keyed.job_id() for keyed in (a_request(), *others)}) == len(ids)
    assert len({keyed.name for keyed in (a_request(), *others)}) == len(ids)


async def test_one_that_takes_long_is_waited_for() -> None:
    """The second has the answer of the first as soon as it is there, and does not begin by itself."""
    replays, going, may_end, done_by = Replays(store=MemoryReplyStore()), asyncio.Event(), asyncio.Event(), []

    async def slowly(who: str) -> Answer:
        done_by.append(who)
        going.set()
        await may_end.wait()
        return JSONResponse({"by": who})

    first = asyncio.create_task(replays.answered(a_request(), "f", lambda: slowly("first"), gone=here))
    await going.wait()
    second = asyncio.create_task(replays.answered(a_request(), "f", lambda: slowly("second"), gone=here))
    await asyncio.sleep(0.1)
    assert not second.done()
    may_end.set()

    assert (await first).body == (await second).body
    assert done_by == ["first"]


async def test_that_it_goes_on_is_kept_where_it_was_heard() -> None:
    """Who left before a 202 comes again for the answer itself, and has that from then on."""
    replays, answers = Replays(store=MemoryReplyStore()), iter([202, 202, 200, 200])

    async def next_one() -> Answer:
        status = next(answers)
        return JSONResponse({"status": status}, status)

    async def left() -> bool:
        return True

    for gone, status in ((left, 202), (here, 202), (here, 202)):
        assert (await replays.answered(a_request(), "f", next_one, gone=gone)).status_code == status
    for gone in (left, here):  # any other answer is kept, heard or not
        assert (await replays.answered(a_request("l"), "f", next_one, gone=gone)).status_code == 200
    assert next(answers) == 200


async def test_who_waited_too_long_is_told() -> None:
    """409 with a time after which to come again; who has left is not waited for either."""
    replays, never = Replays(store=MemoryReplyStore(), longest_wait=0.05), asyncio.Event()

    async def hanging() -> Answer:
        await never.wait()
        raise AssertionError

    async def gone() -> bool:
        return True

    first = asyncio.create_task(replays.answered(a_request(), "f", hanging, gone=here))
    await asyncio.sleep(0)
    with pytest.raises(KeyInUse) as late:
        await replays.answered(a_request(), "f", done, gone=here)
    async with asyncio.timeout(20):
        with pytest.raises(KeyInUse):
            await evolve(replays, longest_wait=1_000).answered(a_request(), "f", done, gone=gone)
    with pytest.raises(KeyReused):
        await replays.answered(a_request(), "g", done, gone=here)
    first.cancel()
    await asyncio.wait({first})

    answer = refused(late.value, V1)
    assert (answer.status_code, answer.headers["x-error-code"]) == (409, "IDEMPOTENCY_KEY_IN_USE")
    assert int(answer.headers["retry-after"]) > 0


async def failing() -> Answer:
    raise InvalidInput


async def broken() -> Answer:
    raise ZeroDivisionError


async def too_many() -> Answer:
    return JSONResponse({}, 429)


async def a_file() -> Answer:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"

    return StreamingResponse(pieces())


async def huge() -> Answer:
    return Answer(b"x" * (LARGEST_KEPT + 1))


@pytest.mark.parametrize("first", [failing, broken, too_many, a_file, huge])
async def test_what_is_not_kept_leaves_the_key_free(first: Callable[[], Awaitable[Answer]]) -> None:
    """An error, a fault, a file, an answer that is too large: the next one is done, also with another body."""
    replays = Replays(store=MemoryReplyStore())
    with suppress(InvalidInput, ZeroDivisionError):
        await replays.answered(a_request(), "f", first, gone=here)

    second = await replays.answered(a_request(), "g", done, gone=here)
    assert (second.status_code, "idempotency-replayed" in second.headers) == (201, False)


async def test_one_that_is_called_off_leaves_the_key_free() -> None:
    """A request that is cancelled, as at a shutdown, holds up nobody, not even for the rest of its lease."""
    replays, going, never = Replays(store=MemoryReplyStore()), asyncio.Event(), asyncio.Event()

    async def hanging() -> Answer:
        going.set()
        await never.wait()
        raise AssertionError

    first = asyncio.create_task(replays.answered(a_request(), "f", hanging, gone=here))
    await going.wait()
    first.cancel()
    await asyncio.wait({first})

    assert first.cancelled()
    assert (await replays.answered(a_request(), "g", done, gone=here)).status_code == 201


async def test_a_lease_is_renewed_while_it_is_needed() -> None:
    """A request that takes longer than a lease is not begun by another meanwhile."""
    replays = Replays(store=MemoryReplyStore(), lease=timedelta(seconds=1.2))
    begun = []

    async def slowly() -> Answer:
        begun.append(1)
        await asyncio.sleep(2)
        return JSONResponse({})

    answers = await asyncio.gather(*(replays.answered(a_request(), "f", slowly, gone=here) for _ in range(2)))

    assert len(begun) == 1
    assert sorted("idempotency-replayed" in answer.headers for answer in answers) == [False, True]


async def test_a_dead_servers_key_is_free_again() -> None:
    """What a killed process claimed is another's once its lease is over."""
    store = MemoryReplyStore()
    going, never = asyncio.Event(), asyncio.Event()

    async def hanging() -> Answer:
        going.set()
        await never.wait()
        raise AssertionError

    dead = Replays(store=store, lease=timedelta(milliseconds=30))
    first = asyncio.create_task(dead.answered(a_request(), "f", hanging, gone=here))
    await going.wait()
    # It renews no more: its task is stopped where a killed process would be.
    renewing = next(task for task in asyncio.all_tasks() if "_renew" in repr(task.get_coro()))
    renewing.cancel()

    second = await Replays(store=store).answered(a_request(), "f", done, gone=here)
    assert "idempotency-replayed" not in second.headers
    first.cancel()
    await asyncio.wait({first})
    third = await Replays(store=store).answered(a_request(), "f", done, gone=here)
    assert third.headers["idempotency-replayed"] == "true"


async def test_a_secret_answer_is_not_kept() -> None:
    """One at a time, and each anew."""
    replays, made = Replays(store=MemoryReplyStore()), []

    async def token() -> Answer:
        made.append(1)
        await asyncio.sleep(0)
        return JSONResponse({"token": len(made)})

    answers = await asyncio.gather(
        *(replays.answered(a_request(), "f", token, gone=here, keeps=False) for _ in range(3))
    )

    assert sorted(bytes(answer.body) for answer in answers) == [b'{"token":1}', b'{"token":2}', b'{"token":3}']


async def test_of_the_headers_those_are_kept_that_matter() -> None:
    """The address and what the answer says of itself; not the length, and nothing about the connection."""
    replays = Replays(store=MemoryReplyStore())

    async def answer() -> Answer:
        return Answer(
            b"{}", 202, {"Location": "/j", "X-Title-Source": "llm", "Connection": "close"}, "application/json"
        )

    await replays.answered(a_request(), "f", answer, gone=here)
    again = await replays.answered(a_request(), "f", answer, gone=here)

    assert dict(again.headers) == {
        "location": "/j",
        "x-title-source": "llm",
        "content-type": "application/json",
        "idempotency-replayed": "true",
        "content-length": "2",
    }


async def test_values_that_look_alike_are_told_apart() -> None:
    """A number is no string, nothing is no empty text, and a list is not its only element."""
    bodies = [{}, {"a": None}, {"a": ""}, {"a": "1"}, {"a": 1}, {"a": ["1"]}, {"a": True}, {"a": {"1": ""}}, None]

    assert len({await fingerprint_of(body) for body in bodies}) == len(bodies)


def test_a_key_is_of_a_requests_header() -> None:
    """None without one."""
    scope = {"type": "http", "method": "POST", "path": "/v1/cases", "headers": []}

    assert Keyed.of(Request(scope), caller="user:ana", sign=UrlSigner("http://x", b"s", SystemClock()).name) is None
