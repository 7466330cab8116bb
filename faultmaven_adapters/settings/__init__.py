"""Every setting: one class, read once from the environment and checked before anything is opened."""

from .addresses import is_loopback, is_private, shown
from .callers import EXTENSION_ID, Network, extension_origin, origin_of, proxies_of
from .checks import check, problems
from .choices import (
    LLM,
    MODULES,
    AuthMode,
    Embedding,
    FileStorage,
    Identity,
    LogLevel,
    Profile,
    Queue,
    S3Encryption,
    VectorStore,
)
from .databases import WITH_TABLES, databases_of
from .fields import LONGEST_DEADLINE, Settings
from .loading import accepted, load_settings, read_settings
from .placeholders import is_placeholder
from .profiles import DEFAULTS, REQUIRED, looked_for
from .redis import redis_addresses
from .safety import RULES, cautions

__all__ = [
    "DEFAULTS",
    "EXTENSION_ID",
    "LLM",
    "LONGEST_DEADLINE",
    "MODULES",
    "REQUIRED",
    "RULES",
    "WITH_TABLES",
    "AuthMode",
    "Embedding",
    "FileStorage",
    "Identity",
    "LogLevel",
    "Network",
    "Profile",
    "Queue",
    "S3Encryption",
    "Settings",
    "VectorStore",
    "accepted",
    "cautions",
    "check",
    "databases_of",
    "extension_origin",
    "is_loopback",
    "is_placeholder",
    "is_private",
    "load_settings",
    "looked_for",
    "origin_of",
    "problems",
    "proxies_of",
    "read_settings",
    "redis_addresses",
    "shown",
]
