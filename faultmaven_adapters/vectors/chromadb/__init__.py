"""Passages in ChromaDB: in a folder that one process has open, or at ``chroma run``, its own server, for many."""

from .embedded import EmbeddedChroma
from .provider import ChromaVectorProvider
from .server import ChromaServer

__all__ = ["ChromaServer", "ChromaVectorProvider", "EmbeddedChroma"]
