"""Two HTTP processes and a worker over one PostgreSQL and one Redis: whoever asks cannot tell which one answered."""

import asyncio
import base64
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from httpx2 import AsyncClient, Response

from tests.fleet import Fleet
from tests.http.watching import Frame, frames

PASSWORD = "correct horse"
SEARCHES, DOCUMENTS = 4, 3
LIMITS = {
    "RATE_LIMITS": "true",
    "REQUESTS_PER_MINUTE": "10000",
    "UPLOADS_PER_HOUR": "10000",
    "SEARCHES_PER_MINUTE": str(SEARCHES),
    "QUEUE_LIMIT_INGESTION": str(2 * DOCUMENTS - 1),  # one user fills half
}
HANGS = 60.0


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet("team", tmp_path / "fleet", servers=2, environment=LIMITS) as fleet:
        yield fleet


@frozen
class Pair:
    """One person's way to each of the two processes."""

    one: AsyncClient
    other: AsyncClient

    @property
    def both(self) -> tuple[AsyncClient, AsyncClient]:
        return self.one, self.other

    def sign(self, token: str) -> None:
        for http in self.both:
            http.headers["Authorization"] = f"Bearer {token}"

    async def sign_in(self, name: str) -> None:
        account = {"email": f"{name}@example.org", "password": PASSWORD}
        await self.one.post("/auth/register", json=account)
        self.sign((await self.other.post("/auth/login", json=account)).json()["access_token"])


@pytest.fixture
async def pair(fleet: Fleet) -> AsyncIterator[Pair]:
    one, other = (AsyncClient(base_url=f"{url}/v1", timeout=HANGS) for url in fleet.urls)
    async with one, other:
        yield Pair(one, other)


async def test_two_processes_are_one_server(fleet: Fleet, pair: Pair) -> None:
    """Whatever one process gives or does the other knows (accounts, tokens, codes, sessions, keys, limits, files,
    documents, a turn's events from any place on, how much waits), and where one stops, its readers go on at the other.
    """
    with fleet.explained():
        await _first_admin(pair)
        await pair.sign_in("ana")
        await _codes(pair)
        await _sessions(pair)
        case_id = await _keys(pair)
        await _files(pair, case_id)
        await _documents(pair)
        await _events(pair, case_id)
        worker = fleet.working[0].pid
        os.kill(worker, signal.SIGSTOP)
        await _full(pair)
        address = await _asked(pair.one, case_id)
        await _stopped(fleet, pair, address)
        os.kill(worker, signal.SIGCONT)
        assert (await _watched(pair.other, address, after=None))[-1].event == "completed"
        await _taken_again(pair.other)


async def _first_admin(pair: Pair) -> None:
    names = [f"first{n}@example.org" for n in range(6)]
    await asyncio.gather(
        *(
            pair.both[n % 2].post("/auth/register", json={"email": name, "password": PASSWORD})
            for n, name in enumerate(names)
        )
    )
    signed_in = [await pair.one.post("/auth/login", json={"email": name, "password": PASSWORD}) for name in names]
    assert sum("admin" in answer.json()["user"]["roles"] for answer in signed_in) == 1


