from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faultmaven_domain.knowledge import Passage, PassageHit
from faultmaven_domain.knowledge.fusion import K, best_of_each, fuse


def a_hit(name: str, score: float = 1.0) -> PassageHit:
    """A passage of the document its first letter names."""
    passage = Passage(
        passage_id=name, document_id=name[0], revision="r", ordinal=0, owner_id=None, collection="c",
        document_type="t", title="", section="", text="",
    )  # fmt: skip
    return PassageHit(passage=passage, score=score)


def ranking(names: str) -> list[PassageHit]:
    return [a_hit(name, 1 / rank) for rank, name in enumerate(names.split(), 1)]


def ids(hits: list[PassageHit]) -> list[str]:
    return [hit.passage.passage_id for hit in hits]


rankings = st.lists(
    st.lists(st.sampled_from(["a1", "a2", "b1", "b2", "c1", "d1"]), unique=True).map(" ".join), max_size=4
)


def test_the_sum_of_reciprocal_ranks() -> None:
    """Each ranking gives 1/(60 + rank); the sum is a share of what being first in all would give."""
    fused = fuse([ranking("a1 b1 c1"), ranking("b1 d1")])

    assert ids(fused) == ["b1", "a1", "d1", "c1"]
    assert fused[0].score == ((K + 1) / (K + 2) + 1) / 2
    assert fused[1].score == 0.5


def test_first_in_all_is_one() -> None:
    """What every ranking puts first scores 1.0."""
    assert fuse([ranking("a1 b1"), ranking("a1"), ranking("a1 c1")])[0].score == 1.0


def test_one_ranking_keeps_its_order() -> None:
    """Nothing to fuse with changes nothing."""
    assert ids(fuse([ranking("c1 a1 b1")])) == ["c1", "a1", "b1"]
    assert fuse([]) == fuse([[], []]) == []


def test_the_best_passage_stands_for_its_document() -> None:
    """Of each document the first passage is kept, in the order they come."""
    assert ids(best_of_each(ranking("a2 b1 a1 c1 b2"))) == ["a2", "b1", "c1"]


@settings(deadline=None)
@given(rankings)
def test_scores_fall_from_one_to_nought(drawn: list[str]) -> None:
    """Every passage of any ranking comes once, best first, with a score above 0 and up to 1."""
    fused = fuse([ranking(one) for one in drawn])

    scores = [hit.score for hit in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert sorted(ids(fused)) == sorted({name for one in drawn for name in one.split()})


@settings(deadline=None)
@given(rankings)
def test_rising_in_a_ranking_never_harms(drawn: list[str]) -> None:
    """Moved to the front of one ranking, a passage is placed no lower than before."""
    before = ids(fuse([ranking(one) for one in drawn]))
    assume(drawn and len(drawn[0].split()) > 1)
    first = drawn[0].split()
    raised = [" ".join([first[-1], *first[:-1]]), *drawn[1:]]
    after = {hit.passage.passage_id: hit.score for hit in fuse([ranking(one) for one in raised])}

    others_above = sum(score > after[first[-1]] for score in after.values())
    assert others_above <= before.index(first[-1])
