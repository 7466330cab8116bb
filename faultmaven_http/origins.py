"""Which pages may call this server."""

import re
from collections.abc import Sequence

from attrs import field, frozen


def _pattern(origins: Sequence[str]) -> "re.Pattern[str]":
    patterns = [re.escape(origin.rstrip("/")).replace(r"\*", "[A-Za-z0-9.-]*") for origin in origins if origin != "*"]
    return re.compile("|".join(patterns) or r"(?!)")


@frozen
class AllowedOrigins:
    """An origin may hold ``*`` for a run of letters, digits, dots and hyphens; ``*`` alone is every origin."""

    _origins: Sequence[str]
    _allowed: "re.Pattern[str]" = field(init=False)

    @_allowed.default
    def _compiled(self) -> "re.Pattern[str]":
        return _pattern(self._origins)

    def __contains__(self, origin: str) -> bool:
        return "*" in self._origins or self._allowed.fullmatch(origin) is not None
