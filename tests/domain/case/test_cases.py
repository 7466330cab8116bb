import asyncio
from datetime import timedelta
from typing import Any

import pytest

from faultmaven_domain.auth import AuthService, UserNotFound
from faultmaven_domain.case import (
    Case,
    CaseNotFound,
    CaseService,
    CaseStatus,
    CaseTransactions,
    CaseVersionConflict,
    Owner,
    Priority,
)
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.principal import Principal
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.people import ANA, BOB, ROOT


class TestOpening:
    async def test_with_everything(self, cases: CaseService) -> None:
        """A case is what its opener says, consulting and at its first version."""
        case = await cases.create(
            principal=ANA,
            title="  Checkout \n fails ",
            description="Since the deploy.",
            priority=Priority.CRITICAL,
            metadata={"ticket": {"id": 7}},
        )

        assert (case.title, case.description, case.priority) == (
            "Checkout fails",
            "Since the deploy.",
            Priority.CRITICAL,
        )
        assert (case.owner_id, case.status, case.version) == ("usr_ana", CaseStatus.CONSULTING, 1)
        assert (case.created_at, case.updated_at, case.metadata) == (NOON, NOON, {"ticket": {"id": 7}})
        assert await cases.get(principal=ANA, case_id=case.case_id) == case

    async def test_without_a_title(self, cases: CaseService, clock: FakeClock) -> None:
        """A case nobody named is called after its day and its owner's count."""
        await cases.create(principal=BOB)
        titles = [(await cases.create(principal=ANA, title=title)).title for title in (None, "Named", "  ")]
        clock.advance(timedelta(days=20))
        titles.append((await cases.create(principal=ANA)).title)

        assert titles == ["Case-0314-1", "Named", "Case-0314-3", "Case-0403-4"]

    @pytest.mark.parametrize(("field", "value"), [("title", "x" * 201), ("description", "x" * 20_001)])
    async def test_with_too_much(self, cases: CaseService, field: str, value: str) -> None:
        """A title has 200 characters at most, a description 20,000; the refusal names which."""
        with pytest.raises(InvalidInput) as refused:
            await cases.create(principal=ANA, **{field: value})  # type: ignore[arg-type]
        assert refused.value.details == {"field": field}
        assert (await cases.list(principal=ANA)).total == 0

    async def test_with_as_much_as_is_taken(self, cases: CaseService) -> None:
        """The bounds themselves are taken."""
        case = await cases.create(principal=ANA, title="x" * 200, description="y" * 20_000)
        assert (len(case.title), len(case.description)) == (200, 20_000)


@pytest.fixture
async def case(cases: CaseService) -> Case:
    return await cases.create(principal=ANA, title="Checkout fails", metadata={"a": 1})


class TestOwnership:
    @pytest.mark.parametrize("stranger", [BOB, ROOT], ids=["another user", "an admin"])
    async def test_nobody_elses(self, cases: CaseService, case: Case, stranger: Principal) -> None:
        """Another's case is absent to every use-case, for admins too, just as one that never was."""
        asked: dict[str, Any] = {"principal": stranger, "case_id": case.case_id}
        message: dict[str, Any] = {"message_id": "m", "role": "user", "content": "hi", "created_at": NOON}
        report: dict[str, Any] = {"report_id": "r", "report_type": "post_mortem", "title": "t", "content": "c"}
        for call in (
            cases.get(**asked),
            cases.get_case_with_owner(**asked),
            cases.update(**asked, title="Mine now"),
            cases.change_status(**asked, status=CaseStatus.CLOSED),
            cases.close(**asked),
            cases.delete(**asked),
            cases.messages(**asked),
            cases.record_message(**asked, **message),
            cases.record_report(**asked, **report),
            cases.reports(**asked),
            cases.report(**asked, report_id="r"),
            cases.get(principal=ANA, case_id="case_none"),
        ):
            with pytest.raises(CaseNotFound):
                await call
        assert await cases.get(principal=ANA, case_id=case.case_id) == case
        assert (await cases.list(principal=stranger)).items == ()

    async def test_get_case_with_owner(self, cases: CaseService, auth: AuthService) -> None:
        """A case tells who opened it, by what the auth room knows of them."""
        user = await auth.register(email="mia@example.com", password="correct horse", full_name="Mia Wu")
        case = await cases.create(principal=user.principal())

        found = await cases.get_case_with_owner(principal=user.principal(), case_id=case.case_id)

        assert found.case == case
        assert found.owner == Owner(user_id=user.user_id, name="Mia Wu", email="mia@example.com")

    async def test_get_case_with_owner_who_is_gone(self, cases: CaseService, case: Case) -> None:
        """A case whose account is gone says so."""
        with pytest.raises(UserNotFound):
            await cases.get_case_with_owner(principal=ANA, case_id=case.case_id)


