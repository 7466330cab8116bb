from datetime import datetime

from attrs import frozen
from sqlalchemy import Boolean, Column, Index, MetaData, Table, bindparam, delete, false, or_, select

from faultmaven_domain.auth import AuthorizationCode, TokenFamily, User, UserExists
from faultmaven_domain.kernel.errors import AlreadyExists

from .columns import key, moment, sequence, text
from .gateway import Connection
from .jobs import SqlJobs, SqlOutbox, jobs_of, outbox_of
from .records import SqlRecords, SqlTexts, Stored

metadata = MetaData()
JOBS, OUTBOX = jobs_of(metadata, "auth"), outbox_of(metadata, "auth")

_users = Table(
    "auth_users",
    metadata,
    sequence(),
    text("user_id"),
    text("email"),
    text("username"),
    text("full_name"),
    text("roles"),
    moment("created_at"),
    Column("is_active", Boolean, nullable=False),
    Column("is_dev_user", Boolean, nullable=False, server_default=false()),
    moment("vouched_at", null=True),
    Index("auth_users_by_id", "user_id", unique=True),
    Index("auth_users_by_email", "email", unique=True),
    Index("auth_users_by_username", "username", unique=True),
    sqlite_autoincrement=True,
)
_passwords = Table("auth_passwords", metadata, key("user_id"), text("hash"))
_families = Table(
    "auth_token_families",
    metadata,
    sequence(),
    text("family_id"),
    text("user_id"),
    text("current"),
    moment("expires_at"),
    moment("revoked_at", null=True),
    text("client_id", null=True),
    text("scopes", null=True),
    Index("auth_token_families_by_id", "family_id", unique=True),
    Index("auth_token_families_by_expiry", "expires_at"),
    Index("auth_token_families_by_user", "user_id", "expires_at"),
    sqlite_autoincrement=True,
)
_codes = Table(
    "auth_codes",
    metadata,
    sequence(),
    text("code_hash"),
    text("user_id"),
    text("client_id"),
    text("redirect_uri"),
    text("challenge"),
    text("scopes"),
    moment("expires_at"),
    text("family_id", null=True),
    Index("auth_codes_by_id", "code_hash", unique=True),
    Index("auth_codes_by_expiry", "expires_at"),
    sqlite_autoincrement=True,
)

USERS = Stored(_users, User, key="user_id")
FAMILIES = Stored(_families, TokenFamily, key="family_id")
CODES = Stored(_codes, AuthorizationCode, key="code_hash")

_NAMED = USERS.all.where(or_(_users.c.email == bindparam("name"), _users.c.username == bindparam("name")))
_TAKEN = select(_users.c.user_id).where(
    or_(*[column.in_([bindparam("email"), bindparam("username")]) for column in (_users.c.email, _users.c.username)]),
    _users.c.user_id != bindparam("user_id"),
)
_LIVE = FAMILIES.all.where(
    _families.c.user_id == bindparam("user_id"),
    _families.c.expires_at > bindparam("at"),
    _families.c.revoked_at.is_(None),
).order_by(_families.c.seq)
_EXPIRED_CODES = delete(_codes).where(_codes.c.expires_at <= bindparam("before")).returning(_codes.c.code_hash)
_EXPIRED = delete(_families).where(_families.c.expires_at <= bindparam("before")).returning(_families.c.family_id)


class SqlUsers(SqlRecords[User]):
    async def save(self, entity: User) -> User:
        names = {"email": entity.email, "username": entity.username, "user_id": entity.user_id}
        if await self._connection.fetch_one(_TAKEN, names):
            raise UserExists
        try:
            return await super().save(entity)
        except AlreadyExists as error:
            raise UserExists from error

    async def named(self, email_or_username: str) -> User | None:
        return await self._one(_NAMED, {"name": email_or_username})


@frozen
class SqlPasswords:
    texts: SqlTexts

    async def get(self, user_id: str) -> str | None:
        return await self.texts.get(user_id)

    async def set(self, user_id: str, hash: str) -> None:
        await self.texts.set(user_id, hash)

    async def any(self) -> bool:
        return await self.texts.any()


class SqlFamilies(SqlRecords[TokenFamily]):
    async def live_of(self, user_id: str, *, at: datetime) -> list[TokenFamily]:
        return await self._all(_LIVE, {"user_id": user_id, "at": at})

    async def delete_expired(self, *, before: datetime) -> int:
        return len(await self._connection.fetch_all(_EXPIRED, {"before": before}))


class SqlCodes(SqlRecords[AuthorizationCode]):
    async def delete_expired(self, *, before: datetime) -> int:
        return len(await self._connection.fetch_all(_EXPIRED_CODES, {"before": before}))


@frozen
class SqlAuthUnit:
    jobs: SqlJobs
    outbox: SqlOutbox
    users: SqlUsers
    passwords: SqlPasswords
    families: SqlFamilies
    codes: SqlCodes


def auth_unit(connection: Connection) -> SqlAuthUnit:
    return SqlAuthUnit(
        jobs=SqlJobs(connection, JOBS),
        outbox=SqlOutbox(connection, OUTBOX),
        users=SqlUsers(connection, USERS),
        passwords=SqlPasswords(SqlTexts(connection, _passwords)),
        families=SqlFamilies(connection, FAMILIES),
        codes=SqlCodes(connection, CODES),
    )
