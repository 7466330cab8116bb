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
AWAY = "The database does not answer."
FULL = "The database has no connection left."
REFUSED = "The database refuses the user, the password or the name that its URL gives."
_MIXED = "Something before the database mixes up its connections: PgBouncer has to pool by session."
_SCHEMA = "The database's schema is not this version's; run `faultmaven migrate`."

# By the whole code, then by its class. What is not here is a fault of ours and stays as it is.
_STATES: dict[str, tuple[type[FaultMavenError], str | None]] = {
    "08": (Unavailable, AWAY),
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
    "26000": (Misconfigured, _MIXED),
    "28": (Misconfigured, REFUSED),
    "3D000": (Misconfigured, REFUSED),
    "3F000": (Misconfigured, "The schema that the database's URL names (search_path) is not there; make it first."),
    "40": (Unavailable, _BUSY),
    "42501": (Misconfigured, "The database's user may not do what this server needs."),
    "42703": (Misconfigured, _SCHEMA),
    "42P01": (Misconfigured, _SCHEMA),
    "42P05": (Misconfigured, _MIXED),
    "53": (Unavailable, "The database has no room or memory left."),
    "53100": (StorageFull, None),
    "53300": (Unavailable, FULL),
    "54": (TooLarge, None),
    "55P03": (Unavailable, _BUSY),
    "57": (Unavailable, AWAY),
    "57014": (Unavailable, "The database took too long; try again."),
    "58": (Unavailable, "The disk does not answer the database."),
    "58P01": (Unavailable, "The database is damaged."),
    "XX001": (Unavailable, "The database is damaged."),
    "XX002": (Unavailable, "The database is damaged."),
}
#: How much is passed on of what a server says.
_WORDS = 300
#: With 25006 there is a server, but one that may have become a standby, with the primary now behind the same name.
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05", "25006", "25P03", "25P04"})


def meant(error: Exception) -> Exception:
    """The domain's error, or the same one where it is none that the database or its user is to blame for."""
    if isinstance(error, FaultMavenError):
        return error
    if isinstance(error.__cause__, UnicodeEncodeError):  # asyncpg's own, of a parameter it cannot put into words
        return InvalidInput("The text holds characters that are not valid Unicode.")
    if isinstance(error.__cause__, OverflowError):
        return InvalidInput("A number is too large.")
    if isinstance(error, asyncpg.PostgresError):
        state = _state(error)
        meaning = _STATES.get(state) or _STATES.get(state[:2])
        return error if meaning is None else meaning[0](meaning[1])
    return Unavailable(AWAY) if broken(error) else error


def noted(told: Exception, error: Exception, place: str) -> Exception:
    """``told`` with a note for those who run this: where, and in its own words what. Its message may reach anybody."""
    if isinstance(told, FaultMavenError):
        words = _words(error)
        told.add_note(f"{place}: {words}." if words else f"It is {place}.")
    return told


def _words(error: Exception) -> str:
    """The first line of what was said, as a terminal can be shown it."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ValueError | OverflowError) and not isinstance(error, OSError | asyncpg.InterfaceError):
        return ""  # it may quote what it could not read, and that may be a password
    said = (isinstance(error, OSError) and error.strerror) or str(error)
    return "".join(sign for sign in said.partition("\n")[0][:_WORDS] if sign.isprintable())


def _state(error: asyncpg.PostgresError) -> str:
    """Its SQLSTATE, but of a standby that begins no transaction to write in, that of one that cannot write in it.

    The server says of it no more than that a setting, of those that are on or off, cannot be what it was to be.
    """
    if error.sqlstate == "0A000" and getattr(error, "server_source_function", None) == "call_bool_check_hook":
        return "25006"
    return error.sqlstate or ""


def broken(error: BaseException) -> bool:
    """Whether it tells that there is no server, or no connection to it any more."""
    if isinstance(error, asyncpg.PostgresError):
        return _state(error).startswith("08") or _state(error) in _GONE
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)
    return isinstance(error, OSError | asyncpg.InternalClientError)  # a TimeoutError is an OSError
