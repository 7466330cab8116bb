"""What a case is called."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.case import CaseNotFound, CaseService, Titled
from faultmaven_domain.case.models import LONGEST_TITLE
from faultmaven_domain.case.naming import title_from
from faultmaven_domain.kernel.errors import InvalidInput
from tests.domain.case.facts import PROBLEM, Talk
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.people import ANA, BOB

TITLE = "Checkout fails with 502 since noon"


async def title_of(cases: CaseService, case_id: str) -> str:
    return (await cases.get(principal=ANA, case_id=case_id)).title


async def write(cases: CaseService, case_id: str, *messages: str) -> None:
    for number, content in enumerate(messages):
        await cases.record_message(
            principal=ANA,
            case_id=case_id,
            message_id=f"{case_id}_{number}",
            role="user" if number % 2 == 0 else "agent",
            content=content,
            created_at=NOON,
        )


class TestEntitling:
    async def test_after_the_problem(self, cases: CaseService) -> None:
        """An unnamed case is called after its problem, in as many words as are wanted, and may be called anew."""
        talk = Talk(cases, await cases.create(principal=ANA))
        await talk.shows(PROBLEM)
        for words, title in (
            (8, TITLE),
            (3, "Checkout fails with"),
            (2, "Checkout fails"),
            (30, TITLE),
            (1, "Checkout"),
        ):
            entitled = await cases.entitle(principal=ANA, case_id=talk.case_id, max_words=words)

            wanted = "Checkout fails" if words == 3 else title
            assert entitled == Titled(title=wanted, generated=True)
            assert await title_of(cases, talk.case_id) == wanted

    async def test_after_what_was_said(self, cases: CaseService) -> None:
        """Without a problem statement, the first message that tells a problem, else the first that says anything."""
        told, vague, silent = [await cases.create(principal=ANA) for _ in range(3)]
        await write(cases, told.case_id, "Hello to everybody here", "Everything fails", "The import job crashes!", "ok")
        await write(cases, vague.case_id, "Yes", "Everything fails", "Tell me about runbooks, please.")
        await write(cases, silent.case_id, "Yes", "Everything fails", "hi")

        titles = [(await cases.entitle(principal=ANA, case_id=one.case_id)).title for one in (told, vague, silent)]

        assert titles == ["The import job crashes", "Tell me about runbooks, please", ""]

    async def test_nothing_said_changes_nothing(self, cases: CaseService) -> None:
        """An empty title says that there is nothing to make one of; the case keeps its own."""
        case = await cases.create(principal=ANA)

        assert await cases.entitle(principal=ANA, case_id=case.case_id) == Titled(title="", generated=True)
        assert await cases.get(principal=ANA, case_id=case.case_id) == case

    async def test_the_same_again_changes_nothing(self, cases: CaseService, clock: FakeClock) -> None:
        """A title that comes out the same is no change of the case."""
        talk = Talk(cases, await cases.create(principal=ANA))
        await talk.shows(PROBLEM)
        before = await cases.get(principal=ANA, case_id=talk.case_id)
        clock.advance(timedelta(minutes=1))

        await cases.entitle(principal=ANA, case_id=talk.case_id)

        assert await cases.get(principal=ANA, case_id=talk.case_id) == before

    @pytest.mark.parametrize("when", ["at the opening", "later", "as it was generated"])
    async def test_a_given_title_stays(self, cases: CaseService, when: str) -> None:
        """What a user called the case it is called, whenever they did, even where a generated title was the same."""
        given = TITLE if when == "as it was generated" else "My case"
        title = given if when == "at the opening" else None
        talk = Talk(cases, await cases.create(principal=ANA, title=title))
        if when == "as it was generated":
            await talk.shows(PROBLEM)
        if when != "at the opening":
            await cases.update(principal=ANA, case_id=talk.case_id, title=given)
        await talk.shows("The disk is full and everything crashes.")

        entitled = await cases.entitle(principal=ANA, case_id=talk.case_id, max_words=2)

        assert entitled == Titled(title=given, generated=False)
        assert await title_of(cases, talk.case_id) == given

    async def test_a_given_one_may_look_like_nobodys(self, cases: CaseService) -> None:
        """A case that somebody calls Case-0101-1 keeps that name."""
        talk = Talk(cases, await cases.create(principal=ANA))
        await cases.update(principal=ANA, case_id=talk.case_id, title="Case-0101-1")
        await talk.shows(PROBLEM)

        assert await title_of(cases, talk.case_id) == "Case-0101-1"

    @pytest.mark.parametrize("max_words", [0, -1, 31])
    async def test_too_many_words_are_refused(self, cases: CaseService, max_words: int) -> None:
        """One word to thirty."""
        case = await cases.create(principal=ANA)
        with pytest.raises(InvalidInput) as refused:
            await cases.entitle(principal=ANA, case_id=case.case_id, max_words=max_words)

        assert refused.value.details == {"field": "max_words"}

    async def test_is_the_owners(self, cases: CaseService) -> None:
        """Nobody names another's case."""
        case = await cases.create(principal=ANA)
        with pytest.raises(CaseNotFound):
            await cases.entitle(principal=BOB, case_id=case.case_id)


