"""Which pages may call this server. An origin is written as browsers send it: ``scheme://host`` and perhaps a port."""

import re
from collections.abc import Iterable

from attrs import frozen

from faultmaven_adapters.settings import EXTENSION_ID, Profile, Settings, extension_origin, origin_of

from .addresses import Addresses

#: Where pages are served on the machine of whoever works on them or runs them beside this server.
LOCAL_PORTS = (3000, 3333, 4173, 5173)
ANY_EXTENSION = "chrome-extension://*"

_ANY = r"(?!file:)[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
_IDS = {"chrome-extension": EXTENSION_ID.pattern, "moz-extension": "[0-9a-f-]{36}"}
_LEFT_OUT = {"http": "80", "https": "443"}  # ports that no browser names


@frozen
class AllowedOrigins:
    """A host may hold ``*`` for a run of letters, digits, dots and hyphens, and a port may be one; ``*`` alone is all.

    For an extension ``*`` is an id. ``null`` and files have no origin of their own and are never allowed.
    """

    _allowed: "re.Pattern[str]"

    @classmethod
    def among(cls, origins: Iterable[str]) -> "AllowedOrigins":
        """Raises: Misconfigured for what is no origin."""
        return cls(re.compile("|".join(_pattern(origin) for origin in origins) or r"(?!)"))

    @classmethod
    def of(cls, settings: Settings) -> "AllowedOrigins":
        """Those that are set; where none are, on a loopback address in Core, the usual local ones and any extension.

        Raises: Misconfigured for what is no origin, or no extension's id.
        """
        extensions = [extension_origin(name) for name in settings.extension_ids]
        addresses = Addresses.of(settings)
        if settings.cors_origins or settings.profile is not Profile.CORE or not addresses.bound_to_loopback:
            return cls.among([*settings.cors_origins, *extensions])
        own = [f"http://{name}:{port}" for name in ("localhost", "127.0.0.1") for port in (*LOCAL_PORTS, settings.port)]
        return cls.among([*own, f"http://{addresses.bind}", *(extensions or [ANY_EXTENSION])])

    def __contains__(self, origin: str) -> bool:
        return self._allowed.fullmatch(origin) is not None


def _pattern(text: str) -> str:
    origin = origin_of(text)
    if origin is None:
        return _ANY
    name = re.escape(f"{origin.scheme}://{origin.host}").replace(r"\*", _IDS.get(origin.scheme, "[a-z0-9.-]*"))
    if origin.port is None or origin.port == _LEFT_OUT.get(origin.scheme):
        return name
    return name + (":[0-9]{1,5}" if origin.port == "*" else f":{origin.port}")
