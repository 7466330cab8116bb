"""Signing in by a name alone."""

import asyncio

import pytest
from attrs import evolve

from faultmaven_domain.auth import AuthService, AuthTransactions, User, UserExists, WrongCredentials
from faultmaven_domain.kernel.errors import InvalidInput

PASSWORD = "correct horse"


async def enter(auth: AuthService, name: str, **more: object) -> User:
    return (await auth.login_by_name(name=name, **more)).user  # type: ignore[arg-type]


async def test_a_name_that_nobody_has_opens_an_account(auth: AuthService) -> None:
    """And the token is good; the account says that it has no password."""
    signed_in = await auth.login_by_name(name="ana")

    assert signed_in.user.is_dev_user
    assert (signed_in.user.username, signed_in.user.full_name, signed_in.user.roles) == ("ana", "ana", ("user",))
    assert await auth.authenticate(token=signed_in.tokens.access_token) == signed_in.user.principal()


async def test_the_same_name_is_the_same_account(auth: AuthService) -> None:
    """However it is typed, and whatever is said beside it the second time."""
    first = await enter(auth, "Ana Lo", email="ana@example.com", full_name="Ana")

    assert await enter(auth, " ana lo ", email="other@example.com", full_name="Other") == first
    assert (first.email, first.full_name) == ("ana@example.com", "Ana")
    assert await auth.list_users() == (first,)


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("ana", "ana@localhost"),
        ("ana@example.com", "ana@example.com"),
        ("ana lo", "usr_1@localhost"),
        ("añá", "usr_1@localhost"),
        ("@ana", "usr_1@localhost"),
    ],
)
async def test_everyone_has_an_address(auth: AuthService, name: str, email: str) -> None:
    """The name itself where it is one, else one that leads nowhere."""
    assert (await enter(auth, name)).email == email


async def test_an_address_that_is_taken_is_made_otherwise(auth: AuthService) -> None:
    """A made-up address is in nobody's way."""
    await auth.register(email="ana@localhost", username="other", password=PASSWORD)

    assert (await enter(auth, "ana")).email.endswith("@localhost")
    with pytest.raises(UserExists):
        await enter(auth, "bob", email="ana@localhost")


@pytest.mark.parametrize("name", ["", "an", "a\tb c", "ana  lo", "ana\u200blo", "x" * 255, "an\u2028a"])
async def test_what_is_no_name(auth: AuthService, name: str) -> None:
    """Too short, too long, or not to be told from another by looking."""
    with pytest.raises(InvalidInput) as refused:
        await enter(auth, name)

    assert refused.value.details["field"] == "username"
    assert await auth.list_users() == ()


@pytest.mark.parametrize("name", ["ana", "ana@example.com"])
async def test_never_for_an_account_with_a_password(auth: AuthService, name: str) -> None:
    """By neither of its names, and in words that do not speak of sessions."""
    await auth.register(email="ana@example.com", username="ana", password=PASSWORD)

    with pytest.raises(WrongCredentials) as refused:
        await enter(auth, name, admins=("ana", "ana@example.com"))

    assert "password" in refused.value.message
    assert "session" not in refused.value.message


async def test_a_closed_account_stays_closed(auth: AuthService, transactions: AuthTransactions) -> None:
    """A name alone does not open it again."""
    ana = await enter(auth, "ana")
    async with transactions.begin() as unit:
        await unit.users.save(evolve(ana, is_active=False))

    with pytest.raises(WrongCredentials):
        await enter(auth, "ana")


async def test_admins_are_those_that_are_named(auth: AuthService) -> None:
    """Exactly those, however the name is spelled; the first to come is none by that."""
    names = {name: (await enter(auth, name, admins=("Admin", "root"))).roles for name in ("ana", "admin", "admin2")}

    assert names == {"ana": ("user",), "admin": ("user", "admin"), "admin2": ("user",)}
    assert (await enter(auth, "ana", admins=("ana",))).roles == ("user", "admin")


async def test_the_first_password_is_still_an_admins(auth: AuthService) -> None:
    """Accounts without one that came before do not count."""
    await enter(auth, "admin", admins=("admin",))

    first = await auth.register(email="ana@example.com", password=PASSWORD)
    second = await auth.register(email="bob@example.com", password=PASSWORD)

    assert (first.roles, second.roles) == (("user", "admin"), ("user",))
    assert not first.is_dev_user


async def test_no_password_fits_an_account_without_one(auth: AuthService) -> None:
    """Who gives one is told no more than that it is wrong."""
    await enter(auth, "ana")

    for password in ("", "None", PASSWORD):
        with pytest.raises(WrongCredentials):
            await auth.login(name="ana", password=password)


async def test_many_at_once_get_one_account(auth: AuthService) -> None:
    """A double click opens one account and signs in to it as often as it was asked."""
    users = await asyncio.gather(*[enter(auth, "ana") for _ in range(6)])

    assert set(users) == set(await auth.list_users())
    assert len(set(users)) == 1
