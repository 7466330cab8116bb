"""Where people's accounts are with another issuer, they sign in at its page, and nobody opens an account here alone."""

from faultmaven_adapters.settings import Identity

from .operation import Call


def takes_anyone(call: Call) -> bool:
    """Whether whoever comes may open an account of this server's own."""
    return call.fm.settings.identity_provider is Identity.JWT


def has_page(call: Call) -> bool:
    """Whether the issuer's page can be gone to: this server is known there as a client."""
    return not takes_anyone(call) and call.fm.settings.oidc_client_id is not None
