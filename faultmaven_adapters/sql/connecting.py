"""A new connection to a PostgreSQL server, with what its session is to be like; and why there is none."""

import asyncio
import re
import ssl
import time
from typing import Any, TypeAlias

import asyncpg

from faultmaven_domain.kernel.errors import Misconfigured, Unavailable

from .engines import Limits
from .postgres_errors import AWAY, FULL, REFUSED, broken, meant, noted
from .urls import PostgresAddress

#: How long a transaction may hold up the others without a word, in seconds: its process has come to a halt.
SILENCE = 60
#: What the client waits for beyond what the server was told, in seconds: then it is the network that is gone.
GRACE = 5.0

Connection: TypeAlias = "asyncpg.Connection[Any]"

#: Said while connecting. Nothing else is: PgBouncer refuses whatever it does not itself keep for each client.
_SAID = {"application_name": "faultmaven", "timezone": "UTC"}
_TLS = (
    "The database's certificate is not vouched for by what its URL names (sslmode, sslrootcert), or is another host's."
)
_NO_TLS = "The database speaks no TLS, which its URL asks for (sslmode)."
_UNREADABLE = "The database's URL cannot be read."
_NOT_SO = "The database refuses to be connected to as its URL asks."
#: Poolers have one SQLSTATE for everything, so their words have to tell (those of PgBouncer, Supavisor and Neon). Much
#: of it is over soon: "host not found", "authentication query failed", "no such file".
_NO_PLACE = re.compile(r"no more connections|max[ _]?clients?|too many", re.IGNORECASE)
_NO_ENTRY = re.compile(
    r"password|auth(entication)? failed|(user|role|database)\b.* not exist|no such (user|role|database)"
    r"|tenant\b.* not found",
    re.IGNORECASE,
)
_NOT_TAKEN = re.compile(r"unsupported|required|denied|not allowed", re.IGNORECASE)
#: PgBouncer's only one; and what is another thing later on.
_POOLERS, _NO_FEATURE = "08P01", "0A000"
#: A value, a name, a feature, and a setting that a session cannot change.
_ASKED_WRONGLY = ("22", "42", "0A", "55P02")


async def connect(address: PostgresAddress, limits: Limits) -> Connection:
    """Several hosts are asked one after the other, each for its share of the time that is left.

    Raises: Unavailable; Misconfigured where the server will not have us. A note on either says the address and what
    the server said, for those who run this: the message itself may reach anybody.
    """
    until, left = time.monotonic() + limits.connecting, list(address.dsns)
    while True:
        share = (until - time.monotonic()) / len(left)
        try:
            return await _connected(left.pop(0), address, limits, share)
        except Exception as error:
            if not left or not broken(error):
                raise noted(_refusal(error, address), error, address.place) from error


async def _connected(dsn: str, address: PostgresAddress, limits: Limits, seconds: float) -> Connection:
    connection: Connection | None = None
    try:
        async with asyncio.timeout(seconds):
            connection = await asyncpg.connect(
                dsn,
                timeout=seconds,
                command_timeout=max(limits.statement, limits.patience) + GRACE,
                server_settings=_SAID,
                statement_cache_size=500,
                max_cached_statement_lifetime=0,
            )
            await connection.execute(_set(address, limits))
    except BaseException:
        if connection is not None:
            connection.terminate()
        raise
    return connection


def _set(address: PostgresAddress, limits: Limits) -> str:
    """One question, so that it costs one round trip. What we need wins over what the URL asks for."""
    ours = {
        "statement_timeout": str(int(limits.statement * 1000)),
        "lock_timeout": str(int(limits.patience * 1000)),
        "idle_in_transaction_session_timeout": str(SILENCE * 1000),
        # a client whose machine is gone is noticed before the silence is over
        "tcp_keepalives_idle": "20",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        "jit": "off",  # for short questions it costs more than it saves
    }
    wanted = {name: value for name, value in address.settings if name.lower() not in {*ours, *_SAID}}
    calls = [f"set_config({_quoted(name)}, {_quoted(value)}, false)" for name, value in (wanted | ours).items()]
    return f"SELECT {', '.join(calls)}"


def _quoted(text: str) -> str:
    """As a literal that means the same whatever ``standard_conforming_strings`` is."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _refusal(error: Exception, address: PostgresAddress) -> Exception:
    if isinstance(error, ssl.SSLError):  # some of them are ValueErrors too
        return Misconfigured(_TLS)
    if isinstance(error, ValueError | OverflowError):  # the latter of a port
        return Misconfigured(_UNREADABLE)
    if isinstance(error, OSError) and (missing := [name for name, path in address.files if not path.is_file()]):
        return Misconfigured(f"The database's URL names a file that is not there ({', '.join(missing)}).")
    if "rejected SSL upgrade" in str(error):  # asyncpg has no class for it
        return Misconfigured(_NO_TLS)
    if isinstance(error, asyncpg.PostgresError):
        return _refused(error)
    told = meant(error)
    return Misconfigured(_NOT_SO) if isinstance(told, asyncpg.InterfaceError) else told


def _refused(error: asyncpg.PostgresError) -> Exception:
    """Final is only what asking again does not change; what nobody knows may be over soon, and the note tells of it."""
    state, words, told = error.sqlstate or "", str(error), meant(error)
    if state not in {_POOLERS, _NO_FEATURE} and isinstance(told, Misconfigured | Unavailable):
        return told
    if _NO_PLACE.search(words):
        return Unavailable(FULL)
    if _NO_ENTRY.search(words):
        return Misconfigured(REFUSED)
    if state.startswith(_ASKED_WRONGLY) or (state == _POOLERS and _NOT_TAKEN.search(words)):
        return Misconfigured(_NOT_SO)
    return Unavailable(AWAY)
