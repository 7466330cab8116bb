from datetime import timedelta
from typing import Any

from faultmaven_domain.auth import AuthorizationCode, AuthTransactions
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON

SECOND = timedelta(seconds=1)


class CodeRepositoryContract(DataProviderContract[AuthorizationCode]):
    module, part, key, text = "auth", "codes", "code_hash", "redirect_uri"

    def value(self, id: str, **changes: Any) -> AuthorizationCode:
        fields: dict[str, Any] = {
            "code_hash": id,
            "user_id": "ana",
            "client_id": "panel",
            "redirect_uri": "http://localhost/",
            "challenge": "c",
            "scopes": ("cases:read", "openid"),
            "expires_at": NOON,
        }
        return AuthorizationCode(**{**fields, **changes})

    async def test_forgets_the_expired(self, transactions: AuthTransactions) -> None:
        """Codes past the time that is named go, used or not; the others stay."""
        async with undone(transactions) as unit:
            await unit.codes.save(self.value("used", expires_at=NOON - SECOND, family_id="fam"))
            await unit.codes.save(self.value("just now", expires_at=NOON))
            await unit.codes.save(self.value("later", expires_at=NOON + timedelta(microseconds=1)))

            assert [await unit.codes.delete_expired(before=NOON) for _ in range(2)] == [2, 0]
            assert [code.code_hash for code in await unit.codes.query()] == ["later"]
