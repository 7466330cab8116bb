"""How a client's user gets in: by a name alone on a laptop; elsewhere nothing is there for that, and a password does.

Where a client knows no other way, its user signs in at the server's own page, which hands on the same answer.
"""

from tests.clients.needs import DETAIL, WORD, equal
from tests.clients.wire import Reads, Step, Wire

PASSWORD = "correct horse"
DEV_LOGIN, LOGIN = "POST /api/v1/auth/dev-login", "POST /api/v1/auth/login"
#: As every address answers that is not there.
NOT_THERE: Reads = {"detail": DETAIL, "error.code": equal("NOT_FOUND"), "error.message": WORD}


def signed_in(wire: Wire, user: str, reads: Reads) -> Step:
    if wire.by_name:
        return wire("sign in", DEV_LOGIN, reads, body={"username": user})
    refused(wire, user)
    return wire("sign in with a password", LOGIN, reads, body={"username": user, "password": PASSWORD})


def refused(wire: Wire, user: str) -> None:
    wire("sign in by a name alone", DEV_LOGIN, NOT_THERE, status=404, body={"username": user})
