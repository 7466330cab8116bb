"""A client gone wild: one user without cases lists them 100 times a second, and two others work on as before.

What the two wait for is measured in a quiet minute and in a wild one: their reads (list, case, header) and their turns.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2

from .hammer import Hammer
from .row import Row
from .turns import demo_case, question

RATE = 100  # requests a second
RISE = 1.5
CONNECTIONS = 6
PAUSE = 0.05  # seconds between two requests of one of the others
Times = dict[str, list[float]]


def run(*, quick: bool) -> list[Row]:
    seconds = 3.0 if quick else 60.0
    with demo_case({"LLM_PROVIDER": "extractive"}) as (client, case_id):
        url, headers = str(client.base_url), dict(client.headers)
        _worked(url, headers, case_id, min(seconds, 5.0), number=0)  # warm
        quiet = _worked(url, headers, case_id, seconds, number=10_000)
        authorized = {"Authorization": f"Bearer {_newcomer(url)}", "Content-Type": "application/json"}
        wild = Hammer(url, "/api/v1/cases?limit=100", authorized, connections=CONNECTIONS)
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(wild.run, seconds, rate=RATE)
            loud = _worked(url, headers, case_id, seconds, number=20_000)
            rate = asking.result()
        wild.close()
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


def _opened(url: str, headers: dict[str, str]) -> str:
    """A case of its own, so that no answer grows longer in one minute than in the other."""
    with httpx2.Client(base_url=url, headers=headers, timeout=30) as client:
        return str(client.post("/v1/cases", json={"title": "Beside it"}).raise_for_status().json()["case_id"])


def _worked(url: str, headers: dict[str, str], case_id: str, seconds: float, *, number: int) -> Times:
    """What two callers waited for, in seconds: one reads a case, and the other asks in one that nobody asked in yet."""
    asked_in = _opened(url, headers)
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
                    answer = client.post(f"/api/v1/cases/{asked_in}/queries", json={"message": question(number + n)})
                times[kind].append(time.monotonic() - began)
                answer.raise_for_status()
                time.sleep(PAUSE)

    with ThreadPoolExecutor(len(times)) as pool:
        list(pool.map(again, times))
    return times