class TestListing:
    async def test_last_changed_first(self, cases: CaseService, clock: FakeClock) -> None:
        """In pages, with the number of all, and nobody else's among them."""
        made = []
        for number in range(5):
            made.append(await cases.create(principal=ANA, title=f"case {number}"))
            clock.advance(timedelta(minutes=1))
        await cases.create(principal=BOB)
        touched = await cases.update(principal=ANA, case_id=made[0].case_id, description="again")

        first, second = [await cases.list(principal=ANA, limit=3, offset=offset) for offset in (0, 3)]

        assert first.items == (touched, made[4], made[3])
        assert second.items == (made[2], made[1])
        assert (first.total, first.limit, second.offset) == (5, 3, 3)

    async def test_by_status(self, cases: CaseService) -> None:
        """Of one status only, and counted so."""
        kept, closed = [await cases.create(principal=ANA) for _ in range(2)]
        closed = await cases.close(principal=ANA, case_id=closed.case_id)

        page = await cases.list(principal=ANA, status=CaseStatus.CLOSED)

        assert (page.items, page.total) == ((closed,), 1)
        assert (await cases.list(principal=ANA, status=CaseStatus.CONSULTING)).items == (kept,)
        assert (await cases.list(principal=ANA, status=CaseStatus.RESOLVED)).total == 0

    @pytest.mark.parametrize(("field", "value"), [("limit", 0), ("limit", 101), ("offset", -1)])
    async def test_pages_have_bounds(self, cases: CaseService, field: str, value: int) -> None:
        """A limit from 1 to 100, an offset from 0 on."""
        with pytest.raises(InvalidInput) as refused:
            await cases.list(principal=ANA, **{field: value})  # type: ignore[arg-type]
        assert refused.value.details["field"] == field


class TestChanging:
    async def test_what_is_given(self, cases: CaseService, case: Case, clock: FakeClock) -> None:
        """The named things change, the others stay, and the version counts the change."""
        at = clock.advance(timedelta(minutes=1))

        changed = await cases.update(
            principal=ANA, case_id=case.case_id, title="Checkout is slow", priority=Priority.LOW
        )

        assert (changed.title, changed.priority, changed.description) == ("Checkout is slow", Priority.LOW, "")
        assert (changed.metadata, changed.version, changed.updated_at) == ({"a": 1}, 2, at)
        changed = await cases.update(principal=ANA, case_id=case.case_id, description="d", metadata={})
        assert (changed.description, changed.metadata, changed.version) == ("d", {}, 3)
        assert await cases.get(principal=ANA, case_id=case.case_id) == changed

    async def test_nothing(self, cases: CaseService, case: Case) -> None:
        """What changes nothing is no change."""
        assert await cases.update(principal=ANA, case_id=case.case_id, title=case.title) == case

    async def test_the_status_with_the_rest(self, cases: CaseService, case: Case) -> None:
        """One call may do both, or neither: a wrong title leaves the status."""
        asked: dict[str, Any] = {"principal": ANA, "case_id": case.case_id, "status": CaseStatus.INVESTIGATING}
        with pytest.raises(InvalidInput):
            await cases.update(**asked, title="")
        assert (await cases.get(principal=ANA, case_id=case.case_id)) == case

        changed = await cases.update(**asked, title="Disk full")

        assert (changed.title, changed.status, changed.version) == ("Disk full", CaseStatus.INVESTIGATING, 2)

    async def test_at_the_version_one_has_read(self, cases: CaseService, case: Case) -> None:
        """A change meant for an older version is refused, and says which there is."""
        asked: dict[str, Any] = {"principal": ANA, "case_id": case.case_id, "expected_version": 1}
        await cases.update(**asked, title="First")

        for call in (
            cases.update(**asked, title="Second"),
            cases.change_status(**asked, status=CaseStatus.INVESTIGATING),
        ):
            with pytest.raises(CaseVersionConflict) as refused:
                await call
            assert refused.value.details == {"expected_version": 1, "actual_version": 2}
        assert (await cases.get(principal=ANA, case_id=case.case_id)).title == "First"

    async def test_at_once(self, cases: CaseService, case: Case) -> None:
        """Of many who change the version they all have read, one wins and the others are told."""
        outcomes = await asyncio.gather(
            *[
                cases.update(principal=ANA, case_id=case.case_id, title=f"title {n}", expected_version=1)
                for n in range(6)
            ],
            return_exceptions=True,
        )

        won = [outcome for outcome in outcomes if isinstance(outcome, Case)]
        assert len(won) == 1
        assert sum(isinstance(outcome, CaseVersionConflict) for outcome in outcomes) == 5
        assert await cases.get(principal=ANA, case_id=case.case_id) == won[0]

    async def test_at_once_without_a_version(self, cases: CaseService, case: Case) -> None:
        """Who does not ask for one waits their turn, and every change counts."""
        await asyncio.gather(*[cases.update(principal=ANA, case_id=case.case_id, title=f"title {n}") for n in range(6)])

        assert (await cases.get(principal=ANA, case_id=case.case_id)).version == 7


async def test_the_database_guards_its_versions_too(transactions: CaseTransactions, case: Case) -> None:
    """What another process wrote meanwhile is not overwritten, even by who never looked."""
    async with transactions.begin() as unit:
        with pytest.raises(CaseVersionConflict):
            await unit.cases.save(case)
