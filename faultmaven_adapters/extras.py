"""Vendors that come as an extra of this distribution: loaded when they are asked for, and missed in words."""

from collections.abc import Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from faultmaven_domain.kernel.errors import Misconfigured

from .settings import WITH_TABLES, FileStorage, Settings, VectorStore

#: What each brings that is imported.
EXTRAS = {"postgres": ("asyncpg", "greenlet"), "s3": ("s3fs",), "chromadb": ("chromadb",)}


def needed(extra: str, module: str) -> ModuleType:
    """A vendor's module, imported. Raises: Misconfigured naming the command that adds it."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        says = f"The package {error.name} is not installed; {command([extra])} adds it."
        raise Misconfigured(says) from error


def wanted(settings: Settings) -> list[str]:
    """The extras that the settings' choices need."""
    databases = [settings.database_of(module) for module in WITH_TABLES]
    chosen = {
        "postgres": any(url.startswith("postgres") for url in databases),
        "s3": settings.file_storage is FileStorage.S3,
        "chromadb": settings.vector_store is VectorStore.CHROMADB and settings.chromadb_url is None,
    }
    return [extra for extra in EXTRAS if chosen[extra]]


def missing(extras: Collection[str], brings: Mapping[str, Collection[str]] = EXTRAS) -> str | None:
    """Which of their packages are not installed, and the one command that adds them all; None where all are."""
    lacking = {extra: [name for name in brings[extra] if find_spec(name) is None] for extra in extras}
    names = [name for those in lacking.values() for name in those]
    if not names:
        return None
    adds = command([extra for extra, those in lacking.items() if those])
    return f"Not installed: {', '.join(names)}. {adds} mends that."


def require(extras: Collection[str]) -> None:
    """Raises: Misconfigured naming all that is not installed, and the command that adds it."""
    says = missing(extras)
    if says is not None:
        raise Misconfigured(says)


def command(extras: Collection[str]) -> str:
    return f"`pip install 'faultmaven[{','.join(extras)}]'`"
