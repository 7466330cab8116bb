from datetime import datetime
from typing import Self

from attrs import frozen

from faultmaven_domain.auth import AuthorizationCode, TokenFamily, User, UserExists

from ..rows import RowCodec, in_utc
from .jobs import MemoryJobs, MemoryOutbox
from .tables import MemoryRecords, MemoryTexts, Picture

_USERS, _FAMILIES, _CODES = RowCodec(User), RowCodec(TokenFamily), RowCodec(AuthorizationCode)


class MemoryUsers(MemoryRecords[User]):
    async def save(self, entity: User) -> User:
        names = {entity.email, entity.username}
        if any(row["user_id"] != entity.user_id and names & {row["email"], row["username"]} for row in self._rows()):
            raise UserExists
        return await super().save(entity)

    async def named(self, email_or_username: str) -> User | None:
        rows = [row for row in self._rows() if email_or_username in (row["email"], row["username"])]
        return self._codec.from_row(rows[0]) if rows else None


@frozen
class MemoryPasswords:
    texts: MemoryTexts

    async def get(self, user_id: str) -> str | None:
        return await self.texts.get(user_id)

    async def set(self, user_id: str, hash: str) -> None:
        await self.texts.set(user_id, hash)

    async def any(self) -> bool:
        return await self.texts.any()


class MemoryFamilies(MemoryRecords[TokenFamily]):
    async def live_of(self, user_id: str, *, at: datetime) -> list[TokenFamily]:
        return [family for family in self._values(self._rows(user_id=user_id)) if family.live(at=at)]

    async def delete_expired(self, *, before: datetime) -> int:
        return self._remove([row for row in self._rows() if row["expires_at"] <= in_utc(before)])


class MemoryCodes(MemoryRecords[AuthorizationCode]):
    async def delete_expired(self, *, before: datetime) -> int:
        return self._remove([row for row in self._rows() if row["expires_at"] <= in_utc(before)])


@frozen
class MemoryAuthUnit:
    jobs: MemoryJobs
    outbox: MemoryOutbox
    users: MemoryUsers
    passwords: MemoryPasswords
    families: MemoryFamilies
    codes: MemoryCodes

    @classmethod
    def over(cls, picture: Picture) -> Self:
        return cls(
            jobs=MemoryJobs(picture),
            outbox=MemoryOutbox(picture),
            users=MemoryUsers(picture, "users", _USERS, key="user_id"),
            passwords=MemoryPasswords(MemoryTexts(picture, "passwords")),
            families=MemoryFamilies(picture, "families", _FAMILIES, key="family_id"),
            codes=MemoryCodes(picture, "codes", _CODES, key="code_hash"),
        )
