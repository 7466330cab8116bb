"""What OAuth 2 clients may ask for, and the rules on it: RFC 6749 for public clients, with PKCE (RFC 7636)."""

import base64
import hashlib
import re
from datetime import datetime, timedelta

from attrs import frozen

from ..kernel.errors import InvalidInput
from .errors import InvalidClient, InvalidGrant, InvalidScope, OAuthRefused
from .models import User

SCOPES = (
    "openid",
    "profile",
    "email",
    "cases:read",
    "cases:write",
    "knowledge:read",
    "knowledge:write",
    "evidence:read",
    "evidence:write",
)
#: What a client gets that names none: all but to change what searches find.
DEFAULT_SCOPES = tuple(scope for scope in SCOPES if scope != "knowledge:write")
CODE_LIVES = timedelta(seconds=60)
#: How long a used code is known again, so that whoever shows it a second time ends what it gave.
CODE_REMEMBERED = timedelta(days=1)
LONGEST_STATE, LONGEST_REDIRECT, LONGEST_CLIENT = 4096, 2048, 200

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CLIENT = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_CLIENT}}}")
#: The characters of a URI (RFC 3986) that follow its authority, without those of a fragment.
_AFTER = r"/[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*"
_ADDRESS = re.compile(
    rf"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?(?P<after>{_AFTER})?"
)
_PATTERN = re.compile(
    rf"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.*-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}|\*))?(?P<after>{_AFTER})?"
)
#: A step within a path that leads elsewhere than its letters say (RFC 3986, 5.2.4), as browsers read it.
_STEP = re.compile(r"/(?:\.|%2e){1,2}(?=[/?]|$)", re.IGNORECASE)
#: A native application's own scheme (RFC 8252, 7.1), which is taken to the letter.
_OWN_SCHEME = re.compile(rf"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:{_AFTER}")


@frozen(kw_only=True)
class Clients:
    """Which clients may ask, all where none is named, and patterns of where they may be answered."""

    ids: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()

    def check(self, client_id: str, redirect_uri: str) -> None:
        """Raises: InvalidClient; OAuthRefused for an address that no pattern covers."""
        if not _CLIENT.fullmatch(client_id) or (self.ids and client_id not in self.ids):
            raise InvalidClient(field="client_id")
        self.check_redirect(redirect_uri)

    def check_redirect(self, redirect_uri: str) -> None:
        """Raises: OAuthRefused for an address that no pattern covers."""
        if len(redirect_uri) > LONGEST_REDIRECT or not any(covers(one, redirect_uri) for one in self.redirects):
            raise OAuthRefused("redirect_uri is not one that this server sends codes to.", field="redirect_uri")


@frozen(kw_only=True)
class AuthorizationRequest:
    """What a client asks a user for, as RFC 6749 (4.1.1) and RFC 7636 (4.3) name it; ``scope`` with spaces."""

    client_id: str
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    scope: str = ""
    state: str | None = None

    def checked(self, clients: Clients) -> "AuthorizationRequest":
        """The same with the scopes that are granted. Raises: OAuthRefused naming what is wrong with it."""
        clients.check(self.client_id, self.redirect_uri)
        if self.code_challenge_method != "S256":
            raise OAuthRefused("code_challenge_method is S256; no other is taken.", field="code_challenge_method")
        check_challenge(self.code_challenge)
        if self.state is not None and len(self.state) > LONGEST_STATE:
            raise OAuthRefused(f"state has at most {LONGEST_STATE} characters.", field="state")
        return AuthorizationRequest(
            client_id=self.client_id,
            redirect_uri=self.redirect_uri,
            code_challenge=self.code_challenge,
            code_challenge_method=self.code_challenge_method,
            scope=" ".join(scopes_of(self.scope)),
            state=self.state,
        )


@frozen(kw_only=True)
class Consent:
    """What a user is asked: whether ``request`` may be granted in their name. Its scopes are those that would be."""

    request: AuthorizationRequest
    user: User


@frozen(kw_only=True)
class Grant:
    """A user's yes: the code that its client turns into tokens, once and within CODE_LIVES."""

    code: str
    state: str | None
    redirect_uri: str


@frozen(kw_only=True)
class AuthorizationCode:
    """A code by its hash, bound to who asked for it. ``family_id`` is the sign-in it gave; None while it is unused."""

    code_hash: str
    user_id: str
    client_id: str
    redirect_uri: str
    challenge: str
    scopes: tuple[str, ...]
    expires_at: datetime
    family_id: str | None = None

    def check(self, *, client_id: str, redirect_uri: str, verifier: str, at: datetime) -> None:
        """Whether it is the asker's and still good. Raises: InvalidGrant, without saying which."""
        if (
            not proves(verifier, self.challenge)
            or at >= self.expires_at
            or (client_id, redirect_uri) != (self.client_id, self.redirect_uri)
        ):
            raise InvalidGrant


def hashed(code: str) -> str:
    """A code as it is kept: whoever reads the database has none."""
    return hashlib.sha256(code.encode()).hexdigest()


def check_challenge(challenge: str) -> None:
    """Raises: OAuthRefused."""
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthRefused("code_challenge is a SHA-256 in 43 characters of base64url.", field="code_challenge")


def proves(verifier: str, challenge: str) -> bool:
    """Whether a verifier is one, and the one that the challenge was made of (RFC 7636, 4.6)."""
    return _VERIFIER.fullmatch(verifier) is not None and challenge_of(verifier) == challenge


def challenge_of(verifier: str) -> str:
    """S256 of RFC 7636, 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def scopes_of(text: str) -> tuple[str, ...]:
    """The known ones of a list with spaces, in our order; DEFAULT_SCOPES for an empty one.

    Raises: InvalidScope where none is known.
    """
    asked = set(text.split())
    granted = tuple(scope for scope in SCOPES if scope in asked)
    if asked and not granted:
        raise InvalidScope(field="scope")
    return granted or DEFAULT_SCOPES


def checked_redirects(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Raises: InvalidInput naming a pattern that is none."""
    for pattern in patterns:
        if not _PATTERN.fullmatch(pattern) and not _OWN_SCHEME.fullmatch(pattern):
            raise InvalidInput(f"{pattern!r} is no pattern of addresses.", pattern=pattern)
    return patterns


def covers(pattern: str, uri: str) -> bool:
    """Whether a pattern allows an address to redirect to.

    A ``*`` stands for one label of a host's name or a part of one, for any port or none (RFC 8252, 7.3), and for
    anything in a path and query. Neither names a user or holds a fragment, nor leads an address out of its path; a
    scheme other than http and https is taken to the letter.
    """
    allowed, address = _PATTERN.fullmatch(pattern), _ADDRESS.fullmatch(uri)
    if allowed is None or address is None:
        return pattern == uri and _OWN_SCHEME.fullmatch(uri) is not None
    return (
        allowed["scheme"] == address["scheme"]
        and _like(allowed["host"].lower(), address["host"].lower(), r"[a-z0-9-]+")
        and (allowed["port"] == address["port"] or allowed["port"] == "*")
        and _like(allowed["after"] or "/", address["after"] or "/", r".*")
        and not _STEP.search((address["after"] or "").partition("?")[0])
    )


def _like(pattern: str, text: str, star: str) -> bool:
    return re.fullmatch(star.join(re.escape(part) for part in pattern.split("*")), text) is not None
