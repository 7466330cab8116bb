"""What PostgreSQL's errors mean here, by SQLSTATE (PostgreSQL's manual, appendix A), and asyncpg's own."""

import asyncpg

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

LOST = "The connection to the database is gone."
UNDONE = "The database undid the transaction after an error; try again."
_BUSY = "The database is busy; try again."
_AWAY = "The database does not answer."
_REFUSED = "The database refuses the user, the password or the name that its URL gives."
_SCHEMA = "The database's schema is not this version's; run `faultmaven migrate`."

# By the whole code, then by its class. What is not here is a fault of ours and stays as it is.
_STATES: dict[str, tuple[type[FaultMavenError], str | None]] = {
    "08": (Unavailable, _AWAY),
    "0A000": (Unavailable, UNDONE),  # a prepared statement that a migration has overtaken
    "21000": (Conflict, None),
    "22003": (InvalidInput, "A number is too large."),
    "22008": (InvalidInput, "A time is out of range."),
    "22021": (InvalidInput, "The text holds characters that cannot be stored."),
    "22P05": (InvalidInput, "The text holds characters that cannot be stored."),
    "23": (Conflict, None),
    "23505": (AlreadyExists, None),
    "25006": (Unavailable, "The database cannot be written to."),
    "25P02": (Unavailable, UNDONE),
    "25P03": (Unavailable, UNDONE),
    "25P04": (Unavailable, UNDONE),
    "28": (Misconfigured, _REFUSED),
    "3D000": (Misconfigured, _REFUSED),
    "3F000": (Misconfigured, _SCHEMA),
    "40": (Unavailable, _BUSY),
    "42501": (Misconfigured, "The database's user may not do what this server needs."),
    "42703": (Misconfigured, _SCHEMA),
    "42P01": (Misconfigured, _SCHEMA),
    "53": (Unavailable, "The database has no room or memory left."),
    "53100": (StorageFull, None),
    "53300": (Unavailable, "The database has no connection left."),
    "54": (TooLarge, None),
    "55P03": (Unavailable, _BUSY),
    "57": (Unavailable, _AWAY),
    "57014": (Unavailable, "The database took too long; try again."),
    "58": (Unavailable, "The disk does not answer the database."),
    "58P01": (Unavailable, "The database is damaged."),
    "XX001": (Unavailable, "The database is damaged."),
    "XX002": (Unavailable, "The database is damaged."),
}
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "25P04"})


def meant(error: Exception) -> Exception:
    """The domain's error, or the same one where it is none that the database or its user is to blame for."""
    if isinstance(error, FaultMavenError):
        return error
    if isinstance(error.__cause__, UnicodeEncodeError):  # asyncpg's own, of a parameter it cannot put into words
        return InvalidInput("The text holds characters that are not valid Unicode.")
    if isinstance(error.__cause__, OverflowError):
        return InvalidInput("A number is too large.")
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        meaning = _STATES.get(state) or _STATES.get(state[:2])
        return error if meaning is None else meaning[0](meaning[1])
    return Unavailable(_AWAY) if broken(error) else error


def broken(error: BaseException) -> bool:
    """Whether it tells that there is no server, or no connection to it any more."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith("08") or error.sqlstate in _GONE
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)
    return isinstance(error, OSError | asyncpg.InternalClientError)  # a TimeoutError is an OSError
