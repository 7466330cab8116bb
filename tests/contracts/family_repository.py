from datetime import timedelta
from typing import Any

from faultmaven_domain.auth import AuthTransactions, TokenFamily
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON

SECOND = timedelta(seconds=1)


class FamilyRepositoryContract(DataProviderContract[TokenFamily]):
    module, part, key, text = "auth", "families", "family_id", "current"

    def value(self, id: str, **changes: Any) -> TokenFamily:
        fields: dict[str, Any] = {"family_id": id, "user_id": "ana", "current": "t1", "expires_at": NOON}
        return TokenFamily(**{**fields, **changes})

    async def test_forgets_the_expired(self, transactions: AuthTransactions) -> None:
        """Families nobody can use any more go, revoked or not; those with a moment left stay."""
        async with undone(transactions) as unit:
            await unit.families.save(self.value("long ago", expires_at=NOON - SECOND, revoked_at=NOON - SECOND))
            await unit.families.save(self.value("just now", expires_at=NOON))
            await unit.families.save(self.value("live", expires_at=NOON + timedelta(microseconds=1)))

            assert [await unit.families.delete_expired(before=NOON) for _ in range(2)] == [2, 0]
            assert [family.family_id for family in await unit.families.query()] == ["live"]

    async def test_knows_a_users_live_ones(self, transactions: AuthTransactions) -> None:
        """Neither those that were revoked nor those that have lapsed nor another's, and the oldest first."""
        async with undone(transactions) as unit:
            for id, changes in {
                "second": {"expires_at": NOON + 9 * SECOND},
                "first": {"expires_at": NOON + SECOND, "client_id": "a", "scopes": ("cases:read",)},
                "lapsed": {"expires_at": NOON},
                "revoked": {"expires_at": NOON + SECOND, "revoked_at": NOON - SECOND},
                "another's": {"expires_at": NOON + SECOND, "user_id": "bob"},
            }.items():
                await unit.families.save(self.value(id, **changes))

            live = await unit.families.live_of("ana", at=NOON)

            assert [family.family_id for family in live] == ["second", "first"]
            assert live[1].scopes == ("cases:read",)
