"""A question by each of the three ways there are to wait for its answer: `/v1/agent/chat` with `Prefer: wait`, and the
two that clients use. One after the other in one case, so that each way meets the same of everything; no model thinks.
"""

import statistics
import time
from collections.abc import Callable

import httpx2

from .row import Row
from .turns import demo_case, question

RATIO = 1.15
WARM = 4  # rounds before it counts
Way = Callable[[httpx2.Client, str, str], httpx2.Response]


def _chat(client: httpx2.Client, case_id: str, text: str) -> httpx2.Response:
    body = {"case_id": case_id, "message": text}
    return client.post("/v1/agent/chat", json=body, headers={"Prefer": "wait=30"})


def _queries(client: httpx2.Client, case_id: str, text: str) -> httpx2.Response:
    return client.post(f"/api/v1/cases/{case_id}/queries", json={"message": text})


def _turns(client: httpx2.Client, case_id: str, text: str) -> httpx2.Response:
    return client.post(f"/api/v1/cases/{case_id}/turns", files={"query": (None, text)})


WAYS: dict[str, Way] = {"/v1/agent/chat": _chat, "/queries": _queries, "/turns": _turns}


def run(*, quick: bool) -> list[Row]:
    rounds = 4 if quick else 150
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    with demo_case({"LLM_PROVIDER": "extractive"}) as (client, case_id):
        for number in range(WARM + rounds):
            order = list(WAYS)[number % 3 :] + list(WAYS)[: number % 3]  # each is the first, the second and the third
            for place, way in enumerate(order):
                began = time.perf_counter()
                answer = WAYS[way](client, case_id, question(3 * number + place))
                took = time.perf_counter() - began
                assert answer.status_code == 200, answer.text
                assert answer.json()["agent_response"], answer.text
                if number >= WARM:
                    times[way].append(took)
    medians = {way: statistics.median(each) for way, each in times.items()}
    base = medians.pop("/v1/agent/chat")
    rows = [Row(f"a turn by /v1/agent/chat with Prefer: wait, {rounds} turns, p50", f"{base * 1000:.1f} ms", "", True)]
    return rows + [
        Row(
            f"the same by {way} ({median * 1000:.1f} ms), against it",
            f"{median / base:.2f}",
            f"{RATIO}",
            median <= RATIO * base,
        )
        for way, median in medians.items()
    ]
