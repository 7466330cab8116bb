"""Every setting: one class, read once from the environment and checked before anything is opened."""

from .addresses import is_loopback, is_private, shown
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
from .fields import LONGEST_DEADLINE, Settings
from .loading import accepted, load_settings, read_settings
from .profiles import DEFAULTS, REQUIRED, looked_for
from .redis import redis_addresses
from .safety import RULES, WITH_TABLES, cautions, is_placeholder

__all__ = [
    "DEFAULTS",
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
    "Profile",
    "Queue",
    "S3Encryption",
    "Settings",
    "VectorStore",
    "accepted",
    "cautions",
    "check",
    "is_loopback",
    "is_placeholder",
    "is_private",
    "load_settings",
    "looked_for",
    "problems",
    "read_settings",
    "redis_addresses",
    "shown",
]
