from collections.abc import Awaitable, Callable
from typing import NoReturn

from faultmaven_domain.kernel.errors import Unavailable


class AbsentModule:
    """Stands in for the service of a module that runs elsewhere, nobody said where, and nothing here depends on."""

    def __init__(self, module: str, service: type) -> None:
        self._module, self._service = module, service

    def __getattr__(self, name: str) -> Callable[..., Awaitable[NoReturn]]:
        if name.startswith("_") or not hasattr(self._service, name):
            raise AttributeError(name)
        return self._absent

    async def _absent(self, **_: object) -> NoReturn:
        raise Unavailable(
            f"The {self._module} module does not run here, and {self._module.upper()}_URL does not say where."
        )
