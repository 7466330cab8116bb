"""Signing in by a name alone, without a password: who gets that far.

It is for trying things out and for clients that know no other way. The settings say whether a server does it at all
(``Settings.passwordless``); on a loopback address it answers under loopback names only, as ``Addresses.names_us`` tells
why. Elsewhere these ways are as if they were not there.
"""

from faultmaven_adapters.settings import Profile

from .operation import Call


def is_open(call: Call) -> bool:
    """Whether whoever makes this request may sign in without a password."""
    return call.fm.settings.passwordless() and call.addresses.names_us(call.request)


def is_rebound(call: Call) -> bool:
    """Whether a server that only its own machine reaches is asked under a name that is not its own.

    That is a page that let its own name point here (DNS rebinding), and it opens no account: the first one with a
    password would be an admin's. Where a proxy passes such names on, PUBLIC_URL says so.
    """
    settings = call.fm.settings
    reached = settings.profile is not Profile.CORE or settings.public_url is not None or bool(settings.trusted_proxies)
    return not reached and not call.addresses.names_us(call.request)
