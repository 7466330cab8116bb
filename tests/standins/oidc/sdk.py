"""What Auth0's own SDK makes of an issuer: ``python -m tests.standins.oidc.sdk DOMAIN CODE VERIFIER NONCE``."""

import json
import sys

from auth0.authentication import GetToken, Users
from auth0.authentication.token_verifier import AsymmetricSignatureVerifier, TokenVerifier

from tests.contracts.identity_provider import BACK
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, SECRET


def main(domain: str, code: str, verifier: str, nonce: str) -> None:
    tokens = GetToken(domain, CLIENT, client_secret=SECRET)
    machine = tokens.client_credentials(AUDIENCE)
    person = tokens.authorization_code_pkce(verifier, code, redirect_uri=BACK)
    signature = AsymmetricSignatureVerifier(f"https://{domain}/.well-known/jwks.json")
    claims = TokenVerifier(signature, f"https://{domain}/", CLIENT).verify(person["id_token"], nonce=nonce)
    known = Users(domain).userinfo(person["access_token"])
    sys.stdout.write(json.dumps({"machine": sorted(machine), "claims": claims, "known": known}))


if __name__ == "__main__":
    main(*sys.argv[1:])
