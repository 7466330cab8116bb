"""Full text held in memory ranks as the index in memory does, whatever came and went before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_adapters.vectors.held_words import HeldWords
from faultmaven_domain.knowledge import Passage, Scope
from tests.contracts.vector_provider import ANA, RUNBOOKS, a_passage, ids

TEXTS = st.lists(st.sampled_from(["disk", "disks", "quorum", "node", "the", "接続", "restarting"]), max_size=6).map(
    " ".join
)
OWNERS = st.sampled_from([None, "ana", "bob"])
#: A key with the passage that lies under it, or one that goes.
STEPS = st.lists(st.tuples(st.integers(0, 9), st.booleans(), TEXTS, OWNERS), max_size=30)


@settings(deadline=None)
@given(STEPS, TEXTS, st.integers(1, 5))
async def test_ranks_as_the_memory_does(steps: list[tuple[int, bool, str, str | None]], query: str, top_k: int) -> None:
    """After any passages have come and gone, the same are found with the same scores; equal ones in any order."""
    held, memory, there = HeldWords(), MemoryVectorProvider(), dict[str, Passage]()
    await memory.prepare(RUNBOOKS, model="", dimension=0)
    for number, comes, text, owner in steps:
        key = f"p{number}"
        if comes and key not in there:
            there[key] = a_passage(key, text, owner=owner, title=text[:4])
            held.add({key: there[key]})
            await memory.upsert(RUNBOOKS, [there[key]], None)
        elif not comes and key in there:
            await memory.delete(RUNBOOKS, there.pop(key).document_id)
            held.keep(there)

    for scope in (ANA, Scope(owner_id="eve"), Scope(owner_id="bob", tags=("x",))):
        expected = await memory.search_text(RUNBOOKS, query, 99, scope=scope)
        found = held.best(query, top_k, scope)

        assert [hit.score for hit in expected][:top_k] == pytest.approx([hit.score for hit in found], rel=1e-4)
        assert {hit.passage.passage_id for hit in found} <= {hit.passage.passage_id for hit in expected}
    assert len(held) == len(there)


def test_what_went_is_let_go() -> None:
    """Where most passages have gone their room is given up, and those that stay are found as before."""
    held = HeldWords()
    held.add({f"p{n}": a_passage(f"p{n}", "quorum" if n % 50 else "quorum disk") for n in range(500)})
    before = held.best("disk", 99, ANA)

    held.keep([f"p{n}" for n in range(0, 500, 50)])

    assert ids(held.best("disk", 99, ANA)) == ids(before)
    assert len(held._passages) == len(held) == 10


def test_an_old_and_a_new_form_are_one() -> None:
    """While a passage is being replaced it lies there twice, and is found once."""
    held = HeldWords()
    held.add({"old": a_passage("a", "disk full"), "new": a_passage("a", "disk full of logs")})

    assert ids(held.best("disk", 9, ANA)) == ["a"]