async def _codes(pair: Pair) -> None:
    """An OAuth code that one process gave is good at the other, once."""
    verifier = "v" * 64
    digest = hashlib.sha256(verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": "extension",
        "redirect_uri": "http://localhost:1/back",
        "state": "s",
        "scope": "openid",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    granted = await pair.one.post("/auth/oauth/authorize", json={"approved": True, **asked})
    shown = {
        "grant_type": "authorization_code",
        "code": granted.json()["code"],
        "code_verifier": verifier,
        "client_id": "extension",
        "redirect_uri": asked["redirect_uri"],
    }
    answers = [await http.post("/auth/oauth/token", json=shown) for http in (pair.other, pair.one)]
    assert [answer.status_code for answer in answers] == [200, 400], [answer.text for answer in answers]


async def _sessions(pair: Pair) -> None:
    opened = (await pair.one.post("/sessions", json={"client_id": "c1"})).json()
    found = await pair.other.get(f"/sessions/{opened['session_id']}")
    resumed = await pair.other.post("/sessions", json={"client_id": "c1"})
    assert (found.status_code, resumed.json()["session_id"]) == (200, opened["session_id"])


async def _keys(pair: Pair) -> str:
    """The same request with a key, at both at once, opens one case."""
    key = {"Idempotency-Key": "one and the same"}
    answers = await asyncio.gather(*(http.post("/cases", json={}, headers=key) for http in pair.both * 3))
    listed = (await pair.other.get("/cases")).json()
    assert {answer.json()["case_id"] for answer in answers} == {listed["cases"][0]["case_id"]}
    assert listed["total"] == 1
    return str(listed["cases"][0]["case_id"])


async def _files(pair: Pair, case_id: str) -> None:
    files = {"file": ("a.log", b"ERROR pool exhausted\n")}
    added = (await pair.one.post("/evidence", data={"case_id": case_id}, files=files)).json()
    assert (await pair.other.get(f"/evidence/{added['evidence_id']}")).content == files["file"][1]


async def _documents(pair: Pair) -> None:
    """What one is taught the other finds, and what one forgets the other does; both count one user's searches."""
    added = (await pair.one.post("/knowledge/documents", json=_document(0))).json()
    await _done(pair.other, added["job_id"])
    found = [await _search(http) for http in pair.both]
    await pair.one.delete(f"/knowledge/documents/{added['document_id']}")
    forgotten = [await _search(http) for http in reversed(pair.both)]
    assert [answer.json()["total_found"] for answer in (*found, *forgotten)] == [1, 1, 0, 0]
    assert [(await _search(http)).status_code for http in pair.both] == [429, 429]


async def _search(http: AsyncClient) -> Response:
    return await http.post("/knowledge/search", json={"query": "wombats", "search_mode": "keyword"})


def _document(n: int) -> dict[str, str]:
    return {"title": f"On wombats {n}", "content": f"Wombats dig {n} holes.", "document_type": "guide"}


async def _full(pair: Pair) -> None:
    answers = [await pair.both[n % 2].post("/knowledge/documents", json=_document(n)) for n in range(DOCUMENTS + 1)]
    full = answers.pop()
    assert {answer.status_code for answer in answers} == {201}
    assert (full.status_code, full.json()["error"]["code"]) == (503, "QUEUE_FULL")
    assert int(full.headers["retry-after"]) == full.json()["retry_after"] > 0


async def _stopped(fleet: Fleet, pair: Pair, address: str) -> None:
    """The first process ends while it is followed; the stream ends as streams do."""
    async with pair.one.stream("GET", address) as stream:
        coming = frames(stream)
        await anext(coming)
        stopping = asyncio.create_task(asyncio.to_thread(fleet.stop_server, 0))
        rest = [frame.event async for frame in coming if frame.event]
    assert (await stopping, rest) == (0, [])


async def _taken_again(http: AsyncClient) -> None:
    answer = await http.post("/knowledge/documents", json=_document(DOCUMENTS))
    async with asyncio.timeout(HANGS):
        while answer.status_code != 201:
            await asyncio.sleep(0.2)
            answer = await http.post("/knowledge/documents", json=_document(DOCUMENTS))


async def _asked(http: AsyncClient, case_id: str) -> str:
    """Where the turn's events are."""
    answer = await http.post("/agent/chat", json={"case_id": case_id, "message": "Why do checkouts fail?"})
    return f"/agent/chat/{answer.json()['job_id']}/events"


async def _events(pair: Pair, case_id: str) -> None:
    """Asked here, told there, and the rest from where the reader was is told here again."""
    address = await _asked(pair.one, case_id)
    whole = await _watched(pair.other, address, after=None)
    rest = await _watched(pair.one, address, after=whole[1].id)
    assert [frame.event for frame in whole][-1] == "completed"
    assert [(frame.id, frame.event) for frame in rest] == [(frame.id, frame.event) for frame in whole[2:]]


async def _watched(http: AsyncClient, address: str, *, after: str | None) -> list[Frame]:
    headers = {} if after is None else {"Last-Event-ID": after}
    async with asyncio.timeout(HANGS), http.stream("GET", address, headers=headers) as stream:
        return [frame async for frame in frames(stream) if frame.event]


async def _done(http: AsyncClient, job_id: str) -> None:
    job: dict[str, Any] = {"status": "processing"}
    async with asyncio.timeout(HANGS):
        while job["status"] == "processing":
            await asyncio.sleep(0.05)
            job = (await http.get(f"/jobs/{job_id}")).json()
    assert job["status"] == "completed", job