class TestByItself:
    async def test_a_turn_names_the_case(self, cases: CaseService) -> None:
        """The first turn that knows the problem names a case that nobody named, and later ones do not again."""
        talk = Talk(cases, await cases.create(principal=ANA))
        await talk.shows("Hello there")
        assert (await title_of(cases, talk.case_id)).startswith("Case-")
        await talk.shows(PROBLEM)
        assert await title_of(cases, talk.case_id) == TITLE
        before = await cases.get(principal=ANA, case_id=talk.case_id)

        await talk.shows("No, it is the payment service.")

        assert await cases.get(principal=ANA, case_id=talk.case_id) == before


@given(st.text(max_size=3000), st.integers(1, 30))
def test_any_text_makes_a_title(text: str, max_words: int) -> None:
    """At most so many words, on one line, within a title's length, and ending in no punctuation of a sentence."""
    title = title_from(text, max_words=max_words)

    assert len(title.split()) <= max_words
    assert len(title) <= LONGEST_TITLE
    assert title == " ".join(title.split())
    assert not title or (title[-1] not in ".,;:!?-…" and any(letter.isalnum() or letter == "_" for letter in title))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("our checkout fails with 502 since the deploy of noon", "Our checkout fails with 502 since the deploy"),
        ("checkout fails with 502 for everybody in the whole world", "Checkout fails with 502 for everybody"),
        ("Our checkout fails. It began at noon.", "Our checkout fails"),
        ("nginx.conf is — broken!", "nginx.conf is broken"),
        (
            "Since shortly after 14:00 UTC about half of our customers cannot check out and see errors 503.",
            "About half of our customers cannot check out",
        ),
        (
            "After deploying v2 this morning, users report that checkout is broken",
            "Users report that checkout is broken",
        ),
        (
            "Yesterday at 10:15 the API gateway started to answer with 502",
            "The API gateway started to answer with 502",
        ),
        (
            "Last night the backup of the orders database failed halfway",
            "The backup of the orders database failed halfway",
        ),
        ("Since noon, nothing works", "Since noon, nothing works"),
        ("After the last upgrade to the release of Monday, nothing", "After the last upgrade to the release"),
        (
            "Our Zookeeper quorum keeps losing connections since this morning, clients get disconnected",
            "Our Zookeeper quorum keeps losing connections",
        ),
        ("our postgres replica is lagging behind by 3 hours", "Our postgres replica is lagging behind"),
        ("x" * 500, "X" + "x" * 199),
        ("...", ""),
    ],
)
def test_a_title_reads_well(text: str, title: str) -> None:
    """It says what is wrong rather than since when, and ends with a sentence or before a word that only leads on."""
    assert title_from(text, max_words=8) == title
