"""What an issuer publishes: its keys, and what becomes of tokens when it does not answer as it should."""

import asyncio
import base64
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import RedirectResponse, Response

from faultmaven_adapters.identity.issuer import (
    COOLDOWN,
    FRESH,
    LONGEST_ANSWER,
    MOST_KEYS,
    RETRY,
    STALE,
    Issuer,
    is_as_safe,
)
from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.settings import is_private
from faultmaven_domain.auth import InvalidToken
from faultmaven_domain.kernel.errors import Unavailable
from tests.adapters.oidc_place import JSON, SHORT, clock, identity, issuer, place, refused
from tests.fakes.clock import FakeClock
from tests.standins.oidc import StandInIssuer
from tests.standins.oidc.issuer import a_key, dripping, in_the_clear

__all__ = ["clock", "identity", "issuer", "place"]

PUBLISHED = (
    *("issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "end_session_endpoint"),
    *("token_endpoint_auth_methods_supported", "authorization_response_iss_parameter_supported"),
)


def a_modulus(bits: int) -> str:
    """An odd number of that length, as a key has it; nobody knows its factors."""
    return base64.urlsafe_b64encode(b"\xff" * (bits // 8)).rstrip(b"=").decode()


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
            {"kty": "RSA", "kid": "first", "n": a_modulus(1024), "e": "AQAB"},
            {"kty": "RSA", "kid": "first", "n": a_modulus(16_400), "e": "AQAB"},
            {"kty": ["RSA"], "kid": "first"},
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
        assert await identity.validate_token(issuer.token(key=a_key("second"), header={"kid": None}))

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
        issuer.slow, identity.issuer.patience = True, SHORT
        clock.advance(FRESH)
        asking = asyncio.create_task(identity.validate_token(issuer.token()))
        while issuer.asked.total() < 3:  # noqa: ASYNC110 (the stand-in counts in a thread of its own)
            await asyncio.sleep(0.005)

        assert await identity.validate_token(issuer.token())
        assert not asking.done()
        assert await asking

    async def test_slow_from_the_start(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """All who wait for the first keys give up together, after one try."""
        issuer.slow, identity.issuer.patience = True, SHORT
        answers = await asyncio.gather(
            *[identity.validate_token(issuer.token(jti=str(n))) for n in range(10)], return_exceptions=True
        )

        assert {type(answer) for answer in answers} == {Unavailable}
        assert issuer.asked.total() == 1

    async def test_who_leaves_takes_nobody_along(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """Where the one who asks the issuer is cancelled, the next one asks at once, and is told."""
        issuer.slow = True
        leaving, staying = [asyncio.create_task(identity.validate_token(issuer.token())) for _ in range(2)]
        while issuer.asked.total() < 1:  # noqa: ASYNC110 (the stand-in counts in a thread of its own)
            await asyncio.sleep(0.005)
        leaving.cancel()
        issuer.slow = False

        assert await staying
        assert leaving.cancelled()

    async def test_drop_by_drop(self, identity: OidcIdentityProvider, issuer: StandInIssuer) -> None:
        """An answer that keeps coming and never ends is none."""
        issuer.instead, identity.issuer.patience = dripping, SHORT

        with pytest.raises(Unavailable):
            await identity.validate_token(issuer.token())

    @pytest.mark.parametrize(
        "instead",
        [
            lambda: RedirectResponse("http://127.0.0.1:1/keys"),
            lambda: Response(b"{}", headers={"Content-Length": "100000000"}),
        ],
    )
    async def test_what_it_answers_with(
        self, instead: Callable[[], Response], identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """It sends nobody on to somewhere else, nor promises more than it gives."""
        issuer.instead = instead

        with pytest.raises(Unavailable):
            await identity.validate_token(issuer.token())

    @pytest.mark.parametrize(("padding", "packed", "good"), [(0.9, False, True), (1, False, False), (0, True, False)])
    async def test_an_answer_is_short_and_plain(
        self, padding: float, packed: bool, good: bool, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """What is long is not read to its end, and what is packed is not unpacked, however right it may be."""
        said = json.loads((await identity.issuer.http.get(f"{issuer.url}/.well-known/openid-configuration")).content)
        whole = {**said, "keys": issuer.published, "padding": "x" * int(padding * LONGEST_ANSWER)}
        body = json.dumps(whole).encode()
        deflated = {"Content-Encoding": "deflate"}
        issuer.instead = lambda: Response(zlib.compress(body), headers=deflated) if packed else Response(body)

        if good:
            assert await identity.validate_token(issuer.token())
        else:
            with pytest.raises(Unavailable):
                await identity.validate_token(issuer.token())

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(said=st.dictionaries(st.sampled_from(PUBLISHED), JSON, max_size=3), keys=JSON)
    async def test_whatever_it_publishes(
        self, said: dict[str, Any], keys: Any, identity: OidcIdentityProvider, issuer: StandInIssuer
    ) -> None:
        """Its keys count, or nobody can tell; nothing that it says of itself does anything else."""
        issuer.changes, issuer.published = said, [keys, *issuer.published[-1:]]
        fresh = evolve(identity, issuer=Issuer(issuer.url, identity.own.clock, identity.issuer.http))
        with suppress(Unavailable):
            assert await fresh.validate_token(issuer.token())

    async def test_not_there(self, identity: OidcIdentityProvider, clock: FakeClock, issuer: StandInIssuer) -> None:
        """Where nothing listens, nobody can tell."""
        nowhere = evolve(identity, issuer=Issuer("http://127.0.0.1:1", clock, in_the_clear()))

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
            {"token_endpoint": "https://10.0.0.1/token"},
            {"end_session_endpoint": "javascript:alert(1)"},
            {"authorization_endpoint": "http://elsewhere.example/"},
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

    @pytest.mark.parametrize(
        ("url", "issuer", "safe"),
        [
            ("https://elsewhere.example/keys", "https://issuer.example/", True),
            ("https://issuer.example/keys", "https://issuer.example/", True),
            ("http://issuer.example/keys", "https://issuer.example/", False),
            ("http://localhost/keys", "https://issuer.example/", False),
            ("https://localhost/keys", "https://issuer.example/", False),
            ("https://a.localhost/keys", "https://issuer.example/", False),
            ("https://127.0.0.1/keys", "https://issuer.example/", False),
            ("https://127.1/keys", "https://issuer.example/", False),
            ("https://0x7f.0.0.0x1/keys", "https://issuer.example/", False),
            ("https://169.254.169.254/", "https://issuer.example/", False),
            ("https://[::1]/", "https://issuer.example/", False),
            ("https://[::ffff:10.0.0.1]/", "https://issuer.example/", False),
            ("https://10.0.0.1/keys", "https://10.0.0.1/realm", True),
            ("http://127.0.0.1:1/keys", "http://127.0.0.1:9400", True),
            ("http://127.0.0.1:1/keys", "https://127.0.0.1:9400", False),
            ("http://127.0.0.2:1/keys", "http://127.0.0.1:9400", False),
            ("https://8.8.8.8/keys", "https://issuer.example/", True),
        ],
    )
    def test_where_it_may_send_us(self, url: str, issuer: str, safe: bool) -> None:
        """To names over https and its own host; never to this machine or its neighbours, unless it is one of them."""
        assert is_as_safe(url, issuer) is safe

    def test_who_may_be_asked(self) -> None:
        """Over https anybody, in the clear this machine alone."""
        assert is_private("https://tenant.auth0.example/")
        assert is_private("http://localhost:9400")
        for url in ("http://tenant.example", "http://localhost.example", "ftp://localhost", "https://", "", "http://["):
            assert not is_private(url)
