"""Which of an issuer's tokens count here, and what is read from their claims."""

import hashlib
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from faultmaven_domain.auth import SCOPES, Profile
from faultmaven_domain.kernel.principal import ADMIN, USER

#: What a token may call itself (RFC 7519, 5.1; RFC 9068, 2.1); it need not.
TYPES = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
#: Claims that only other kinds of an issuer's tokens have: an ID token's, a logout token's.
NOT_OF_ACCESS = frozenset({"at_hash", "c_hash", "events"})
#: Kinds that Keycloak names in a claim.
NOT_ACCESS = frozenset({"ID", "Refresh", "Offline", "Logout"})
LONGEST_SUBJECT = 255
#: What the ids of an issuer's users begin with; this server's own go on in other letters.
_GUEST = "usr_ext_"
_PLAIN = frozenset({"openid", "profile", "email"})
#: Claims that are a list with spaces in a text (RFC 8693, 4.2).
_OF_WORDS = frozenset({"scope", "scp"})


@frozen(kw_only=True)
class Terms:
    """``parties`` are the clients whose access tokens are taken, any where empty.

    ``roles_claim`` is a claim's name, or the way to one with dots in between. Who is in one of ``admin_groups`` is an
    admin, and nobody else; where there are none, roles stay this server's own affair.
    """

    audience: str
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    parties: tuple[str, ...] = ()
    roles_claim: str = "groups"
    admin_groups: tuple[str, ...] = ()
    scopes: str = "openid profile email"
    audience_asked: bool = False  # whether the issuer wants to be told the audience, as Auth0 does

    def takes(self, claims: Mapping[str, Any]) -> bool:
        """Whether a token that is right otherwise is an access token, and of a client whose tokens are taken."""
        if NOT_OF_ACCESS & set(claims) or str(claims.get("typ")) in NOT_ACCESS:
            return False
        if "nonce" in claims and self.audience == self.client_id:  # an ID token is for its client, too
            return False
        party = claims.get("azp", claims.get("client_id"))
        return not self.parties or party in self.parties

    def profile(self, claims: Mapping[str, Any]) -> Profile:
        verified = claims.get("email_verified", True) in (True, "true")
        email = _text(claims, "email") if verified else None
        return Profile(
            email=email,
            username=_text(claims, "preferred_username") or _text(claims, "nickname"),
            full_name=_text(claims, "name"),
            roles=self._roles(claims),
        )

    def _roles(self, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
        if not self.admin_groups:
            return None
        value = _found(claims, self.roles_claim)
        if isinstance(value, str) and self.roles_claim not in _OF_WORDS:
            value = [value]  # the only one: some issuers make no list of it, and a group's name may have spaces
        groups = _listed(value)
        return (USER, ADMIN) if groups & set(self.admin_groups) else (USER,)


def scopes_in(claims: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Those of ours that a token was granted; all the user may where it names none of them."""
    named = _listed(claims.get("scope", claims.get("scp")))
    ours = tuple(scope for scope in SCOPES if scope in named)
    return ours if set(ours) - _PLAIN else None


def user_id_of(issuer: str, subject: str) -> str:
    """The same for the same subject of the same issuer, and for no other (OpenID Connect Core 1.0, 5.7)."""
    return _GUEST + hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:32]


def is_guest(user_id: str) -> bool:
    """Whether an account is an issuer's user's."""
    return user_id.startswith(_GUEST)


def family_id_of(token: str) -> str:
    """By what is signed: a signature can be written in several ways, and that makes no other token."""
    return "ext_" + hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()


def _found(claims: Mapping[str, Any], name: str) -> object:
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _listed(value: object) -> set[str]:
    if isinstance(value, str):
        return set(value.split())
    return {one for one in value if isinstance(one, str)} if isinstance(value, list) else set()


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value.isprintable() and value.strip() else None
