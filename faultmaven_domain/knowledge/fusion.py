"""Several rankings made one."""

from collections.abc import Iterable, Sequence

from .models import PassageHit

#: Damps the weight of the first ranks; 60 as in Cormack, Clarke & Büttcher, "Reciprocal Rank Fusion" (SIGIR 2009).
K = 60


def fuse(rankings: Sequence[Sequence[PassageHit]]) -> list[PassageHit]:
    """Passages by the sum of ``1 / (K + rank)`` over the rankings that hold them, best first.

    ``score`` is that sum as a share of the most there can be: 1.0 for what is first everywhere. Equal ones keep the
    order in which they were met.
    """
    sums: dict[str, float] = {}
    hits: dict[str, PassageHit] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, 1):
            hits.setdefault(hit.passage.passage_id, hit)
            sums[hit.passage.passage_id] = sums.get(hit.passage.passage_id, 0.0) + (K + 1) / (K + rank)
    best_first = sorted(sums, key=lambda passage_id: -sums[passage_id])
    return [PassageHit(passage=hits[id].passage, score=min(1.0, sums[id] / len(rankings))) for id in best_first]


def best_of_each(hits: Iterable[PassageHit]) -> list[PassageHit]:
    """The first passage of each document, in the order given."""
    best: dict[str, PassageHit] = {}
    for hit in hits:
        best.setdefault(hit.passage.document_id, hit)
    return list(best.values())
