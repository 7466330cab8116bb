"""An account that is opened under an id: once, and given again to who has its password."""

import pytest

from faultmaven_domain.auth import AuthService, User, UserExists

EMAIL, PASSWORD = "ana@example.com", "correct horse"


async def register(
    auth: AuthService, *, user_id: str | None = "usr_1", email: str = EMAIL, password: str = PASSWORD
) -> User:
    return await auth.register(email=email, password=password, user_id=user_id)


async def test_the_same_id_is_opened_once(auth: AuthService) -> None:
    """With its address and password it is given again, and so is what it may do."""
    first = await register(auth)

    assert first.user_id == "usr_1"
    assert await register(auth) == first


@pytest.mark.parametrize("other", [{"password": "wrong horse"}, {"email": "bob@example.com"}])
async def test_nobody_else_gets_it(auth: AuthService, other: dict[str, str]) -> None:
    """Another password or another address under the id is refused, and the account is as it was."""
    first = await register(auth)

    with pytest.raises(UserExists):
        await register(auth, **other)
    assert (await auth.login(name=EMAIL, password=PASSWORD)).user == first


async def test_an_address_that_is_taken_is_taken(auth: AuthService) -> None:
    """With the right password too, where it was opened under another id."""
    await register(auth, user_id=None)

    with pytest.raises(UserExists):
        await register(auth)
