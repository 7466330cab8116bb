"""The small values every room uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.kernel.errors import Forbidden, InvalidInput, NotFound, RateLimited, Unavailable
from faultmaven_domain.kernel.paging import check_paging
from faultmaven_domain.kernel.principal import ADMIN, Principal

from .coffee import CoffeeRequested


def test_an_error_says_what_its_class_says() -> None:
    """The docstring is the message where none is given, and details travel beside it."""
    error = NotFound(case_id="case_1")

    assert (error.message, error.details) == ("There is no such thing.", {"case_id": "case_1"})
    assert NotFound("No such cup.").message == "No such cup."


def test_an_error_says_whether_to_try_again() -> None:
    """Waiting may help against a crowd or an outage, and never against a wrong request."""
    assert InvalidInput.final
    assert not Unavailable.final
    assert not RateLimited(retry_after=3).final


def test_only_an_admin_may_what_admins_may() -> None:
    """The role decides, not the name."""
    Principal(user_id="ana", roles=(ADMIN,)).require_admin()
    with pytest.raises(Forbidden):
        Principal(user_id="admin").require_admin()


@given(limit=st.integers(1, 100), offset=st.integers(0, 2**53))
def test_every_page_within_bounds_is_taken(limit: int, offset: int) -> None:
    """From one item to a hundred, from any place on."""
    check_paging(limit, offset)


@pytest.mark.parametrize(
    ("limit", "offset", "field"), [(0, 0, "limit"), (101, 0, "limit"), (1, -1, "offset"), (1, 2**53 + 1, "offset")]
)
def test_a_page_out_of_bounds_is_refused(limit: int, offset: int, field: str) -> None:
    """The error names the number that is wrong."""
    with pytest.raises(InvalidInput) as refused:
        check_paging(limit, offset)
    assert refused.value.details["field"] == field


def test_a_page_may_be_larger_where_the_caller_says_so() -> None:
    """Messages come in larger pages than cases."""
    check_paging(1000, 0, largest=1000)


@pytest.mark.parametrize("version", ["1.0", "1.7"])
def test_a_message_of_a_later_minor_version_is_understood(version: str) -> None:
    """A field more does not make it another message."""
    assert CoffeeRequested(job_id="1", version=version).version == version


@pytest.mark.parametrize("version", ["2.0", "0.9", "", "ten"])
def test_a_message_of_another_major_version_is_not(version: str) -> None:
    """Half understood is worse than refused, and the refusal says what is spoken here."""
    with pytest.raises(InvalidInput, match=r"speaks 1\.0"):
        CoffeeRequested(job_id="1", version=version)
