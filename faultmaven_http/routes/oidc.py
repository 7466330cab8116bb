"""Signing in at another issuer's page (OpenID Connect Core 1.0, 3.1), for browsers.

A page makes a verifier, keeps it, and asks where to go with its challenge (RFC 7636). The issuer sends the browser back
to the page with a code and a state, which the page gives here with the verifier, for tokens of this server's own.
"""

from urllib.parse import parse_qs, urlsplit

from attrs import frozen

from faultmaven_domain.auth import Clients, OAuthRefused

from ..elsewhere import has_page, own_page
from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire.auth import SignedInOut
from ..wire.oidc import Departure, DepartureOut
from .auth import entered


@frozen(kw_only=True)
class Leaving:
    """``redirect_uri`` is where the issuer sends the browser on to: this server's /login, or as OAUTH_REDIRECTS has it.

    ``code_challenge_method`` is S256.
    """

    redirect_uri: str
    code_challenge: str
    code_challenge_method: str = "S256"


@frozen(kw_only=True)
class Return:
    """What the issuer gave the page, with its own name where it says that (RFC 9207), and the verifier it kept."""

    code: str
    state: str
    code_verifier: str
    iss: str | None = None


async def initiate(call: Call, *, query: Leaving) -> Reply:
    """Where to sign in. What comes back from there is good for ten minutes."""
    if query.code_challenge_method != "S256":
        raise OAuthRefused("code_challenge_method is S256; no other is taken.", field="code_challenge_method")
    address = await call.fm.auth.sign_in_address(
        redirect_uri=query.redirect_uri,
        challenge=query.code_challenge,
        clients=Clients(redirects=(own_page(call), *call.fm.settings.oauth_redirects)),
    )
    return Reply(value=Departure(address=address, state=parse_qs(urlsplit(address).query)["state"][0]))


async def callback(call: Call, *, query: Return) -> Reply:
    """Sign in with what the issuer gave, once. An account is opened for who has none."""
    signed_in = await call.fm.auth.sign_in(
        code=query.code, state=query.state, verifier=query.code_verifier, issuer=query.iss
    )
    return Reply(value=await entered(call, signed_in))


OPERATIONS = (
    *(
        Operation(
            method=method,
            path="/auth/login/initiate",
            handler=initiate,
            answers={200: DepartureOut},
            group=Group.WRITES,
            errors=(404,),
            there=has_page,
        )
        for method in ("GET", "POST")
    ),
    Operation(
        method="GET",
        path="/auth/callback",
        handler=callback,
        answers={200: SignedInOut},
        group=Group.WRITES,
        errors=(401, 404),
        there=has_page,
    ),
)
