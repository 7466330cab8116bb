"""Where people's accounts are with another issuer, they sign in at its page, and nobody opens an account here alone."""

from urllib.parse import urlsplit

from faultmaven_adapters.settings import Identity

from .operation import Call


def takes_anyone(call: Call) -> bool:
    """Whether whoever comes may open an account of this server's own."""
    return call.fm.settings.registration and not _elsewhere(call)


def _elsewhere(call: Call) -> bool:
    return call.fm.settings.identity_provider is not Identity.JWT


def has_page(call: Call) -> bool:
    """Whether the issuer's page can be gone to: this server is known there as a client."""
    return _elsewhere(call) and call.fm.settings.oidc_client_id is not None


def issuer_name(call: Call) -> str | None:
    """What the issuer is called on a button: its host."""
    return urlsplit(call.fm.settings.issuer() or "").hostname if has_page(call) else None


def own_page(call: Call) -> str:
    """The page of this server that people sign in on, and come back to from the issuer's."""
    return f"{call.addresses.base(call.request)}/login"
