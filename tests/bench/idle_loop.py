"""A client gone wild: one user without cases lists them 100 times a second, and two others work on as before.

What the two wait for is measured in a quiet minute and in a wild one: their reads (list, case, header) and their turns.
"""

import selectors
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
from attrs import define, field

from .row import Row
from .turns import demo_case, question

RATE = 100  # requests a second
RISE = 1.5
PAUSE = 0.05  # seconds between two requests of one of the others
Times = dict[str, list[float]]


def run(*, quick: bool) -> list[Row]:
    seconds = 3.0 if quick else 60.0
    with demo_case({"LLM_PROVIDER": "extractive"}) as (client, case_id):
        url, headers = str(client.base_url), dict(client.headers)
        with _Wild(url, _newcomer(url)) as wild:
            _worked(url, headers, case_id, min(seconds, 5.0), number=0)  # warm
            quiet = _worked(url, headers, case_id, seconds, number=10_000)
            wild.on.set()
            loud = _worked(url, headers, case_id, seconds, number=20_000)
            wild.on.clear()
        rate = wild.answered / seconds
    rows = [
        Row(f"a user without cases lists them, for {seconds:.0f} s", f"{rate:.0f}/s", f"{RATE}/s", rate > 0.95 * RATE)
    ]
    for kind in quiet:
        before, after = (statistics.quantiles(times[kind], n=20)[-1] for times in (quiet, loud))
        what = f"others' {kind}, p95 {before * 1000:.1f} ms in quiet, {after * 1000:.1f} ms beside it"
        rows.append(Row(what, f"{after / before:.2f}", f"{RISE}", after < RISE * before))
    return rows


def _newcomer(url: str) -> str:
    """The token of an account without cases."""
    account = {"email": "newcomer@example.org", "password": "correct horse battery"}
    with httpx2.Client(base_url=url, timeout=30) as client:
        client.post("/v1/auth/register", json={**account, "full_name": "New"}).raise_for_status()
        return str(client.post("/v1/auth/login", json=account).raise_for_status().json()["access_token"])


def _worked(url: str, headers: dict[str, str], case_id: str, seconds: float, *, number: int) -> Times:
    """What two callers waited for, in seconds, one of them reading and the other asking."""
    end = time.monotonic() + seconds
    times: Times = {"reads": [], "turns": []}
    paths = ("/api/v1/cases?limit=100&offset=0", f"/api/v1/cases/{case_id}", f"/api/v1/cases/{case_id}/ui")

    def again(kind: str) -> None:
        with httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
            for n in range(10_000):
                began = time.monotonic()
                if began >= end:
                    return
                if kind == "reads":
                    answer = client.get(paths[n % len(paths)])
                else:
                    answer = client.post(f"/api/v1/cases/{case_id}/queries", json={"message": question(number + n)})
                times[kind].append(time.monotonic() - began)
                answer.raise_for_status()
                time.sleep(PAUSE)

    with ThreadPoolExecutor(len(times)) as pool:
        list(pool.map(again, times))
    return times


@define
class _Wild:
    """Sends the same request at its rate while it is ``on``, not waiting for answers, over one kept connection each."""

    url: str
    token: str
    on: threading.Event = field(factory=threading.Event, init=False)
    answered: int = field(default=0, init=False)
    _over: threading.Event = field(factory=threading.Event, init=False)
    _thread: "threading.Thread | None" = field(default=None, init=False)

    def __enter__(self) -> "_Wild":
        self._thread = threading.Thread(target=self._run, name="wild")
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        assert self._thread is not None
        self._over.set()
        self.on.set()
        self._thread.join()

    def _run(self) -> None:
        address = urlsplit(self.url)
        request = (
            f"GET /api/v1/cases?limit=100 HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\n\r\n"
        ).encode()
        free = [socket.create_connection((address.hostname or "", address.port or 80)) for _ in range(6)]
        with selectors.DefaultSelector() as selector:
            due = time.monotonic()
            while not self._over.is_set():
                if not self.on.is_set():
                    self.on.wait()
                    due = time.monotonic()
                while free and time.monotonic() >= due:
                    sock = free.pop()
                    sock.sendall(request)
                    selector.register(sock, selectors.EVENT_READ)
                    due += 1 / RATE
                if not selector.get_map():
                    time.sleep(max(0.0, due - time.monotonic()))
                    continue
                for key, _ in selector.select(timeout=max(0.0, due - time.monotonic()) if free else 1.0):
                    assert isinstance(key.fileobj, socket.socket)
                    came = key.fileobj.recv(65_536)
                    assert came.startswith(b"HTTP/1.1 200 "), came[:300]
                    assert b'"cases":[]' in came, came[-300:]
                    self.answered += 1
                    selector.unregister(key.fileobj)
                    free.append(key.fileobj)
            for each in selector.get_map().values():
                if isinstance(each.fileobj, socket.socket):
                    free.append(each.fileobj)
        for sock in free:
            sock.close()
