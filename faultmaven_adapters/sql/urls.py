"""Where a database is, as a URL says it; read without asking anybody."""

from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from attrs import field, frozen

from faultmaven_domain.kernel.errors import Misconfigured

from ..settings import shown

_SQLITE = "sqlite:///path/to/file"
_POSTGRES = "postgresql://user:password@host:5432/database"
#: What asyncpg reads in a URL itself, and what is said while connecting. Anything else is a setting of the session.
_DRIVERS = frozenset(
    {
        "host",
        "port",
        "user",
        "password",
        "passfile",
        "options",
        "target_session_attrs",
        "service",
        "krbsrvname",
        "gsslib",
    }
    | {"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version"}
)
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
#: ``ssl``, as SQLAlchemy and JDBC have it, in the words of ``sslmode`` where they differ (libpq takes it so too).
_SSL = {"true": "require", "false": "disable"}


@frozen(kw_only=True)
class PostgresAddress:
    """A PostgreSQL database. ``place`` tells people of it, without a secret; ``dsn`` is as asyncpg takes it."""

    place: str
    dsn: str = field(repr=False)
    #: What each session is to have set, such as a search path.
    settings: tuple[tuple[str, str], ...] = ()
    #: TLS's, by the words that name them.
    files: tuple[tuple[str, Path], ...] = ()


def postgres_address(url: str) -> PostgresAddress:
    """Raises: Misconfigured where it cannot be read, or names no database."""
    try:
        parts = urlsplit(f"postgresql://{url.partition('://')[2]}")
        asked = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError as error:
        raise _unreadable(url) from error
    if parts.fragment or "%00" in url:  # a # is in the middle of somebody's password
        raise _unreadable(url)
    place = shown(url)
    more = [f"{name} {asked[name]}" for name in ("host", "port", "dbname", "database", "service") if asked.get(name)]
    if more and not place.endswith("…"):
        place += f" ({', '.join(more)})"
    named = [asked.pop(name, "") for name in ("dbname", "database")]
    path = parts.path if parts.path.strip("/") else f"/{quote(named[0] or named[1], safe='')}"
    if path == "/" and "service" not in asked:
        raise Misconfigured(f"{place} names no database, as {_POSTGRES} does.")
    mode = asked.pop("ssl", None)
    if mode is not None:
        asked.setdefault("sslmode", _SSL.get(mode.lower(), mode))
    drivers = {name: asked.pop(name) for name in list(asked) if name in _DRIVERS}
    path = "" if path == "/" else path  # asyncpg takes the slash alone for a database without a name
    query = f"?{urlencode(drivers, quote_via=quote, safe='')}" if drivers else ""
    return PostgresAddress(
        place=place,
        dsn=f"postgresql://{parts.netloc}{path}{query}",
        settings=tuple(asked.items()),
        files=tuple((name, Path(drivers[name])) for name in _FILES if name in drivers),
    )


def sqlite_path(url: str) -> Path:
    """The file of ``sqlite:///relative`` or ``sqlite:////absolute``. Raises: Misconfigured."""
    scheme, _, path = url.partition(":///")
    if url.partition(":")[0].partition("+")[0] != "sqlite":
        raise Misconfigured(f"{shown(url)} is no database this server can use: {_SQLITE} is, or {_POSTGRES}.")
    if scheme == url or path in {"", ":memory:"}:
        raise Misconfigured(f"{shown(url)} names no file; a SQLite database is named as {_SQLITE}.")
    return Path(path).absolute()


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path.absolute()}"


def _unreadable(url: str) -> Misconfigured:
    return Misconfigured(
        f"{shown(url)} cannot be read as {_POSTGRES}; signs that mean something in a URL are written as %40 for @, "
        "%2F for /, %23 for #, %3F for ? and %25 for %."
    )
