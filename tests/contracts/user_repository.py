from typing import Any

import pytest

from faultmaven_domain.auth import AuthTransactions, User, UserExists
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


class UserRepositoryContract(DataProviderContract[User]):
    module, part, key, text = "auth", "users", "user_id", "full_name"

    def value(self, id: str, **changes: Any) -> User:
        fields: dict[str, Any] = {
            "user_id": id,
            "email": f"{id}@example.com",
            "username": id,
            "full_name": id,
            "roles": ("user",),
            "created_at": NOON,
        }
        return User(**{**fields, **changes})

    async def test_finds_by_either_name(self, transactions: AuthTransactions) -> None:
        """An account is found by its e-mail address and by its user name, and by nothing that is merely like them."""
        async with undone(transactions) as unit:
            await unit.users.save(self.value("ana", email="ana@example.com", username="anita"))

            assert self.value("ana", username="anita") == await unit.users.named("ana@example.com")
            assert self.value("ana", username="anita") == await unit.users.named("anita")
            assert [await unit.users.named("ana"), await unit.users.named("anit_")] == [None, None]

    @pytest.mark.parametrize(
        "names",
        [
            {"email": "ana@example.com"},
            {"username": "ana"},
            {"username": "ana@example.com"},
            {"email": "ana"},
        ],
    )
    async def test_a_name_is_one_persons(self, transactions: AuthTransactions, names: dict[str, str]) -> None:
        """Nobody takes another's address or name, not even the one as the other; the first stays as it was."""
        async with transactions.begin() as unit:
            await unit.users.save(self.value("ana"))
        with pytest.raises(UserExists):
            async with transactions.begin() as unit:
                await unit.users.save(self.value("bob", **names))

        async with transactions.view() as unit:
            assert [self.value("ana")] == await unit.users.query()

    async def test_a_person_may_change_names(self, transactions: AuthTransactions) -> None:
        """One's own address and name are no obstacle to saving again, and an old name is free."""
        async with undone(transactions) as unit:
            await unit.users.save(self.value("ana"))
            await unit.users.save(self.value("ana", roles=("user", "admin")))
            await unit.users.save(self.value("ana", username="anita"))
            await unit.users.save(self.value("bob", username="ana"))

            assert (await unit.users.named("ana")).user_id == "bob"
