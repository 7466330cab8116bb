"""Where a database is, as a URL says it; read without asking anybody."""

from collections.abc import Iterator
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
#: What other programs tell themselves in a URL, and no server knows: PostgreSQL's own clients (its manual, 32.1),
#: Prisma, and SQLAlchemy with asyncpg. Who asks in it for more safety than we have is told so, but of channel binding,
#: which Neon has in each of its URLs. How long connecting takes is set elsewhere.
_OTHERS = frozenset(
    {"channel_binding", "client_encoding", "connect_timeout", "fallback_application_name", "gssdelegation"}
    | {"gssencmode", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts"}
    | {"max_protocol_version", "min_protocol_version", "sslcompression", "sslkeylogfile", "sslsni"}
    | {"connection_limit", "max_connection_lifetime", "max_idle_connection_lifetime", "pgbouncer", "pool_timeout"}
    | {"single_use_connections", "socket_timeout"}
    | {"async_fallback", "command_timeout", "max_cacheable_statement_size", "max_cached_statement_lifetime"}
    | {"prepared_statement_cache_size", "prepared_statement_name_func", "statement_cache_size", "timeout"}
)
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
#: ``ssl``, as SQLAlchemy and JDBC have it, in the words of ``sslmode`` where they differ (libpq takes it so too).
_SSL = {"true": "require", "false": "disable"}


@frozen(kw_only=True)
class PostgresAddress:
    """A PostgreSQL database. ``place`` tells people of it, without a secret."""

    place: str
    #: As asyncpg takes them, one for each host in the order they are to be asked. There is one at least.
    dsns: tuple[str, ...] = field(repr=False)
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
    if asked.pop("requiressl", None) == "1":  # what sslmode was before there was one
        asked.setdefault("sslmode", "require")
    schema = asked.pop("schema", None)  # Prisma's
    if schema:
        asked.setdefault("search_path", '"' + schema.replace('"', '""') + '"')
    drivers = {name: asked.pop(name) for name in list(asked) if name in _DRIVERS}
    path = "" if path == "/" else path  # asyncpg takes the slash alone for a database without a name
    return PostgresAddress(
        place=place,
        dsns=tuple(_dsns(parts.netloc, path, drivers)),
        settings=tuple((name, value) for name, value in asked.items() if name.lower() not in _OTHERS),
        files=tuple((name, Path(drivers[name])) for name in _FILES if name in drivers),
    )


def _dsns(netloc: str, path: str, drivers: dict[str, str]) -> Iterator[str]:
    """One for each host: given several asyncpg spends all its time on the first of them that says nothing.

    Given one alone it would take that for what is preferred, so they are asked for a standby first, and then again.
    """
    login, at, hosts = netloc.rpartition("@")
    if hosts:
        each = [(f"{login}{at}{host}", drivers) for host in hosts.split(",")]
    else:
        names, ports = drivers.get("host", "").split(","), drivers.get("port", "").split(",")
        ports = ports * len(names) if len(ports) == 1 else ports
        pairs = zip(names, ports, strict=True) if len(names) == len(ports) else ()
        each = [(netloc, drivers | {"host": name, "port": port}) for name, port in pairs]
    several = len(each) > 1
    preferring = several and drivers.get("target_session_attrs") == "prefer-standby"
    for kind in ("standby", "any") if preferring else ("",):
        for where, what in each if several else [(netloc, drivers)]:
            asked = {name: value for name, value in what.items() if value}
            asked |= {"target_session_attrs": kind} if kind else {}
            yield f"postgresql://{where}{path}{'?' if asked else ''}{urlencode(asked, quote_via=quote, safe='')}"


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
