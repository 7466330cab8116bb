"""A search over HTTP against the same hybrid search as a plain script does it, in turn, over the same index."""

import asyncio
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

import faultmaven_adapters
from faultmaven_adapters import OPERATOR
from faultmaven_adapters.embeddings import OnnxEmbeddingModel, default_model_directory
from faultmaven_domain.knowledge.fusion import K
from faultmaven_domain.knowledge.indexing import INDEX
from faultmaven_domain.knowledge.searching import FEW
from faultmaven_http.demo.tour import Tour
from tests.e2e.server import Server

from .corpus import SECTIONS, questions, runbooks
from .row import Row

AIM = 1.3  # times the bare search
LIMIT = 10  # of the documents in an answer
WARM = 10  # searches before any is counted


@frozen
class Bare:
    """What a script with a model and a table at hand would write; both are open."""

    model: OnnxEmbeddingModel
    table: Any

    @classmethod
    async def open(cls, data: Path) -> "Bare":
        import lancedb

        connection = await lancedb.connect_async(str(data / "lancedb"))
        return cls(OnnxEmbeddingModel.open(default_model_directory()), await connection.open_table(INDEX))

    async def search(self, query: str) -> list[str]:
        """The texts of the best passages by reciprocal rank."""
        [vector] = await self.model.embed([query])
        nearest = self.table.query().nearest_to(vector).column("vector").distance_type("cosine")
        worded = self.table.query().nearest_to_text(query, columns="searched")
        columns = ["passage_id", "document_id", "title", "section", "text"]
        rankings = [
            await nearest.limit(FEW).select([*columns, "_distance"]).to_list(),
            await worded.limit(FEW).select([*columns, "_score"]).to_list(),
        ]
        scores: dict[str, float] = {}
        rows: dict[str, Any] = {}
        for ranking in rankings:
            for rank, row in enumerate(ranking, 1):
                rows[row["passage_id"]] = row
                scores[row["passage_id"]] = scores.get(row["passage_id"], 0) + 1 / (K + rank)
        return [rows[best]["text"] for best in sorted(scores, key=lambda one: -scores[one])[:LIMIT]]


def run(*, documents: int = 2_000, searches: int = 150, data: Path | None = None) -> list[Row]:
    """Teach ``documents`` runbooks, unless ``data`` is a directory that knows them, and search in both ways."""
    with tempfile.TemporaryDirectory() as folder:
        place = data or Path(folder, "data")
        took = 0.0 if data else asyncio.run(_taught(place, documents))
        server = Server(place, {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"}).start()
        try:
            served, bare = asyncio.run(_compared(server.url, place, documents, searches))
        finally:
            server.stop()
    ratio = statistics.median(served) / statistics.median(bare)
    what = f"search of {documents * SECTIONS} chunks over HTTP, {len(served)} times, {_milliseconds(served)}; "
    rows = [
        Row(what + f"bare {_milliseconds(bare)}; p50 against p50", f"{ratio:.2f}x", f"{AIM}x", ratio <= AIM, aim=True)
    ]
    if not data:
        rows.append(Row(f"teaching {documents} runbooks of {SECTIONS} chunks", f"{took:.0f} s", "", True))
    return rows


async def _taught(data: Path, documents: int) -> float:
    began = time.monotonic()
    async with faultmaven_adapters.open(data) as fm:
        for book in runbooks(documents):
            await fm.knowledge.add(
                principal=OPERATOR, title=book.title, content=book.content, document_type="runbook", global_=True
            )
        await fm.settled()
    return time.monotonic() - began


async def _compared(url: str, data: Path, documents: int, searches: int) -> tuple[list[float], list[float]]:
    """Seconds of each search over HTTP and of each bare one, which take turns at being first."""
    tour = Tour(url)
    tour.register()
    tour.log_in()
    bare = await Bare.open(data)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Authorization": tour._client.headers["Authorization"], "Content-Type": "application/json"}

    async def over_http(query: str) -> int:
        connection.request("POST", "/v1/knowledge/search", json.dumps({"query": query, "limit": LIMIT}), headers)
        response = connection.getresponse()
        found = json.loads(response.read())
        assert (response.status, found.get("search_mode")) == (200, "hybrid"), found
        return len(found["results"])

    served: list[float] = []
    bared: list[float] = []
    for number, query in enumerate(questions(WARM + searches, among=documents)):
        pairs: list[tuple[Callable[[str], Awaitable[object]], list[float]]] = [
            (over_http, served),
            (bare.search, bared),
        ]
        for search, times in pairs if number % 2 else pairs[::-1]:
            began = time.perf_counter()
            await search(query)
            if number >= WARM:
                times.append(time.perf_counter() - began)
    connection.close()
    tour.close()
    await bare.model.close()
    return served, bared


def _milliseconds(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered) * 1000:.1f} ms and p95 {ordered[int(len(ordered) * 0.95)] * 1000:.1f} ms"
