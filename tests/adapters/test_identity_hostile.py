"""Tokens that nobody should take."""

import base64
import hmac
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws

from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.identity.tokens import LONGEST_TOKEN
from faultmaven_domain.auth import InvalidToken
from tests.adapters.oidc_place import JSON, TERMS, clock, identity, issuer, place, refused
from tests.fakes.clock import FakeClock
from tests.standins.oidc import StandInIssuer
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, a_key
from tests.standins.running import running

__all__ = ["clock", "identity", "issuer", "place"]

#: What tokens say that somebody reads, in their headers and as claims.
SAID = (
    *("alg", "kid", "typ", "crit", "cty", "b64", "iss", "sub", "aud", "azp", "client_id", "exp", "nbf", "iat", "scope"),
    *("scp", "email", "email_verified", "name", "nickname", "preferred_username", "realm_access", "nonce", "gty"),
)


def by_hand(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode()


class TestHostile:
    @pytest.fixture
    def claims(self, issuer: StandInIssuer) -> dict[str, Any]:
        return issuer.claims()

    @pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "nOnE", "HS384", "HS512", "RSA-OAEP", "EdDSA", "dir"])
    async def test_no_other_algorithm(
        self, alg: str, identity: OidcIdentityProvider, issuer: StandInIssuer, claims: dict[str, Any]
    ) -> None:
        """Tokens without a signature, or with another kind, are refused before anybody is asked for a key."""
        await refused(identity, by_hand({"alg": alg, "kid": "first"}, claims))
        await refused(identity, by_hand({"alg": alg}, claims, b"signature"))
        assert issuer.asked.total() == 0

    @pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
    @pytest.mark.parametrize("form", ["pem", "der", "json", "n"])
    async def test_the_public_key_is_no_secret(
        self, alg: str, form: str, identity: OidcIdentityProvider, issuer: StandInIssuer, claims: dict[str, Any]
    ) -> None:
        """A token signed with the published key as if it were a shared secret is refused."""
        key = issuer.signing
        public = key.as_dict(private=False)
        secrets: dict[str, Callable[[], bytes]] = {
            "pem": lambda: key.as_pem(private=False),
            "der": lambda: key.as_der(private=False),
            "json": lambda: json.dumps(public).encode(),
            "n": lambda: str(public["n"]).encode(),
        }
        body = by_hand({"alg": alg, "kid": "first"}, claims).rstrip(".")
        signature = hmac.digest(secrets[form](), body.encode(), f"sha{alg[2:]}")

        await refused(identity, by_hand({"alg": alg, "kid": "first"}, claims, signature))

    @pytest.mark.parametrize("alg", ["RS512", "PS256", "ES256"])
    async def test_the_header_does_not_choose(
        self, alg: str, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """A signature of one algorithm under the name of another is refused."""
        _, payload, signature = issuer.token().split(".")
        swapped = base64.urlsafe_b64encode(json.dumps({"alg": alg, "kid": "first"}).encode()).rstrip(b"=").decode()
        await refused(identity, f"{swapped}.{payload}.{signature}")

    async def test_a_key_is_for_its_own_algorithm(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """A key that is published for one algorithm verifies no other."""
        issuer.published = [{**issuer.published[0], "alg": "RS256"}]

        assert await identity.validate_token(issuer.token())
        await refused(identity, issuer.token(alg="RS512"), issuer.token(alg="PS256"))

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": None},
            {"iss": "https://elsewhere.example/"},
            {"iss": ["x"]},
            {"aud": None},
            {"aud": "another"},
            {"aud": []},
            {"aud": [AUDIENCE + "x"]},
            {"aud": [AUDIENCE, 7]},
            {"aud": {AUDIENCE: 1}},
            {"aud": CLIENT},
            {"exp": None},
            {"exp": 1},
            {"exp": "9999999999"},
            {"exp": True},
            {"exp": 10**30},
            {"exp": 1e300},
            {"nbf": 10**12},
            {"nbf": "0"},
            {"iat": 10**12},
            {"sub": None},
            {"sub": ""},
            {"sub": 7},
            {"sub": "x" * 256},
            {"sub": "\ud800"},
            {"sub": "a\nb"},
            {"at_hash": "x"},
            {"events": {}},
            {"typ": "ID"},
            {"typ": "Refresh"},
        ],
    )
    async def test_every_claim_counts(
        self, change: dict[str, Any], identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """A token signed by the issuer is still refused when a claim is wrong, is missing, or makes it another kind."""
        claims = {name: value for name, value in {**issuer.claims(), **change}.items() if value is not None}
        header = {"alg": "RS256", "kid": "first"}
        payload = json.dumps(claims).encode()

        assert await identity.validate_token(issuer.token())
        await refused(identity, jws.serialize_compact(header, payload, issuer.signing, algorithms=["RS256"]))

    async def test_an_id_token_opens_nothing(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """Not even where the audience is the client: one with a nonce is what a sign-in gave."""
        lenient = evolve(identity, terms=evolve(TERMS, audience=CLIENT))

        assert await lenient.validate_token(issuer.token(aud=CLIENT))
        await refused(lenient, issuer.token(aud=CLIENT, nonce="n"))

    @pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
    async def test_keys_in_a_token_are_not_looked_at(
        self, name: str, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """A token that brings its key, or says where it is, is held against the issuer's own; nobody calls there."""
        thief = StandInIssuer(now=clock.now, signing=a_key("first", "RSA", 3072))
        with running(thief) as thief.url:
            place = f"{thief.url}/.well-known/jwks.json"
            value = {"jku": place, "x5u": place, "jwk": thief.published[0], "x5c": ["MIIB"]}[name]
            header = {"alg": "RS256", "kid": "first", name: value}
            payload = json.dumps(issuer.claims()).encode()
            registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
            forged = jws.serialize_compact(header, payload, thief.signing, registry=registry)

            await refused(identity, forged)
            assert thief.asked.total() == 0

    @pytest.mark.parametrize(
        "header",
        [
            {"crit": ["exp"]},
            {"crit": ["kid"]},
            {"crit": ["b64"], "b64": False},
            {"typ": "logout+jwt"},
            {"typ": 7},
            {"kid": ""},
            {"kid": "x" * 300},
            {"kid": ["first"]},
        ],
    )
    async def test_strange_headers(
        self, header: dict[str, Any], identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """What a header demands and we do not know is refused."""
        given = {"alg": "RS256", "kid": "first", **header}
        body = by_hand(given, issuer.claims()).rstrip(".")
        signature = jws.JWSRegistry.algorithms["RS256"].sign(body.encode(), issuer.signing)

        await refused(identity, by_hand(given, issuer.claims(), signature))

    async def test_size_is_told_first(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """A token of up to 16 KiB is read, a larger one is not even taken apart."""
        fitting = issuer.token(padding="x" * 9_000)
        large = issuer.token(padding="x" * 16_000)

        assert len(fitting) < LONGEST_TOKEN < len(large)
        assert await identity.validate_token(fitting)
        await refused(identity, large, "x" * 10_000_000)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    async def test_any_changed_byte_is_noticed(
        self, data: st.DataObject, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """A token with any character changed, cut or added is refused, and nothing else happens."""
        token = issuer.token()
        # the last character's lowest bits are no part of what base64 says
        at = data.draw(st.integers(0, len(token) - 2))
        piece = data.draw(st.text(alphabet=st.characters(exclude_characters="="), max_size=2))
        changed = token[:at] + piece + token[at + 1 :]
        if changed != token:
            await refused(identity, changed)

    async def test_nothing_of_a_token_is_logged(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log says what is wrong with a token, and shows no part of it."""
        caplog.set_level(logging.DEBUG)
        tokens = [
            issuer.token(sub="the-subject", aud="wrong"),
            issuer.token(sub="the-subject", exp=1),
            issuer.token(sub="the-subject", header={"kid": "the-kid"}),
            by_hand({"alg": "the-alg"}, {"sub": "the-subject"}),
            issuer.token(sub="the-subject")[:-8] + "AAAAAAAA",
        ]
        await refused(identity, *tokens)
        logged = caplog.text

        assert logged.count("a token is refused for its") == len(tokens)
        for secret in ("the-subject", "the-kid", "the-alg", *(part for token in tokens for part in token.split("."))):
            assert not secret or secret not in logged

    @pytest.mark.parametrize(
        "payload",
        [
            b'{"sub": "auth0|bob", ',
            b'{"strange": NaN, ',
            b'{"nested": ' + b'{"a":' * 2_000 + b"1" + b"}" * 2_000 + b", ",
            b"[",
            b"\xff",
            b"",
        ],
    )
    async def test_claims_are_one_object_that_all_read_alike(
        self, payload: bytes, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """Claims said twice, numbers that are none, a nest without an end, and what is no object are refused."""
        rest = json.dumps(issuer.claims()).encode()[1:] if payload.startswith(b"{") else b""
        header = {"alg": "RS256", "kid": "first"}

        await refused(identity, jws.serialize_compact(header, payload + rest, issuer.signing, algorithms=["RS256"]))

    @pytest.mark.parametrize("header", [b'{"alg":"none","alg":"RS256","kid":"first"}', b'[{"alg":"RS256"}]', b"7"])
    async def test_so_is_a_header(self, header: bytes, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """One that names two algorithms names none."""
        body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, b"{}"))
        body = body.rpartition(b".")[0] + b"." + issuer.token().split(".")[1].encode()
        signature = jws.JWSRegistry.algorithms["RS256"].sign(body, issuer.signing)

        await refused(identity, f"{body.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(name=st.sampled_from(SAID), value=JSON, inside=st.booleans())
    async def test_whatever_a_claim_holds(
        self, name: str, value: Any, inside: bool, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """A token of the issuer's own, with anything anywhere in it, counts or does not, and nothing else happens."""
        claims = {**issuer.claims(), **({name: value} if inside else {})}
        header = {"alg": "RS256", "kid": "first", **({} if inside else {name: value})}
        body = by_hand(header, claims).rstrip(".")
        signature = jws.JWSRegistry.algorithms["RS256"].sign(body.encode(), issuer.signing)
        strict = evolve(identity, terms=evolve(TERMS, parties=(CLIENT,), roles_claim="realm_access.roles"))
        with suppress(InvalidToken):
            assert (await strict.validate_token(by_hand(header, claims, signature))).profile is not None

    async def test_thousands_of_groups_are_read(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """As many as a token may hold."""
        groups = [f"g{number}" for number in range(1_200)]

        claims = await identity.validate_token(issuer.token(groups=[*groups, "admins"]))
        assert claims.profile is not None
        assert claims.profile.roles == ("user", "admin")
        await refused(identity, issuer.token(groups=groups * 4))
