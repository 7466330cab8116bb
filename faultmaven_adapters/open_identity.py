"""Who knows people and what a token is worth, as the settings say."""

from datetime import timedelta

from attrs import frozen

from faultmaven_domain.auth import AuthTransactions, IdentityProvider, PasswordHasher

from .identity.terms import Terms
from .opening import Opening
from .settings import Identity, Settings


@frozen(kw_only=True)
class Chosen:
    """An issuer's address, and which of its tokens count."""

    issuer: str
    terms: Terms


def add_identity(opening: Opening, secret: str) -> None:
    from .identity.argon2 import Argon2Hasher
    from .identity.jwt import JwtIdentityProvider

    settings = opening.settings
    own = JwtIdentityProvider(
        secret,
        opening.adapters[AuthTransactions],
        opening.clock,
        opening.ids,
        access=timedelta(minutes=settings.access_token_minutes),
        refresh=timedelta(days=settings.refresh_token_days),
    )
    opening.add(IdentityProvider, own)
    opening.add(PasswordHasher, Argon2Hasher())
    chosen = terms_of(settings)
    if chosen is not None:
        from .identity.issuer import Issuer
        from .identity.oidc import OidcIdentityProvider

        identity = OidcIdentityProvider(own, Issuer(chosen.issuer, opening.clock), chosen.terms)
        opening.add(IdentityProvider, identity)
        opening.watch("issuer", identity)


def terms_of(settings: Settings) -> Chosen | None:
    """None where this server knows people by itself."""
    if settings.identity_provider is Identity.JWT:
        return None
    issuer, audience = settings.issuer(), settings.audience()
    assert issuer is not None  # the settings' check
    assert audience is not None
    terms = Terms(
        audience=audience,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        parties=settings.oidc_authorized_parties,
        roles_claim=settings.oidc_roles_claim,
        admin_groups=settings.oidc_admin_groups,
        audience_asked=settings.identity_provider is Identity.AUTH0,
    )
    return Chosen(issuer=issuer, terms=terms)
