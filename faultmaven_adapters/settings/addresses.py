"""What an address leads to, and how one is shown."""

from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_WEB = {"http", "https"}


def is_loopback(host: str) -> bool:
    """Whether a host's name or address leads nowhere but to this machine (RFC 6761, 6.3; RFC 1122, 3.2.1.3)."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_web_address(text: str) -> bool:
    parts = _parts(text)
    return parts is not None and parts.scheme in _WEB and bool(parts.hostname) and not any(map(str.isspace, text))


def is_private(url: str) -> bool:
    """Whether nobody on the way can read or change what is said there: https, or this machine."""
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def is_here(url: str) -> bool:
    """Whether a server's address, or each of several separated by commas, is this machine's or a socket's path.

    PostgreSQL's may name its host behind the question mark (libpq's manual, "Connection URIs").
    """
    place, _, query = url.partition("://")[2].partition("?")
    where = unquote(place.rpartition("@")[2].partition("/")[0]) or ",".join(parse_qs(query).get("host", ())[-1:])
    return all(not part or part.startswith("/") or is_loopback(_host(part)) for part in where.split(","))


def shown(url: str) -> str:
    """An address without what may be secret in it: user, password, and what follows a question mark."""
    scheme, separator, rest = url.partition("://")
    place = rest.partition("?")[0].partition("#")[0]
    if not separator:
        return "…" if "@" in url else url
    if place.startswith("/") and (scheme.startswith("sqlite") or "@" not in place):
        return f"{scheme}{separator}{place}"
    if "@" in rest and "@" not in place:  # a password with such a sign in it, or a query with an @: nobody can tell
        return f"{scheme}://…"
    return f"{scheme}://{place.rpartition('@')[2]}"


def _host(part: str) -> str:
    """``[::1]:6379`` and ``localhost:6379`` without their ports."""
    if part.startswith("["):
        return part.partition("]")[0].strip("[")
    return part if part.count(":") > 1 else part.partition(":")[0]


def _parts(text: str) -> SplitResult | None:
    """None for what is no address, as one whose port is none."""
    try:
        parts = urlsplit(text)
        return None if parts.port == 0 else parts
    except ValueError:
        return None
