"""The other December build on a user without cases asks for the list again and again, and must hurt nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import httpx2

ROUNDS = 200


@contextmanager
def _signed_in(base: str, name: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=base, timeout=60, headers={"Content-Type": "application/json"}) as http:
        token = http.post("/api/v1/auth/dev-login", json={"username": name}).json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        yield http


def test_asking_without_end_is_answered(base: str) -> None:
    """Each time the list is there and empty, so that nobody is signed out by it."""
    with _signed_in(base, "idle-1") as http:
        answers = [http.get("/api/v1/cases", params={"limit": 100}) for _ in range(ROUNDS)]

    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["cases"] == [] for answer in answers)


def test_others_go_on_meanwhile(base: str) -> None:
    """While one user's loop runs, another opens cases, asks and lists, and every one of those is answered."""
    done, statuses = Event(), list[int]()

    def loop() -> None:
        with _signed_in(base, "idle-2") as http:
            while not done.is_set():
                statuses.append(http.get("/api/v1/cases", params={"limit": 100}).status_code)

    thread = Thread(target=loop)
    thread.start()
    try:
        with _signed_in(base, "busy") as http:
            made = [http.post("/api/v1/cases", json={"priority": "low"}) for _ in range(10)]
            told = http.post(f"/api/v1/cases/{made[0].json()['case_id']}/queries", json={"message": "Pages are slow."})
            listed = http.get("/api/v1/cases", params={"limit": 100})
    finally:
        done.set()
        thread.join()

    assert {answer.status_code for answer in made} == {201}
    assert told.status_code == 200
    assert len(listed.json()["cases"]) == 10
    assert set(statuses) == {200}
