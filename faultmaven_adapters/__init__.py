"""The ports' adapters, and the door to all of it: ``async with faultmaven_adapters.open(path) as fm``."""

from .bootstrap import open
from .library import OPERATOR, FaultMaven, Ingested
from .owner import DirectoryHeld, Role

__all__ = ["OPERATOR", "DirectoryHeld", "FaultMaven", "Ingested", "Role", "open"]
