"""The pages people sign in on: ``/login``, and ``/auth/authorize`` where a client asks for their consent.

A page finds the API beside itself, under the path of PUBLIC_URL where that has one, and asks nobody else. What it is
given it keeps in its own tab (``sessionStorage.fm_auth_state``); opened as ``/login?source=extension`` it hands the
answer of the sign-in to the browser extension that opened it, by a message to its own window and as
``localStorage.fm_auth_state``.
"""

from urllib.parse import urlsplit

from starlette.routing import BaseRoute

from .addresses import Addresses
from .served import served

LOGIN, AUTHORIZE = "/login", "/auth/authorize"


def routes(addresses: Addresses) -> list[BaseRoute]:
    root = urlsplit(addresses.public_url or "").path
    return [
        served(LOGIN, "login.html", root=root),
        served(f"{LOGIN}/login.css", "login.css"),
        served(f"{LOGIN}/login.js", "login.js"),
        served(AUTHORIZE, "authorize.html", root=root),
        served(f"{AUTHORIZE}/authorize.js", "authorize.js"),
    ]
