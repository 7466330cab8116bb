"""A whole deployment as its operator would start it, from its databases to its last worker."""

from .day import a_day
from .fleet import Fleet
from .front import front

__all__ = ["Fleet", "a_day", "front"]
