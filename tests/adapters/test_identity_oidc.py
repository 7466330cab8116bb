"""Tokens of an issuer elsewhere: those that count, and the many that do not."""

import asyncio
import base64
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from attrs import evolve, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws

from faultmaven_adapters.identity.issuer import COOLDOWN, FRESH, MOST_KEYS, RETRY, STALE, Issuer, is_private
from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.identity.terms import Terms, scopes_in, user_id_of
from faultmaven_adapters.identity.tokens import ALGORITHMS, LEEWAY, LONGEST_TOKEN
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_adapters.system import RandomIds
from faultmaven_domain.auth import InvalidGrant, InvalidToken
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from tests.contracts.identity_provider import BACK, CHALLENGE, VERIFIER, IdentityProviderContract
from tests.fakes.clock import FakeClock
from tests.standins.oidc import Place, StandInIssuer
from tests.standins.oidc.issuer import ANA, AUDIENCE, CLIENT, SECRET, a_key
from tests.standins.running import running

OWN_SECRET = "a secret of more than thirty-two characters"
TERMS = Terms(audience=AUDIENCE, client_id=CLIENT, client_secret=SECRET, admin_groups=("admins",))
EC = {"ES256": ("P-256", 256), "ES384": ("P-384", 384), "ES512": ("P-521", 521)}


@frozen
class Visitor:
    """Ana, who has an account at the issuer."""

    issuer: StandInIssuer

    def token(self) -> str:
        return self.issuer.token(jti=RandomIds().new("jti"))

    async def visited(self, address: str) -> tuple[str, str]:
        async with httpx2.AsyncClient() as browser:
            answer = await browser.get(address)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        return query["code"][0], query["state"][0]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    place = Place()
    with running(place) as place.url:
        yield place


@pytest.fixture
def issuer(place: Place, clock: FakeClock) -> Iterator[StandInIssuer]:
    with place.let_to(StandInIssuer(now=clock.now)) as issuer:
        yield issuer


@pytest.fixture
async def identity(issuer: StandInIssuer, clock: FakeClock) -> AsyncIterator[OidcIdentityProvider]:
    own = JwtIdentityProvider(OWN_SECRET, memory_transactions("auth", lambda: None), clock, RandomIds())
    provider = OidcIdentityProvider(own, Issuer(issuer.url, clock, patience=0.5), TERMS)
    yield provider
    await provider.close()


async def refused(identity: OidcIdentityProvider, *tokens: str) -> None:
    for token in tokens:
        with pytest.raises(InvalidToken):
            await identity.validate_token(token)


