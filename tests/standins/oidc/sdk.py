"""What Auth0's own SDK makes of an issuer, told as JSON: ``python sdk.py DOMAIN CLIENT SECRET AUDIENCE BACK VERIFIER``.

It runs by itself, as the SDK takes a certificate's authority from the environment (``REQUESTS_CA_BUNDLE``).
"""

import base64
import hashlib
import json
import sys
from urllib.parse import parse_qs, urlsplit

import requests
from auth0.authentication import GetToken, Users
from auth0.authentication.token_verifier import AsymmetricSignatureVerifier, TokenVerifier

NONCE = "a nonce of its own"


def main(domain: str, client: str, secret: str, audience: str, back: str, verifier: str) -> None:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"redirect_uri": back, "state": "s", "nonce": NONCE, "code_challenge": challenge, "scope": "openid"}
    page = requests.get(f"https://{domain}/authorize", params=asked, allow_redirects=False, timeout=30)
    [code] = parse_qs(urlsplit(page.headers["location"]).query)["code"]

    tokens = GetToken(domain, client, client_secret=secret)
    machine = tokens.client_credentials(audience)
    person = tokens.authorization_code_pkce(verifier, code, redirect_uri=back)
    signature = AsymmetricSignatureVerifier(f"https://{domain}/.well-known/jwks.json")
    claims = TokenVerifier(signature, f"https://{domain}/", client).verify(person["id_token"], nonce=NONCE)
    known = Users(domain).userinfo(person["access_token"])
    said = {"token": person["access_token"], "machine": machine["access_token"], "claims": claims, "known": known}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
