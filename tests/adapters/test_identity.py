import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from faultmaven_adapters.identity.argon2 import Argon2Hasher
from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_adapters.system import RandomIds
from faultmaven_domain.auth import InvalidToken
from tests.contracts.identity_provider import ANA, IdentityProviderContract
from tests.contracts.password_hasher import PasswordHasherContract
from tests.fakes.clock import FakeClock

SECRET = "a secret of more than thirty-two characters"


class TestMemoryIdentityProvider(IdentityProviderContract):
    @pytest.fixture
    def identity(self, clock: FakeClock) -> MemoryIdentityProvider:
        return MemoryIdentityProvider(clock, RandomIds())


class TestJwtIdentityProvider(IdentityProviderContract):
    @pytest.fixture
    def identity(self, clock: FakeClock) -> JwtIdentityProvider:
        return JwtIdentityProvider(SECRET, memory_transactions("auth", lambda: None), clock, RandomIds())

    @pytest.fixture
    async def claims(self, identity: JwtIdentityProvider) -> dict[str, Any]:
        pair = await identity.create_token(ANA)
        return dict(jwt.decode(pair.access_token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims)

    async def test_revocation_is_durable(self, clock: FakeClock) -> None:
        """A sign-out is known to every process over the same data, and to the next one."""
        transactions = memory_transactions("auth", lambda: None)
        one = JwtIdentityProvider(SECRET, transactions, clock, RandomIds())
        pair = await one.create_token(ANA)
        await one.revoke(pair.access_token)

        with pytest.raises(InvalidToken):
            await JwtIdentityProvider(SECRET, transactions, clock, RandomIds()).validate_token(pair.access_token)

    async def test_another_secret_is_another_issuer(self, identity: JwtIdentityProvider, clock: FakeClock) -> None:
        """A token signed with another key is refused."""
        forger = JwtIdentityProvider("x" * 40, identity.transactions, clock, RandomIds())

        with pytest.raises(InvalidToken):
            await identity.validate_token((await forger.create_token(ANA)).access_token)

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": "someone"},
            {"aud": "someone"},
            {"exp": 1},
            {"exp": "soon"},
            {"exp": 10**30},
            {"sub": 7},
            {"fam": ["fam"]},
            {"use": "refresh"},
            {"sub": None},
            {"fam": "another"},
            {"sub": "usr_bob"},
        ],
    )
    async def test_every_claim_counts(
        self, identity: JwtIdentityProvider, claims: dict[str, Any], change: dict[str, Any]
    ) -> None:
        """A token signed with the right key is still refused when a claim is wrong."""
        assert await identity.validate_token(signed(claims))
        with pytest.raises(InvalidToken):
            await identity.validate_token(signed({**claims, **change}))

    @pytest.mark.parametrize("missing", ["iss", "aud", "exp", "sub", "fam", "jti", "use"])
    async def test_every_claim_is_needed(
        self, identity: JwtIdentityProvider, claims: dict[str, Any], missing: str
    ) -> None:
        """A token without one of its claims is refused."""
        with pytest.raises(InvalidToken):
            await identity.validate_token(signed({k: v for k, v in claims.items() if k != missing}))

    @pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "HS512", "RS256"])
    async def test_only_our_algorithm(
        self, identity: JwtIdentityProvider, claims: dict[str, Any], algorithm: str
    ) -> None:
        """A token that names another algorithm, or none, is refused, even when its signature fits our key."""
        with pytest.raises(InvalidToken):
            await identity.validate_token(by_hand({"alg": algorithm}, claims))
        with pytest.raises(InvalidToken):
            await identity.validate_token(by_hand({"alg": algorithm}, claims).rsplit(".", 1)[0] + ".")
        assert await identity.validate_token(by_hand({"alg": "HS256"}, claims))

    @pytest.mark.parametrize(
        "header",
        [
            {"crit": ["exp"]},
            {"crit": ["b64"], "b64": False},
            {"b64": False},
            {"zip": "DEF", "crit": ["zip"]},
        ],
    )
    async def test_what_a_header_demands(
        self, identity: JwtIdentityProvider, claims: dict[str, Any], header: dict[str, Any]
    ) -> None:
        """What is not understood and has to be is refused, even under our key."""
        with pytest.raises(InvalidToken):
            await identity.validate_token(by_hand({"alg": "HS256", **header}, claims))

    @pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "kid"])
    async def test_a_token_brings_no_key(
        self, identity: JwtIdentityProvider, claims: dict[str, Any], name: str
    ) -> None:
        """One that says where its key is, or which, is held against ours."""
        value = {"jwk": {"kty": "oct", "k": "eHh4"}, "x5c": ["MIIB"], "kid": "../../dev/null' OR 1=1"}
        forged = by_hand({"alg": "HS256", name: value.get(name, "https://thief.example/")}, claims, key="x" * 40)

        with pytest.raises(InvalidToken):
            await identity.validate_token(forged)

    @pytest.mark.parametrize("change", [{"nbf": 10**12}, {"exp": float("nan")}, {"exp": True}, {"aud": ["someone"]}])
    async def test_times_and_readers(
        self, identity: JwtIdentityProvider, claims: dict[str, Any], change: dict[str, Any]
    ) -> None:
        """Not yet, at no time, for somebody else: refused."""
        with pytest.raises(InvalidToken):
            await identity.validate_token(by_hand({"alg": "HS256"}, {**claims, **change}))

    async def test_size_and_shape(self, identity: JwtIdentityProvider, claims: dict[str, Any]) -> None:
        """What is too long, encrypted or no object is refused under our key, too."""
        header, payload, signature = by_hand({"alg": "HS256"}, claims).split(".")

        assert await identity.validate_token(f"{header}.{payload}.{signature}")
        for token in (
            by_hand({"alg": "HS256"}, {**claims, "x": "x" * 4_000}),
            f"{header}.e30.{payload}.e30.{signature}",
            by_hand({"alg": "HS256"}, [claims]),
            by_hand([{"alg": "HS256"}], claims),
            f"{header}.{payload}",
            f"{header}.{payload}.{signature}.",
            f" {header}.{payload}.{signature}",
            f"{header}\n.{payload}.{signature}",
        ):
            with pytest.raises(InvalidToken):
                await identity.validate_token(token)

    async def test_a_changed_byte_is_noticed(self, identity: JwtIdentityProvider) -> None:
        """A token with a byte of its payload changed is refused."""
        token = (await identity.create_token(ANA)).access_token
        header, payload, signature = token.split(".")
        other = payload[:-2] + ("A" if payload[-2] != "A" else "B") + payload[-1]

        with pytest.raises(InvalidToken):
            await identity.validate_token(f"{header}.{other}.{signature}")

    @pytest.mark.parametrize("behind", [timedelta(seconds=6), timedelta(hours=1)])
    async def test_hosts_may_have_clocks_of_their_own(
        self, identity: JwtIdentityProvider, clock: FakeClock, behind: timedelta
    ) -> None:
        """What one host has issued counts at once on another whose clock is behind, and its successors on the first."""
        slow = JwtIdentityProvider(SECRET, identity.transactions, FakeClock(clock.now() - behind), RandomIds())
        first = await identity.create_token(ANA)
        assert (await slow.validate_token(first.access_token)).user_id == "usr_ana"

        second = await slow.refresh_token(first.refresh_token)
        third = await identity.refresh_token(second.refresh_token)
        await slow.revoke(third.refresh_token)
        with pytest.raises(InvalidToken):
            await identity.validate_token(third.access_token)

    async def test_a_clock_that_jumps_back_lets_nothing_live_again(
        self, identity: JwtIdentityProvider, clock: FakeClock
    ) -> None:
        """What was revoked stays revoked when the clock goes back."""
        pair = await identity.create_token(ANA)
        clock.advance(timedelta(minutes=5))
        await identity.revoke(pair.access_token)
        clock.advance(timedelta(minutes=-10))

        with pytest.raises(InvalidToken):
            await identity.validate_token(pair.access_token)


class TestMemoryPasswordHasher(PasswordHasherContract):
    @pytest.fixture
    def hasher(self) -> MemoryPasswordHasher:
        return MemoryPasswordHasher(RandomIds())


class TestArgon2Hasher(PasswordHasherContract):
    @pytest.fixture
    def hasher(self) -> Argon2Hasher:
        return Argon2Hasher()

    async def test_is_argon2id(self, hasher: Argon2Hasher) -> None:
        """Hashes say their algorithm and cost, so that they can be raised later."""
        assert (await hasher.hash("correct horse")).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def signed(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def by_hand(header: object, claims: object, *, key: str = SECRET) -> str:
    """A token made without any library, signed as HS256 whatever its header says."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    body = b".".join(parts)
    signature = hmac.new(key.encode(), body, hashlib.sha256).digest()
    return b".".join([body, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
