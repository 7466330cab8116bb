"""Tokens of an issuer elsewhere that count, and coming back from its page."""

import base64
import logging
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import evolve, frozen
from joserfc import jws

from faultmaven_adapters.identity.issuer import FRESH, STALE
from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.identity.terms import scopes_in, user_id_of
from faultmaven_adapters.identity.tokens import ALGORITHMS, LEEWAY
from faultmaven_adapters.system import RandomIds
from faultmaven_domain.auth import InvalidGrant
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from tests.adapters.oidc_place import SHORT, TERMS, clock, identity, issuer, place, refused
from tests.contracts.identity_provider import BACK, CHALLENGE, VERIFIER, IdentityProviderContract
from tests.fakes.clock import FakeClock
from tests.standins.oidc import StandInIssuer
from tests.standins.oidc.issuer import ANA, CLIENT, SECRET, a_key, dripping, in_the_clear

__all__ = ["clock", "identity", "issuer", "place"]

EC = {"ES256": ("P-256", 256), "ES384": ("P-384", 384), "ES512": ("P-521", 521)}


@frozen
class Visitor:
    """Ana, who has an account at the issuer."""

    issuer: StandInIssuer

    def token(self) -> str:
        return self.issuer.token(jti=RandomIds().new("jti"))

    async def visited(self, address: str) -> tuple[str, str]:
        async with in_the_clear() as browser:
            answer = await browser.get(address)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return query["code"][0], query["state"][0]


class TestOidcIdentityProvider(IdentityProviderContract):
    @pytest.fixture
    def identity(self, identity: OidcIdentityProvider) -> OidcIdentityProvider:
        return identity

    @pytest.fixture
    def abroad(self, issuer: StandInIssuer) -> Visitor:
        return Visitor(issuer)


class TestAuth0IdentityProvider(IdentityProviderContract):
    @pytest.fixture
    def identity(self, identity: OidcIdentityProvider) -> OidcIdentityProvider:
        return evolve(identity, terms=evolve(TERMS, audience_asked=True))

    @pytest.fixture
    def abroad(self, issuer: StandInIssuer) -> Visitor:
        return Visitor(issuer)


