"""What is left out of a prompt that would not fit, and that it is said."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.agent import Source, SourceKind
from faultmaven_domain.agent.compression import FRAME, RECENT, fitted
from faultmaven_domain.agent.tokens import tokens_of
from faultmaven_domain.case import CaseMessage, Role
from tests.contracts.values import NOON

LINE = "2026-05-01 10:00:00 ERROR pool: timeout waiting for connection 4711\n"


def source(role: str, kind: SourceKind = SourceKind.EVIDENCE, lines: int = 10) -> Source:
    return Source(number=0, kind=kind, source_id=role, title=role, role=role, quote=LINE * lines)


def said(number: int) -> CaseMessage:
    return CaseMessage(
        message_id=f"msg_{number}",
        case_id="case_1",
        role=Role.USER,
        content=f"{number} " + LINE * 5,
        created_at=NOON,
        turn_number=number,
    )


SOURCES = (
    *[source("suspect")] * 2,
    *[source("pattern")] * 12,
    *[source("section", SourceKind.RUNBOOK)] * 5,
    *[source("nearest", SourceKind.RUNBOOK)] * 3,
)
HISTORY = tuple(said(number) for number in range(12))


def size(question: str, sources: tuple[Source, ...], history: tuple[CaseMessage, ...]) -> int:
    texts = [question, *[s.quote for s in sources], *[m.content for m in history]]
    return sum(map(tokens_of, texts))


def test_what_fits_is_left_alone() -> None:
    """Within the budget nothing changes and nothing is said."""
    kept = fitted("Why?", SOURCES, HISTORY, budget=100_000)

    assert (kept.question, kept.sources, kept.history, kept.left_out) == ("Why?", SOURCES, HISTORY, ())


def test_old_messages_go_first() -> None:
    """A little too much costs the oldest messages, and the prompt says how many."""
    whole = size("Why?", SOURCES, HISTORY) + 40 * len(SOURCES) + 4 * len(HISTORY) + FRAME
    kept = fitted("Why?", SOURCES, HISTORY, budget=whole - 100)

    assert kept.sources == SOURCES
    assert kept.history == HISTORY[1:]
    assert kept.left_out == ("earlier messages (1)",)


def test_suspects_outlast_everything() -> None:
    """Where little room is left the suspects and the recent words stay longest; each kind left out is counted."""
    kept = fitted("Why?", SOURCES, HISTORY, budget=4_000)

    assert [s.role for s in kept.sources[:2]] == ["suspect", "suspect"]
    assert len(kept.history) <= RECENT
    assert any("earlier messages" in words for words in kept.left_out)
    assert any("runbooks" in words for words in kept.left_out)
    assert size(kept.question, kept.sources, kept.history) <= 4_000


def test_a_pasted_log_is_cut_in_the_middle() -> None:
    """A question that alone is too long keeps its beginning and its end."""
    question = "Why does this happen?\n" + LINE * 2_000 + "Please help."
    kept = fitted(question, SOURCES, HISTORY, budget=4_000)

    assert kept.question.startswith("Why does this happen?")
    assert kept.question.endswith("Please help.")
    assert "[… cut …]" in kept.question
    assert tokens_of(kept.question) <= 4_000
    assert f"the middle of a question of {len(question)} characters" in kept.left_out


@given(
    question=st.text(min_size=1, max_size=300),
    repeat=st.integers(1, 200),
    lines=st.lists(st.integers(0, 20), max_size=30),
    messages=st.integers(0, 12),
    budget=st.integers(2_000, 20_000),
)
def test_fits_or_has_given_all_it_can(question: str, repeat: int, lines: list[int], messages: int, budget: int) -> None:
    """Whatever comes, what is kept is in its order, fits unless all that may go is gone, and says what is missing."""
    kinds = [("suspect", SourceKind.EVIDENCE), ("nearest", SourceKind.RUNBOOK), ("said", SourceKind.CASE)]
    sources = tuple(evolve(source(*kinds[n % 3], lines=count), source_id=str(n)) for n, count in enumerate(lines))
    kept = fitted(question * repeat, sources, HISTORY[:messages], budget=budget)

    ids = [s.source_id for s in sources]
    assert [s.source_id for s in kept.sources] == [id for id in ids if id in {s.source_id for s in kept.sources}]
    changed = (kept.question, kept.sources, kept.history) != (question * repeat, sources, HISTORY[:messages])
    assert changed == bool(kept.left_out)
    if size(kept.question, kept.sources, kept.history) > budget:
        assert not kept.history
        assert len(kept.question) <= 700


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("", 0, 0), ("connection refused", 3, 5), (LINE, 20, 40), ("ошибка", 6, 12), ("错误", 4, 6), ("a" * 600, 90, 110)],
)
def test_an_estimate_is_on_the_safe_side(text: str, least: int, most: int) -> None:
    """Tokens are estimated near, and rather above, what byte-pair vocabularies make of a text."""
    assert least <= tokens_of(text) <= most
