"""Signing in by a name alone, without a password: who gets that far.

It is for trying things out and for clients that know no other way. The settings say whether a server does it at all
(``Settings.passwordless``); on a loopback address it answers under loopback names only, as ``Addresses.names_us`` tells
why. Elsewhere these ways are as if they were not there.
"""

from .operation import Call


def is_open(call: Call) -> bool:
    """Whether whoever makes this request may sign in without a password."""
    return call.fm.settings.passwordless() and call.addresses.names_us(call.request)