class TestWhatCounts:
    @pytest.mark.parametrize("alg", sorted(ALGORITHMS))
    async def test_every_algorithm_with_a_public_key(
        self, alg: str, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """RSA and elliptic curves, in every length."""
        issuer.rotate(a_key(f"for {alg}", "EC", EC[alg][1]) if alg in EC else a_key("first"))

        assert (await identity.validate_token(issuer.token(alg=alg))).profile is not None

    async def test_a_user_is_the_same_by_issuer_and_subject(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """The same subject is the same user, whatever else is said of them; another's is another."""
        ana = await identity.validate_token(issuer.token())
        renamed = await identity.validate_token(issuer.token(email="a@example.org", nickname="a"))
        bob = await identity.validate_token(issuer.token(sub="auth0|bob"))

        assert ana.user_id == renamed.user_id == user_id_of(issuer.name, "auth0|ana") != bob.user_id
        assert ana.user_id != user_id_of("https://elsewhere.example/", "auth0|ana")

    async def test_claims_make_a_profile(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """Name, address and groups are read; an address that was not verified is not."""
        claims = await identity.validate_token(issuer.token(groups=["sre", "admins"]))
        doubtful = await identity.validate_token(issuer.token(email_verified=False, name=7, nickname="a\nb"))

        assert claims.profile is not None
        assert doubtful.profile is not None
        assert (claims.profile.email, claims.profile.full_name) == ("ana@example.com", "Ana")
        assert claims.profile.roles == ("user", "admin")
        assert (doubtful.profile.email, doubtful.profile.full_name, doubtful.profile.username) == (None, None, None)
        assert doubtful.profile.roles == ("user",)

    @pytest.mark.parametrize(
        ("name", "claims", "admin"),
        [
            ("groups", {"groups": ["admins"]}, True),
            ("groups", {"groups": "admins"}, True),
            ("groups", {"groups": "former admins"}, False),
            ("scope", {"scope": "openid admins"}, True),
            ("groups", {"groups": "adminsandmore"}, False),
            ("groups", {"groups": {"admins": True}}, False),
            ("groups", {}, False),
            ("realm_access.roles", {"realm_access": {"roles": ["admins"]}}, True),
            ("realm_access.roles", {"realm_access": ["admins"]}, False),
            ("https://faultmaven.example/roles", {"https://faultmaven.example/roles": ["admins", 7]}, True),
        ],
    )
    def test_groups_are_found(self, name: str, claims: dict[str, Any], admin: bool) -> None:
        """By a claim's name, even one with dots in it, or by the way into one that holds others."""
        roles = evolve(TERMS, roles_claim=name).profile(claims).roles

        assert roles is not None
        assert ("admin" in roles) is admin

    def test_without_groups_roles_are_ours(self) -> None:
        """Where no group is named, the issuer has no word on roles."""
        assert evolve(TERMS, admin_groups=()).profile({"groups": ["admins"]}).roles is None

    @pytest.mark.parametrize(
        ("claims", "scopes"),
        [
            ({}, None),
            ({"scope": "openid profile email"}, None),
            ({"scope": "openid cases:read strange"}, ("openid", "cases:read")),
            ({"scp": ["cases:write"]}, ("cases:write",)),
            ({"scope": 7}, None),
        ],
    )
    def test_scopes_of_ours_hold(self, claims: dict[str, Any], scopes: tuple[str, ...] | None) -> None:
        """A token that was granted some of our scopes covers those alone."""
        assert scopes_in(claims) == scopes

    async def test_clocks_may_differ_a_little(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """A token counts a few seconds before its time and after, by this server's clock, and no longer."""
        now = int(clock.now().timestamp())

        for times in ({"exp": now - LEEWAY + 1}, {"nbf": now + LEEWAY}, {"iat": now + LEEWAY}):
            assert await identity.validate_token(issuer.token(**times))
        for times in ({"exp": now - LEEWAY}, {"nbf": now + LEEWAY + 1}, {"iat": now + LEEWAY + 1}):
            await refused(identity, issuer.token(**times))

    async def test_only_known_clients(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """Where clients are named, a token of another's is refused, and so is one that names none."""
        strict = evolve(identity, terms=evolve(TERMS, parties=(CLIENT, "cli")))

        assert await strict.validate_token(issuer.token())
        assert await strict.validate_token(issuer.token(azp=None, client_id="cli"))
        await refused(strict, issuer.token(azp="other"), issuer.token(azp=None), issuer.token(azp=["cli"]))
        await refused(strict, issuer.token(azp="other", client_id="cli"))

    async def test_an_end_lasts(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """A token that was ended is ended for every process, however its signature is written."""
        key = a_key("curve", "EC", 256)
        issuer.rotate(key)
        token = issuer.token(alg="ES256")
        await identity.revoke(token)
        body, _, signature = token.rpartition(".")
        raw = base64.urlsafe_b64decode(signature + "==")
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
        twin = f"{body}.{base64.urlsafe_b64encode(other).rstrip(b'=').decode()}"
        jws.deserialize_compact(twin, key, algorithms=["ES256"])  # a signature as good as the first

        await refused(evolve(identity), token, twin)


class TestComingBack:
    async def test_what_is_asked(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """The address names this client, where to answer, the challenge, and an audience where that is wanted."""
        address = urlsplit(await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE))
        auth0 = evolve(identity, terms=evolve(TERMS, audience_asked=True))
        asked = parse_qs(address.query)

        assert f"{address.scheme}://{address.netloc}{address.path}" == f"{issuer.url}/authorize"
        assert asked["client_id"] == [CLIENT]
        assert asked["redirect_uri"] == [BACK]
        assert (asked["code_challenge"], asked["code_challenge_method"]) == ([CHALLENGE], ["S256"])
        assert "openid" in asked["scope"][0].split()
        assert "audience" not in asked
        assert "&audience=https" in await auth0.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)

    async def test_only_with_ones_own_verifier(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """A code and a state that somebody else began with are of no use, nor is a state that is old or changed."""

        async def back(**changes: str) -> None:
            address = await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
            code, state = await Visitor(issuer).visited(address)
            given = {"code": code, "state": state, "verifier": VERIFIER, **changes}
            await identity.signed_in(**given)

        await back()
        for changes in (
            {"verifier": "w" * 43},
            {"state": "x.y"},
            {"state": "é.é"},
            {"code": ""},
            {"code": "x" * 9_999},
        ):
            with pytest.raises(InvalidGrant):
                await back(**changes)
        assert issuer.asked["in vain"] == 0
        address = await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
        code, state = await Visitor(issuer).visited(address)
        clock.advance(timedelta(minutes=10))
        with pytest.raises(InvalidGrant):
            await identity.signed_in(code=code, state=state, verifier=VERIFIER)

    @pytest.mark.parametrize(
        "changes",
        [
            {"nonce": "another"},
            {"nonce": None},
            {"nonce": 7},
            {"nonce": "é"},
            {"aud": "another"},
            {"aud": [CLIENT, "another"]},
            {"azp": "another"},
            {"iss": "https://elsewhere.example/"},
            {"exp": 1},
            {"sub": ""},
        ],
    )
    async def test_with_the_right_id_token(
        self, changes: dict[str, Any], identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """An ID token for another client or another sign-in lets nobody in."""
        issuer.id_changes = changes
        address = await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
        code, state = await Visitor(issuer).visited(address)

        with pytest.raises(InvalidGrant):
            await identity.signed_in(code=code, state=state, verifier=VERIFIER)

    @pytest.mark.parametrize(
        ("promised", "said", "let_in"),
        [
            (None, None, True),
            (None, "its own", True),
            (None, "https://elsewhere.example/", False),
            (None, "", False),
            (True, None, False),
            (True, "its own", True),
        ],
    )
    async def test_from_the_issuer_that_was_asked(
        self, promised: Any, said: str | None, let_in: bool, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """Who is sent back by another, or by nobody where the issuer promised to say its name, is not let in."""
        issuer.changes = {"authorization_response_iss_parameter_supported": promised}
        address = await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
        code, state = await Visitor(issuer).visited(address)
        name = issuer.name if said == "its own" else said
        back = identity.signed_in(code=code, state=state, verifier=VERIFIER, issuer=name)
        if let_in:
            assert await back
        else:
            with pytest.raises(InvalidGrant):
                await back
            assert issuer.asked["/oauth/token"] == 0

    async def test_signing_out_there_as_well(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """The issuer's user is told where, and back to where; nobody else is, or of an issuer that does not say."""
        ana = user_id_of(issuer.name, "auth0|ana")
        address = await identity.sign_out_address(ana, back=BACK)
        assert address is not None
        assert address.startswith(f"{issuer.url}/oidc/logout?client_id={CLIENT}&post_logout_redirect_uri=http%3A%2F%2F")
        assert await identity.sign_out_address("usr_0123", back=BACK) is None
        assert await evolve(identity, terms=evolve(TERMS, client_id=None)).sign_out_address(ana, back=BACK) is None

        issuer.changes = {"end_session_endpoint": None}
        clock.advance(FRESH)
        assert await identity.sign_out_address(ana, back=BACK) is None
        issuer.dead = True
        clock.advance(STALE)
        assert await identity.sign_out_address(ana, back=BACK) is None

    @pytest.mark.parametrize("ways", [None, ["client_secret_post"], ["client_secret_basic"], ["none"]])
    async def test_the_client_is_known(
        self, ways: list[str] | None, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """Its secret is said as the issuer wants it; a wrong one is the operator's affair."""
        issuer.changes = {"token_endpoint_auth_methods_supported": ways}
        for secret in (SECRET, "wrong"):
            tried = evolve(identity, terms=evolve(TERMS, client_secret=secret))
            address = await tried.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
            code, state = await Visitor(issuer).visited(address)
            if secret == SECRET:
                assert await tried.signed_in(code=code, state=state, verifier=VERIFIER)
            else:
                with pytest.raises(Misconfigured):
                    await tried.signed_in(code=code, state=state, verifier=VERIFIER)

    async def test_without_a_client_nobody_is_sent(self, identity: OidcIdentityProvider) -> None:
        """Where no client id is set, access tokens count and nobody signs in at the issuer's page."""
        with pytest.raises(Misconfigured):
            await evolve(identity, terms=evolve(TERMS, client_id=None)).sign_in_address(
                redirect_uri=BACK, challenge=CHALLENGE
            )

    async def test_from_a_dead_issuer(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One whose issuer died meanwhile tries again later; no code goes to the log."""
        caplog.set_level(logging.INFO)
        address = await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
        code, state = await Visitor(issuer).visited(address)
        issuer.dead = True

        with pytest.raises(Unavailable):
            await identity.signed_in(code=code, state=state, verifier=VERIFIER)
        assert code not in "".join(record.getMessage() for record in caplog.records if record.name != "httpx2")

    async def test_drop_by_drop(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """Who comes back waits no longer than the patience is for the issuer's word, whatever that may be at last."""
        address = await identity.sign_in_address(redirect_uri=BACK, challenge=CHALLENGE)
        code, state = await Visitor(issuer).visited(address)
        no = b'{"error": "invalid_grant"}'
        issuer.instead, identity.issuer.patience = lambda: dripping(100, no), SHORT

        with pytest.raises(Unavailable):
            await identity.signed_in(code=code, state=state, verifier=VERIFIER)

    def test_ana_is_who_she_is(self) -> None:
        """The stand-in's user has what the tests read of her."""
        assert {"sub", "email", "name", "groups"} <= set(ANA)
