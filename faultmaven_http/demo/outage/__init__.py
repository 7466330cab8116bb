"""The making of the bundled incident: a shop's afternoon, played from a seed."""

from .play import Outage, play
from .stills import config_text, pods_text

__all__ = ["Outage", "config_text", "play", "pods_text"]
