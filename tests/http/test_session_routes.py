import pytest
from httpx2 import AsyncClient

from tests.http.conftest import Someone

CLIENT = {"client_id": "3f0c9d1e", "session_type": "troubleshooting", "timeout_minutes": 180}


async def test_a_session_needs_no_token(anyone: AsyncClient) -> None:
    """A client opens its session before anyone has signed in."""
    answer = await anyone.post("/sessions", json=CLIENT)

    session = answer.json()
    assert answer.status_code == 201
    assert (session["session_resumed"], session["user_id"], session["status"]) == (False, None, "active")
    assert session["timeout_minutes"] == 180


async def test_a_client_resumes_its_session(anyone: AsyncClient) -> None:
    """The same client id gets the same session, and 200 for it."""
    first = (await anyone.post("/sessions", json=CLIENT)).json()
    second = await anyone.post("/sessions", json=CLIENT)

    assert second.status_code == 200
    assert second.json()["session_resumed"] is True
    assert second.json()["session_id"] == first["session_id"]


async def test_a_body_is_not_needed(anyone: AsyncClient) -> None:
    """A session opens on an empty body."""
    assert (await anyone.post("/sessions")).status_code == 201


async def test_who_signs_in_takes_the_session_along(anyone: AsyncClient, ana: Someone) -> None:
    """A session opened without a token becomes its user's when the client comes back with one."""
    await anyone.post("/sessions", json=CLIENT)

    resumed = (await ana.http.post("/sessions", json=CLIENT)).json()

    assert resumed["user_id"] == ana.principal.user_id


@pytest.mark.parametrize("minutes", [59, 481, -1, 10**15])
async def test_a_session_lasts_one_to_eight_hours(anyone: AsyncClient, invalid: int, minutes: int) -> None:
    """Any other timeout is refused by its name."""
    answer = await anyone.post("/sessions", json={"timeout_minutes": minutes})

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] == "timeout_minutes"


@pytest.mark.parametrize("minutes", ["180", 180.5, True, [180]])
async def test_minutes_are_a_whole_number(anyone: AsyncClient, invalid: int, minutes: object) -> None:
    """Neither a string nor a fraction nor a truth value passes for a number."""
    answer = await anyone.post("/sessions", json={"timeout_minutes": minutes})

    assert answer.status_code == invalid
    assert answer.json()["detail"] == "timeout_minutes must be a whole number."


async def test_a_session_can_be_read_changed_and_closed(anyone: AsyncClient) -> None:
    """What is given is changed, the rest stays, and after closing it is gone."""
    opened = (await anyone.post("/sessions", json={**CLIENT, "metadata": {"page": "a"}})).json()
    path = f"/sessions/{opened['session_id']}"

    assert (await anyone.get(path)).json()["metadata"] == {"page": "a"}
    changed = (await anyone.put(path, json={"title": "Friday", "timeout_minutes": 60})).json()
    assert changed["metadata"] == {"page": "a", "title": "Friday"}
    assert (changed["title"], changed["timeout_minutes"]) == ("Friday", 60)
    assert (await anyone.post(f"{path}/heartbeat")).status_code == 200
    assert (await anyone.delete(path)).status_code == 204
    assert (await anyone.get(path)).status_code == 404


async def test_an_unknown_session_is_not_found(anyone: AsyncClient) -> None:
    """A session that lapsed or never was is 404 for every method."""
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/heartbeat")):
        answer = await anyone.request(method, f"/sessions/ses_gone{path}", json={})
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "SESSION_NOT_FOUND"


async def test_sessions_are_listed_to_their_user(ana: Someone, bob: Someone, anyone: AsyncClient) -> None:
    """Each sees their own, newest first, in pages; nobody sees any without a token."""
    before = [session["session_id"] for session in (await ana.http.get("/sessions")).json()["sessions"]]
    mine = [(await ana.http.post("/sessions")).json()["session_id"] for _ in range(3)]
    await bob.http.post("/sessions")

    listed = (await ana.http.get("/sessions")).json()["sessions"]
    page = (await ana.http.get("/sessions", params={"limit": 2, "offset": 1})).json()

    assert {s["session_id"] for s in listed} == {*before, *mine}
    assert [s["session_id"] for s in page["sessions"]] == [s["session_id"] for s in listed[1:3]]
    assert (page["total"], page["limit"], page["offset"], page["has_more"]) == (len(before) + 3, 2, 1, True)
    assert (await anyone.get("/sessions")).status_code == 401


async def test_an_invalid_token_is_no_anonymous_caller(anyone: AsyncClient) -> None:
    """Where a token is not needed, a bad one is still refused."""
    answer = await anyone.post("/sessions", json=CLIENT, headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


@pytest.mark.parametrize("session_id", ["ses_gone", "", "x" * 5_000])
async def test_the_session_header_never_fails_a_request(ana: Someone, session_id: str) -> None:
    """An unknown, empty or absurd X-Session-Id changes nothing."""
    answer = await ana.http.post("/cases", json={}, headers={"X-Session-Id": session_id})

    assert answer.status_code == 201
