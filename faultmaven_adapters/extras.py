"""Vendors that come as an extra of this distribution: loaded when they are asked for, and missed in words."""

from importlib import import_module
from types import ModuleType

from faultmaven_domain.kernel.errors import Misconfigured


def needed(extra: str, module: str) -> ModuleType:
    """A vendor's module, imported. Raises: Misconfigured naming the command that adds it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        says = f"The package {error.name} is not installed; `pip install 'faultmaven[{extra}]'` adds it."
        raise Misconfigured(says) from error