def by_hand(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode()


class TestOidcIdentityProvider(IdentityProviderContract):
    @pytest.fixture
    def identity(self, identity: OidcIdentityProvider) -> OidcIdentityProvider:
        return identity

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
            ("groups", {"groups": "sre admins"}, True),
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
            {"crit": ["b64"], "b64": False},
            {"typ": "logout+jwt"},
            {"typ": 7},
            {"kid": ""},
            {"kid": "x" * 300},
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


class TestKeys:
    async def test_are_asked_for_once(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """Many tokens at once need one look at what the issuer publishes, and one more when that is old."""
        await asyncio.gather(*[identity.validate_token(issuer.token(jti=str(n))) for n in range(20)])
        assert issuer.asked.total() == 2

        clock.advance(FRESH)
        await asyncio.gather(*[identity.validate_token(issuer.token(jti=str(n))) for n in range(20)])
        assert issuer.asked.total() == 4

    async def test_rotate(self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock) -> None:
        """A new key is found when its first token comes; one that was withdrawn is dropped, one that is kept is not."""
        old = issuer.token()
        assert await identity.validate_token(old)
        clock.advance(COOLDOWN)
        issuer.rotate(a_key("second"), keep=True)

        assert await identity.validate_token(issuer.token())
        assert await identity.validate_token(old)
        clock.advance(COOLDOWN)
        issuer.rotate(a_key("third"))
        assert await identity.validate_token(issuer.token())
        await refused(identity, old)

    async def test_one_key_needs_no_name(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """A token that names no key is held against the only one, also when that was exchanged; never against two."""
        nameless = {"kid": None}
        assert await identity.validate_token(issuer.token(header=nameless))
        clock.advance(COOLDOWN)
        issuer.rotate(a_key("second"))
        assert await identity.validate_token(issuer.token(header=nameless))

        clock.advance(FRESH)
        issuer.publish(a_key("second"), a_key("first"))
        await refused(identity, issuer.token(header=nameless))

    async def test_a_flood_of_unknown_names_asks_once(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """Invented key ids make the issuer be asked once in a while, and never keep others out."""
        good = issuer.token()
        await identity.validate_token(good)
        clock.advance(COOLDOWN)
        flood = [issuer.token(header={"kid": f"invented {n}"}) for n in range(100)]
        answers = await asyncio.gather(*[identity.validate_token(one) for one in flood], return_exceptions=True)

        assert {type(answer) for answer in answers} == {InvalidToken}
        assert issuer.asked.total() == 4
        assert await identity.validate_token(good)

    @pytest.mark.parametrize(
        "published",
        [
            {"kty": "oct", "kid": "first", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
            {"kty": "RSA", "kid": "first", "n": "!", "e": "AQAB"},
            {"kty": "RSA", "kid": "first"},
            {"kty": "EC", "kid": "first", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "KYBER", "kid": "first"},
            {"kty": "RSA", "kid": "first", "n": "q" * 171, "e": "AQAB"},
            {**a_key("first").as_dict(private=False), "use": "enc"},
            "a string",
            None,
        ],
    )
    async def test_that_cannot_be_used_are_left_out(
        self, published: Any, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """A key that is shared, weak, broken or for something else does not stand in the way of a good one."""
        token = issuer.token()
        issuer.published = [published, a_key("second").as_dict(private=False)]

        await refused(identity, token)
        assert await identity.validate_token(issuer.token(key=a_key("second")))

    async def test_too_many_are_not_all_read(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """No more keys are taken in than a sane issuer has."""
        issuer.published = [{"kty": "none"}] * MOST_KEYS + issuer.published

        with pytest.raises(Unavailable):
            await identity.validate_token(issuer.token())


class TestAnIssuerInTrouble:
    async def test_dead_from_the_start(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """Without keys nobody can tell; it is asked again only after a while, and then all is well."""
        issuer.dead = True
        token = issuer.token()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await identity.validate_token(token)
        with pytest.raises(Unavailable):
            await identity.ping()
        assert issuer.asked.total() == 1

        issuer.dead = False
        clock.advance(RETRY)
        assert await identity.validate_token(token)
        await identity.ping()

    async def test_dead_later_on(self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock) -> None:
        """Its last keys serve for hours, though a ping tells; then nobody can tell any more."""
        assert await identity.validate_token(issuer.token())
        issuer.dead = True
        clock.advance(FRESH)
        assert await identity.validate_token(issuer.token())
        with pytest.raises(Unavailable):
            await identity.ping()
        with pytest.raises(Unavailable):
            await identity.validate_token(issuer.token(header={"kid": "perhaps new"}))

        clock.advance(STALE - FRESH)
        with pytest.raises(Unavailable):
            await identity.validate_token(issuer.token())

    async def test_slow(self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock) -> None:
        """Nobody waits longer than its patience for an issuer, and those with known keys do not wait for who asks."""
        assert await identity.validate_token(issuer.token())
        issuer.slow = True
        clock.advance(FRESH)
        asking = asyncio.create_task(identity.validate_token(issuer.token()))
        while issuer.asked.total() < 3:  # noqa: ASYNC110 (the stand-in counts in a thread of its own)
            await asyncio.sleep(0.005)

        assert await identity.validate_token(issuer.token())
        assert not asking.done()
        assert await asking

    async def test_slow_from_the_start(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """All who wait for the first keys give up together, after one try."""
        issuer.slow = True
        answers = await asyncio.gather(
            *[identity.validate_token(issuer.token(jti=str(n))) for n in range(10)], return_exceptions=True
        )

        assert {type(answer) for answer in answers} == {Unavailable}
        assert issuer.asked.total() == 1

    async def test_not_there(self, identity: OidcIdentityProvider, clock: FakeClock, issuer: StandInIssuer) -> None:
        """Where nothing listens, nobody can tell."""
        nowhere = evolve(identity, issuer=Issuer("http://127.0.0.1:1", clock))

        with pytest.raises(Unavailable):
            await nowhere.validate_token(issuer.token())
        await nowhere.close()

    @pytest.mark.parametrize(
        "garbage", [b"", b"<html>", b"[]", b'"x"', b"[" * 100_000, b'{"x": "' + b"x" * 300_000 + b'"}', b"{}"]
    )
    async def test_nonsense(self, garbage: bytes, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """What means nothing, or does not end, counts as no answer."""
        issuer.garbage = garbage

        with pytest.raises(Unavailable):
            await identity.validate_token(issuer.token())

    @pytest.mark.parametrize(
        "changes",
        [
            {"issuer": "https://elsewhere.example/"},
            {"issuer": None},
            {"jwks_uri": None},
            {"jwks_uri": 7},
            {"jwks_uri": "http://elsewhere.example/keys"},
            {"jwks_uri": "file:///etc/passwd"},
            {"token_endpoint": "http://localhost.elsewhere.example/token"},
        ],
    )
    async def test_that_says_something_else(
        self, changes: dict[str, Any], identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """An issuer under another name, or with addresses where anyone on the way could answer, is not believed."""
        issuer.changes = changes

        with pytest.raises(Unavailable):
            await identity.validate_token(issuer.token())

    async def test_a_clock_that_jumps_back_asks_anew(
        self, identity: OidcIdentityProvider, issuer: StandInIssuer, clock: FakeClock
    ) -> None:
        """Keys of a time that has not come yet are of no known age."""
        assert await identity.validate_token(issuer.token())
        clock.advance(timedelta(days=-1))
        assert await identity.validate_token(issuer.token())
        assert issuer.asked.total() == 4

    def test_who_may_be_asked(self) -> None:
        """Over https anybody, in the clear this machine alone."""
        assert is_private("https://tenant.auth0.example/")
        assert is_private("http://localhost:9400")
        for url in ("http://tenant.example", "http://localhost.example", "ftp://localhost", "https://", "", "http://["):
            assert not is_private(url)


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

    def test_ana_is_who_she_is(self) -> None:
        """The stand-in's user has what the tests read of her."""
        assert {"sub", "email", "name", "groups"} <= set(ANA)
