"""Who may call, as settings name them: proxies, the origins of pages, browser extensions."""

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from attrs import frozen

from faultmaven_domain.kernel.errors import Misconfigured

from .fields import Settings

Network = IPv4Network | IPv6Network
EXTENSION_ID = re.compile("[a-p]{32}")
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9*._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}|\*))?"
)


@frozen(kw_only=True)
class Origin:
    """As browsers send it, in small letters; ``host`` may hold ``*``, and ``port`` may be one, or None."""

    scheme: str
    host: str
    port: str | None = None


def caller_problems(settings: Settings) -> Iterator[str]:
    """Why these cannot be started with."""
    named: list[tuple[Callable[[str], object], str]] = [(_network, text) for text in settings.trusted_proxies]
    named += [(origin_of, text) for text in settings.cors_origins]
    named += [(extension_origin, name) for name in settings.extension_ids]
    for read, text in named:
        try:
            read(text)
        except Misconfigured as error:
            yield error.message


def proxies_of(trusted_proxies: tuple[str, ...]) -> tuple[Network, ...]:
    """Raises: Misconfigured for what is no address or network."""
    return tuple(_network(text) for text in trusted_proxies)


def origin_of(text: str) -> Origin | None:
    """One of CORS_ORIGINS; None is any, as ``*`` says. Raises: Misconfigured for what no browser sends."""
    if text == "*":
        return None
    match = _ORIGIN.fullmatch(text.strip().rstrip("/").lower())
    if match is None:
        raise Misconfigured(f"CORS_ORIGINS holds {text!r}; an origin is like https://example.org or http://10.0.0.7:81")
    return Origin(scheme=match["scheme"], host=match["host"], port=match["port"])


def extension_origin(name: str) -> str:
    """That of an extension's pages, one of EXTENSION_IDS. Raises: Misconfigured for what is no extension's id."""
    if not EXTENSION_ID.fullmatch(name):
        raise Misconfigured(f"EXTENSION_IDS holds {name!r}; an extension's id is 32 letters from a to p.")
    return f"chrome-extension://{name}"


def _network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise Misconfigured(f"TRUSTED_PROXIES holds {text!r}, which is no address or network.") from error
