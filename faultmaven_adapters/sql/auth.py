from datetime import datetime

from attrs import frozen
from sqlalchemy import Boolean, Column, Index, MetaData, Table, bindparam, delete, or_, select

from faultmaven_domain.auth import TokenFamily, User, UserExists
from faultmaven_domain.kernel.errors import AlreadyExists

from .columns import key, moment, sequence, text
from .gateway import Connection
from .jobs import SqlJobs, SqlOutbox, jobs_of, outbox_of
from .records import SqlRecords, SqlTexts, Stored, counting

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
    Index("auth_token_families_by_id", "family_id", unique=True),
    Index("auth_token_families_by_expiry", "expires_at"),
    sqlite_autoincrement=True,
)

USERS = Stored(_users, User, key="user_id")
FAMILIES = Stored(_families, TokenFamily, key="family_id")

_NAMED = USERS.all.where(or_(_users.c.email == bindparam("name"), _users.c.username == bindparam("name")))
_TAKEN = select(_users.c.user_id).where(
    or_(*[column.in_([bindparam("email"), bindparam("username")]) for column in (_users.c.email, _users.c.username)]),
    _users.c.user_id != bindparam("user_id"),
)
_COUNT = counting(_users)
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

    async def count(self) -> int:
        return await self._count(_COUNT)


@frozen
class SqlPasswords:
    texts: SqlTexts

    async def get(self, user_id: str) -> str | None:
        return await self.texts.get(user_id)

    async def set(self, user_id: str, hash: str) -> None:
        await self.texts.set(user_id, hash)


class SqlFamilies(SqlRecords[TokenFamily]):
    async def delete_expired(self, *, before: datetime) -> int:
        return len(await self._connection.fetch_all(_EXPIRED, {"before": before}))


@frozen
class SqlAuthUnit:
    jobs: SqlJobs
    outbox: SqlOutbox
    users: SqlUsers
    passwords: SqlPasswords
    families: SqlFamilies


def auth_unit(connection: Connection) -> SqlAuthUnit:
    return SqlAuthUnit(
        jobs=SqlJobs(connection, JOBS),
        outbox=SqlOutbox(connection, OUTBOX),
        users=SqlUsers(connection, USERS),
        passwords=SqlPasswords(SqlTexts(connection, _passwords)),
        families=SqlFamilies(connection, FAMILIES),
    )
