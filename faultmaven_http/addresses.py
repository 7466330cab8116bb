"""Who is calling from where, and where this server is reached. Forwarded headers count from trusted proxies only."""

import re
from ipaddress import ip_address

from attrs import frozen
from starlette.requests import HTTPConnection, Request

from faultmaven_adapters.settings import Network, Settings, is_loopback, proxies_of

_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?P<port>:[0-9]{1,5})?")


@frozen(kw_only=True)
class Addresses:
    public_url: str | None
    bind: str  # host:port this server listens on
    bound_to_loopback: bool
    proxies: tuple[Network, ...]

    @classmethod
    def of(cls, settings: Settings) -> "Addresses":
        """Raises: Misconfigured for a proxy that is no address."""
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        return cls(
            public_url=settings.public_url and settings.public_url.rstrip("/"),
            bind=f"{name}:{settings.port}",
            bound_to_loopback=is_loopback(settings.host),
            proxies=proxies_of(settings.trusted_proxies),
        )

    def base(self, request: Request) -> str:
        """Where this server is for the one who asks, without a slash at its end."""
        if self.public_url:
            return self.public_url
        match = _HOST.fullmatch(request.headers.get("host", "")) or _HOST.fullmatch(self.bind)
        name, port = (match["name"], match["port"] or "") if match else ("localhost", "")
        if self.bound_to_loopback and is_loopback(name):
            name = "localhost"
        scheme = str(request.scope.get("scheme", "http"))
        if self._trusts(self._peer(request)):
            forwarded = request.headers.get("x-forwarded-proto", "").strip().lower()
            scheme = forwarded if forwarded in {"http", "https"} else scheme
        return f"{scheme}://{name}{port}"

    def names_us(self, request: Request) -> bool:
        """Whether the Host a request is for is a name of ours that nobody else can have.

        A page anywhere may let its own name point to 127.0.0.1 and then call this server as if it were its own (DNS
        rebinding). It cannot choose the Host that the browser sends, so a server on a loopback address that answers
        more than it would to strangers does so under loopback names alone, and under its public one.
        """
        if not self.bound_to_loopback:
            return True
        match = _HOST.fullmatch(request.headers.get("host", ""))
        public = (self.public_url or "").partition("://")[2].partition("/")[0].partition(":")[0].lower()
        return match is not None and (is_loopback(match["name"]) or match["name"].lower() == public)

    def caller(self, request: HTTPConnection) -> str:
        """The address of whoever asks: the last one that no trusted proxy vouches for."""
        peer = self._peer(request)
        hops = [hop.strip() for value in request.headers.getlist("x-forwarded-for") for hop in value.split(",")]
        while hops and self._trusts(peer):
            hop = hops.pop()
            if not _is_address(hop):
                break
            peer = hop
        return peer

    def _peer(self, request: HTTPConnection) -> str:
        return request.client.host if request.client else "local"

    def _trusts(self, address: str) -> bool:
        return _is_address(address) and any(ip_address(address) in network for network in self.proxies)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
