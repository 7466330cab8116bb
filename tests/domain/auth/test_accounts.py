import asyncio

import pytest

from faultmaven_domain.auth import AuthService, AuthTransactions, User, UserExists, UserNotFound
from faultmaven_domain.kernel.errors import InvalidInput
from tests.fakes.clock import NOON


async def register(auth: AuthService, email: str = "ana@example.com", **more: object) -> User:
    return await auth.register(email=email, password="correct horse", **more)  # type: ignore[arg-type]


async def test_the_first_is_an_admin(auth: AuthService) -> None:
    """Whoever sets the server up looks after it; everyone after that is a user."""
    first, second = await register(auth), await register(auth, "bob@example.com")

    assert first.roles == ("user", "admin")
    assert second.roles == ("user",)


async def test_only_one_is_the_first(auth: AuthService) -> None:
    """Of many who register at once on a new server, one becomes an admin."""
    users = await asyncio.gather(*[register(auth, f"u{n}@example.com") for n in range(8)])

    assert sorted("admin" in user.roles for user in users) == [False] * 7 + [True]


async def test_an_operator_opens_an_admins_account(auth: AuthService) -> None:
    """Asked for, any account is an admin's from the start."""
    await register(auth)

    assert "admin" in (await register(auth, "bob@example.com", admin=True)).roles


async def test_an_account_is_kept_as_it_was_opened(auth: AuthService) -> None:
    """Names are trimmed, addresses and usernames in lower case, and the account can be read by its id."""
    user = await register(auth, " Ana@Example.COM ", full_name="  Ana Lo ", username="Ana.Lo")

    assert (user.email, user.username, user.full_name) == ("ana@example.com", "ana.lo", "Ana Lo")
    assert (user.is_active, user.created_at) == (True, NOON)
    assert await auth.get_user(user_id=user.user_id) == user


async def test_the_address_stands_in_for_names_not_given(auth: AuthService) -> None:
    """Also where a username alone could not be written so."""
    user = await register(auth, "Siobhan.O'Neil&Co@example.com")

    assert user.username == user.full_name == user.email == "siobhan.o'neil&co@example.com"


async def test_an_address_has_one_account(auth: AuthService) -> None:
    """However it is spelled, and whether it is another's address or name."""
    await register(auth, "ana@example.com", username="ana")

    for email, username in (("ANA@example.com", "other"), ("other@example.com", "Ana")):
        with pytest.raises(UserExists):
            await register(auth, email, username=username)
    assert len(await auth.list_users()) == 1


async def test_a_race_for_an_address_has_one_winner(auth: AuthService) -> None:
    """Two who register the same address at once: one has the account, the other is told."""
    outcomes = await asyncio.gather(*[register(auth) for _ in range(5)], return_exceptions=True)

    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, UserExists) for outcome in outcomes) == 4


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"email": "ana"}, "email"),
        ({"email": "ana@"}, "email"),
        ({"email": "a b@example.com"}, "email"),
        ({"email": f"{'a' * 65}@example.com"}, "email"),
        ({"email": f"ana@{'x.' * 130}com"}, "email"),
        ({"username": "an"}, "username"),
        ({"username": "ana lo"}, "username"),
        ({"username": "<script>"}, "username"),
        ({"password": "1234567"}, "password"),
        ({"password": "x" * 257}, "password"),
    ],
)
async def test_what_an_account_is_not_opened_with(auth: AuthService, arguments: dict[str, str], field: str) -> None:
    """The refusal names the field, and nothing is kept."""
    with pytest.raises(InvalidInput) as refused:
        await auth.register(**{"email": "ana@example.com", "password": "correct horse", **arguments})  # type: ignore[arg-type]

    assert refused.value.details["field"] == field
    assert await auth.list_users() == ()


async def test_users_are_listed_in_the_order_they_came(auth: AuthService) -> None:
    """For the operator, oldest first."""
    users = [await register(auth, f"{name}@example.com") for name in ("zoe", "ana", "mia")]

    assert await auth.list_users() == tuple(users)


@pytest.mark.parametrize("by", ["BOB@example.com", " bob ", "id"])
async def test_a_role_is_granted(auth: AuthService, by: str) -> None:
    """By address, username or id; a second time changes nothing."""
    await register(auth)
    bob = await register(auth, "bob@example.com", username="bob")
    name = bob.user_id if by == "id" else by

    granted = await auth.grant(name=name)

    assert granted.roles == ("user", "admin")
    assert await auth.grant(name=name) == granted == await auth.get_user(user_id=bob.user_id)


async def test_there_are_two_roles(auth: AuthService) -> None:
    """An invented one is refused."""
    await register(auth)
    with pytest.raises(InvalidInput) as refused:
        await auth.grant(name="ana@example.com", role="owner")
    assert refused.value.details["field"] == "role"


async def test_nobody_is_granted_nothing(auth: AuthService) -> None:
    """An account that is not there can neither be read nor granted a role."""
    with pytest.raises(UserNotFound):
        await auth.grant(name="nobody")
    with pytest.raises(UserNotFound):
        await auth.get_user(user_id="usr_none")


async def test_the_hash_is_kept_apart(auth: AuthService, transactions: AuthTransactions) -> None:
    """No password and no hash is ever part of what the room gives away."""
    user = await register(auth)
    async with transactions.view() as unit:
        hash = await unit.passwords.get(user.user_id)

    assert hash
    assert "correct horse" not in f"{user} {hash}"
    assert hash not in str(await auth.list_users())
