from faultmaven_domain.auth import AuthTransactions
from tests.contracts.data_provider import ModuleContract, undone


class PasswordRepositoryContract(ModuleContract):
    module, part = "auth", "passwords"

    async def test_keeps_the_latest(self, transactions: AuthTransactions) -> None:
        """Each user has one hash, the one set last; an unknown user has none."""
        async with undone(transactions) as unit:
            await unit.passwords.set("ana", "$argon2id$1")
            await unit.passwords.set("bob", "$argon2id$2")
            await unit.passwords.set("ana", "$argon2id$3")

            assert [await unit.passwords.get(user) for user in ("ana", "bob", "eve")] == [
                "$argon2id$3",
                "$argon2id$2",
                None,
            ]

    async def test_knows_whether_anybody_has_one(self, transactions: AuthTransactions) -> None:
        """Nobody has one until the first is set."""
        async with undone(transactions) as unit:
            assert not await unit.passwords.any()
            await unit.passwords.set("ana", "$argon2id$1")

            assert await unit.passwords.any()
