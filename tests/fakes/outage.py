from typing import Any

from faultmaven_domain.kernel.errors import Unavailable


class Out:
    """A port one method of which does not answer; the others do."""

    def __init__(self, port: Any, method: str) -> None:
        self._port, self._method = port, method

    def __getattr__(self, name: str) -> Any:
        return self._unavailable if name == self._method else getattr(self._port, name)

    async def _unavailable(self, *args: object, **kwargs: object) -> None:
        raise Unavailable
