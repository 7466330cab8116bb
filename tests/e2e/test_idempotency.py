"""A client that asks again with its Idempotency-Key, of a server that died in between."""

import asyncio
from typing import Any

import httpx2
import pytest

from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server

KEY = {"Idempotency-Key": "opt_case_1764_1"}


@pytest.fixture
def token(server: Server) -> str:
    tour = Tour(server.url)
    tour.register()
    tour.log_in()
    found: str = tour._client.headers["Authorization"]
    tour.close()
    return found


def post(server: Server, token: str, path: str, **body: Any) -> httpx2.Response:
    with httpx2.Client(base_url=server.url, headers={"Authorization": token, **KEY}, timeout=60) as client:
        return client.post(path, **body)


def get(server: Server, token: str, path: str) -> dict[str, Any]:
    with httpx2.Client(base_url=server.url, headers={"Authorization": token}) as client:
        found: dict[str, Any] = client.get(path).json()
        return found


def forget(server: Server) -> None:
    """What Redis would have lost with its last second, and more: all it had written down."""
    for file in (server.data / "redis").rglob("*"):
        if (file.is_file() and ".aof" in file.name) or file.suffix == ".rdb":
            file.unlink()


@pytest.mark.parametrize("lost", [False, True], ids=["remembered", "forgotten"])
def test_a_case_is_opened_once(server: Server, token: str, lost: bool) -> None:
    """Killed right after its answer and started again, the server gives the same case, remembered or not."""
    first = post(server, token, "/api/v1/cases", json={"title": "Checkout fails"})
    server.kill()
    if lost:
        forget(server)
    server.start()
    second = post(server, token, "/api/v1/cases", json={"title": "Checkout fails"})

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["case_id"] == second.json()["case_id"]
    assert get(server, token, "/api/v1/cases")["total"] == 1
    if lost:
        assert "idempotency-replayed" not in second.headers


def test_a_turn_is_taken_once(server: Server, token: str) -> None:
    """Killed right after its answer, and with all of it forgotten, the server neither asks nor stores again."""
    case_id = post(server, token, "/api/v1/cases", json={}).json()["case_id"]
    form: dict[str, Any] = {"data": {"query": "Why?"}, "files": {"files": ("a.log", b"ERROR pool exhausted\n" * 50)}}
    path = f"/api/v1/cases/{case_id}/turns"
    first = post(server, token, path, **form)
    server.kill()
    forget(server)
    server.start()
    second = post(server, token, path, **form)

    assert (first.status_code, second.status_code) == (200, 200), (first.text, second.text)
    assert first.json()["turn_number"] == second.json()["turn_number"] == 1
    assert get(server, token, f"/api/v1/cases/{case_id}/messages")["total"] == 2
    assert get(server, token, f"/api/v1/evidence/case/{case_id}")["total"] == 1


async def test_fifty_at_once_are_one(server: Server, token: str) -> None:
    """Over as many connections, one is done and all others have its answer."""
    async with httpx2.AsyncClient(base_url=server.url, headers={"Authorization": token, **KEY}, timeout=60) as client:
        answers = await asyncio.gather(*(client.post("/v1/cases", json={"title": "One"}) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert get(server, token, "/v1/cases")["total"] == 1


async def test_who_lost_the_connection_asks_again(server: Server, token: str) -> None:
    """A client that hangs up in the middle of a turn finds it under the same key, and asked once."""
    case_id = post(server, token, "/v1/cases", json={}).json()["case_id"]
    headers = {"Authorization": token, **KEY, "Prefer": "wait=60"}
    body = {"case_id": case_id, "message": "Why does the pool run out?"}
    async with httpx2.AsyncClient(base_url=server.url, headers=headers) as client:
        hasty = asyncio.create_task(client.post("/v1/agent/chat", json=body))
        await asyncio.sleep(0.02)
        hasty.cancel()
        await asyncio.wait({hasty})
    async with httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
        answer = await client.post("/v1/agent/chat", json=body)
        address = answer.headers.get("location", "").replace("http://localhost", "http://127.0.0.1")
        while answer.status_code == 202:
            answer = await client.get(address)

    assert answer.status_code == 200
    assert get(server, token, f"/v1/cases/{case_id}/messages")["total"] == 2


def test_what_is_kept_holds_no_secret(server: Server, token: str) -> None:
    """Neither the tokens of an answer nor the keys and names of those who asked lie in Redis's file."""
    body = {"email": "eve@example.org", "password": "correct horse"}
    registered = post(server, token, "/v1/auth/register", json=body)
    post(server, token, "/v1/cases", json={"title": "Kept"})
    server.stop()

    kept = b"".join(file.read_bytes() for file in (server.data / "redis").rglob("*") if file.is_file())
    assert registered.status_code == 201
    assert b'"title":"Kept"' in kept
    for secret in (registered.json()["access_token"], registered.json()["refresh_token"], KEY["Idempotency-Key"]):
        assert secret.encode() not in kept
