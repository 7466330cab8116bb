"""What a database's errors mean here: one table per engine."""

import sqlite3
from types import TracebackType

from faultmaven_domain.kernel.errors import (
    AlreadyExists,
    Conflict,
    FaultMavenError,
    InvalidInput,
    Misconfigured,
    StorageFull,
    TooLarge,
    Unavailable,
)

# By extended code, then by primary code. What is not here is a fault of ours and stays as it is.
_SQLITE: dict[int, tuple[type[FaultMavenError], str | None]] = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: (AlreadyExists, None),
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: (AlreadyExists, None),
    sqlite3.SQLITE_CONSTRAINT: (Conflict, None),
    sqlite3.SQLITE_FULL: (StorageFull, None),
    sqlite3.SQLITE_TOOBIG: (TooLarge, None),
    sqlite3.SQLITE_BUSY: (Unavailable, "The database is busy; try again."),
    sqlite3.SQLITE_LOCKED: (Unavailable, "The database is busy; try again."),
    sqlite3.SQLITE_CANTOPEN: (Unavailable, "The database cannot be opened."),
    sqlite3.SQLITE_PERM: (Unavailable, "The database cannot be opened."),
    sqlite3.SQLITE_READONLY: (Unavailable, "The database cannot be written to."),
    sqlite3.SQLITE_IOERR: (Unavailable, "The disk does not answer the database."),
    sqlite3.SQLITE_PROTOCOL: (Unavailable, "The database is busy; try again."),
    sqlite3.SQLITE_NOMEM: (Unavailable, "The database has no memory left."),
    sqlite3.SQLITE_CORRUPT: (Unavailable, "The database file is damaged."),
    sqlite3.SQLITE_NOTADB: (Unavailable, "The database file is damaged."),
}
_PRIMARY = 0xFF


class translated:
    """Raises a driver's error as the domain's."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, sqlite3.Error):
            _raise(error)
        elif isinstance(error, UnicodeEncodeError):
            raise InvalidInput("The text holds characters that are not valid Unicode.") from error
        elif isinstance(error, OverflowError):
            raise InvalidInput("A number is too large.") from error


def _raise(error: sqlite3.Error) -> None:
    code = getattr(error, "sqlite_errorcode", None)
    meaning = None if code is None else _SQLITE.get(code) or _SQLITE.get(code & _PRIMARY)
    if code == sqlite3.SQLITE_ERROR and str(error).startswith("no such "):
        raise Misconfigured("The database's schema is not this version's; run `faultmaven migrate`.") from error
    if meaning is not None:
        kind, message = meaning
        raise kind(message) from error
