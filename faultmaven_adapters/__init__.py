"""The ports' adapters, and the door to all of it: ``async with faultmaven_adapters.open(path) as fm``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bootstrap import open
    from .library import OPERATOR, FaultMaven, Ingested
    from .owner import DirectoryHeld, Role

__all__ = ["OPERATOR", "DirectoryHeld", "FaultMaven", "Ingested", "Role", "open"]

_PLACES = {"open": "bootstrap", "DirectoryHeld": "owner", "Role": "owner"}


def __getattr__(name: str) -> Any:
    """Imported when asked for: the processes that read files need one adapter and none of the rest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PLACES.get(name, 'library')}", __name__), name)
