"""How well alerts find their runbooks, through the server as a client sees it: ``python -m tests.eval.retrieval``.

A server is started over a temporary directory, every ``.md`` below ``--runbooks`` is uploaded and waited for, and each
query of ``--queries``, a JSON list of ``{"query", "expected"}`` with paths below the runbooks, is asked in every search
mode. Printed are hit@1, hit@3, hit@5 (the share of queries whose runbook is among so many) and the mean reciprocal rank
(Voorhees, TREC-8, 1999) over the first 50. ``--stores lancedb,chromadb,pinecone`` measures several side by side, each
from nothing; Pinecone is the stand-in of the tests unless PINECONE_API_KEY is set. Ends with 1 where a hybrid search is
under a bar, 2 where there was no measuring it.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import httpx2
from attrs import frozen

from tests.e2e.server import Server
from tests.standins.pinecone import PineconeStandIn
from tests.standins.running import running
from tests.standins.script import KEY

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MODES = ("semantic", "keyword", "hybrid")
DEEPEST = 50
ACCOUNT = {"email": "eval@example.com", "password": "only-for-this-evaluation", "full_name": "Evaluation"}
#: How long the documents may take to be indexed, in seconds.
PATIENCE = 600


@frozen
class Measured:
    """``ranks``: the place of each query's runbook, None where it was not found; ``took`` in seconds per query."""

    store: str
    mode: str
    ranks: Sequence[int | None]
    took: float

    def hit(self, among: int) -> float:
        return sum(rank is not None and rank <= among for rank in self.ranks) / len(self.ranks)

    @property
    def mrr(self) -> float:
        return sum(1 / rank for rank in self.ranks if rank) / len(self.ranks)

    def row(self) -> str:
        figures = "".join(f"{value:>8.3f}" for value in (self.hit(1), self.hit(3), self.hit(5), self.mrr))
        return f"{self.store:<10}{self.mode:<10}{figures}{self.took * 1000:>10.1f}"


@click.command()
@click.option("--runbooks", type=click.Path(path_type=Path), default=DATA / "runbooks", show_default="shared/data")
@click.option(
    "--queries",
    type=click.Path(path_type=Path),
    default=DATA / "retrieval" / "alerts-dev.json",
    show_default="shared/data",
)
@click.option("--min-hit5", type=float, default=0.98, show_default=True)
@click.option("--min-mrr", type=float, default=0.90, show_default=True)
@click.option(
    "--stores",
    default=lambda: os.environ.get("VECTOR_STORE", "lancedb"),
    show_default="VECTOR_STORE, or lancedb",
    help="Which vector stores, by commas.",
)
@click.option("--misses", is_flag=True, help="Name the queries whose runbook the hybrid search did not put first.")
def main(runbooks: Path, queries: Path, min_hit5: float, min_mrr: float, stores: str, misses: bool) -> None:
    """Measure retrieval through the HTTP API."""
    absent = [path for path in (runbooks, queries) if not path.exists()]
    if absent:
        click.echo(f"Nothing to measure: {', '.join(map(str, absent))} is not there.")
        return
    cases = json.loads(queries.read_text())
    measured = [one for store in stores.split(",") for one in _through(store.strip(), runbooks, cases)]
    click.echo(f"\n{'store':<10}{'mode':<10}{'hit@1':>8}{'hit@3':>8}{'hit@5':>8}{'MRR':>8}{'ms/query':>10}")
    for one in measured:
        click.echo(one.row())
    hybrids = [one for one in measured if one.mode == "hybrid"]
    if misses:
        for hybrid in hybrids:
            for case, rank in zip(cases, hybrid.ranks, strict=True):
                if rank != 1:
                    click.echo(f"{hybrid.store:<10}{rank or '-':>3}  {case['expected']}  {case['query'][:90]}")
    if any(hybrid.hit(5) < min_hit5 or hybrid.mrr < min_mrr for hybrid in hybrids):
        click.echo(f"\nUnder the bar: hit@5 is to be {min_hit5:.3f} and MRR {min_mrr:.3f} at least.")
        sys.exit(1)


def _through(store: str, runbooks: Path, cases: list[dict[str, Any]]) -> list[Measured]:
    """A server of its own over the store, from nothing."""
    with tempfile.TemporaryDirectory() as directory, _reached(store) as environment:
        given = {"PROFILE": "core", "HOST": "127.0.0.1", "VECTOR_STORE": store}
        server = Server(Path(directory) / "data", given | environment).start()
        try:
            return asyncio.run(_measured(store, server.url, runbooks, cases))
        finally:
            server.stop()


@contextmanager
def _reached(store: str) -> Iterator[dict[str, str]]:
    """What the store needs beside its name."""
    if store != "pinecone" or "PINECONE_API_KEY" in os.environ:
        yield {}
        return
    with running(PineconeStandIn(lag=0.05).app) as address:
        yield {"PINECONE_URL": address, "PINECONE_API_KEY": KEY}


async def _measured(store: str, url: str, runbooks: Path, cases: list[dict[str, Any]]) -> list[Measured]:
    async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
        await _said(client.post("/v1/auth/register", json=ACCOUNT))
        signed_in = await _said(client.post("/v1/auth/login", json=ACCOUNT))
        client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        began = time.perf_counter()
        names = await _taught(client, runbooks)
        click.echo(
            f"{store}: {len(names)} runbooks indexed in {time.perf_counter() - began:.1f} s; {len(cases)} queries"
        )
        return [await _asked(client, store, mode, cases, names) for mode in MODES]


async def _taught(client: httpx2.AsyncClient, runbooks: Path) -> dict[str, str]:
    """Upload the runbooks and wait; gives each document's path by its id."""
    texts = await asyncio.to_thread(lambda: {path: path.read_bytes() for path in sorted(runbooks.rglob("*.md"))})
    names: dict[str, str] = {}
    for path, text in texts.items():
        file = {"file": (path.name, text, "text/markdown")}
        added = await _said(client.post("/v1/knowledge/documents", files=file, data={"document_type": "runbook"}))
        names[added["document_id"]] = path.relative_to(runbooks).as_posix()
    deadline = time.monotonic() + PATIENCE
    while waiting := (await _said(client.get("/v1/jobs", params={"status": "processing", "limit": 1000})))["jobs"]:
        if time.monotonic() > deadline:
            _give_up(f"{len(waiting)} documents are still not indexed after {PATIENCE} s.")
        await asyncio.sleep(0.25)
    failed = (await _said(client.get("/v1/jobs", params={"status": "failed"})))["jobs"]
    if failed:
        _give_up(f"{len(failed)} documents were not indexed: {failed[0]['error']}")
    return names


async def _asked(
    client: httpx2.AsyncClient, store: str, mode: str, cases: list[dict[str, Any]], names: dict[str, str]
) -> Measured:
    ranks: list[int | None] = []
    began = time.perf_counter()
    for case in cases:
        asked = {"query": case["query"], "limit": DEEPEST, "search_mode": mode}
        found = await _said(client.post("/v1/knowledge/search", json=asked))
        if found["search_mode"] != mode:
            _give_up(f"A {mode} search was done as {found['search_mode']}: {' '.join(found['notes'])}")
        order = [names[row["document_id"]] for row in found["results"]]
        ranks.append(order.index(case["expected"]) + 1 if case["expected"] in order else None)
    return Measured(store, mode, ranks, (time.perf_counter() - began) / len(cases))


async def _said(answer: Any) -> Any:
    """The body of an answer."""
    response = await answer
    if response.is_error:
        _give_up(f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:500]}")
    return response.json()


def _give_up(why: str) -> None:
    click.echo(why, err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
