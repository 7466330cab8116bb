"""Issuers of tokens: one in this process whose every move can be told, and a public package in its own."""

from .issuer import Place, StandInIssuer
from .provider import provider

__all__ = ["Place", "StandInIssuer", "provider"]
