"""Who knows people and what a token is worth, as the settings say."""

from datetime import timedelta

from attrs import frozen

from faultmaven_domain.auth import AuthTransactions, IdentityProvider, PasswordHasher
from faultmaven_domain.kernel.errors import Misconfigured

from .identity.terms import Terms
from .opening import Opening
from .settings import Identity, Settings


@frozen(kw_only=True)
class Chosen:
    """An issuer's address, and which of its tokens count."""

    issuer: str
    terms: Terms


def add_identity(opening: Opening, secret: str) -> None:
    """Raises: Misconfigured."""
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
    """None where this server knows people by itself. Raises: Misconfigured naming what is missing."""
    if settings.identity_provider is Identity.JWT:
        return None
    from .identity.issuer import is_private

    auth0 = settings.identity_provider is Identity.AUTH0
    issuer, audience = settings.oidc_issuer, settings.oidc_audience or settings.oidc_client_id
    if auth0:
        domain = settings.auth0_domain
        issuer = issuer or (f"https://{domain.removeprefix('https://').strip('/')}/" if domain else None)
        audience = settings.auth0_audience or audience
    if issuer is None:
        raise Misconfigured(f"IDENTITY_PROVIDER={settings.identity_provider} needs {_named(auth0, 'ISSUER')}.")
    if not is_private(issuer):
        raise Misconfigured(f"{_named(auth0, 'ISSUER')} is an https address, or one of this machine.")
    if audience is None:
        raise Misconfigured(f"IDENTITY_PROVIDER={settings.identity_provider} needs {_named(auth0, 'AUDIENCE')}.")
    terms = Terms(
        audience=audience,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        parties=settings.oidc_authorized_parties,
        roles_claim=settings.oidc_roles_claim,
        admin_groups=settings.oidc_admin_groups,
        audience_asked=auth0,
    )
    return Chosen(issuer=issuer, terms=terms)


def _named(auth0: bool, what: str) -> str:
    return {"ISSUER": "AUTH0_DOMAIN", "AUDIENCE": "AUTH0_AUDIENCE"}[what] if auth0 else f"OIDC_{what}"
