"""An issuer for a file of tests to share, and a server that takes its word."""

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import strategies as st

from faultmaven_adapters.identity.issuer import Issuer
from faultmaven_adapters.identity.jwt import JwtIdentityProvider
from faultmaven_adapters.identity.oidc import OidcIdentityProvider
from faultmaven_adapters.identity.terms import Terms
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_adapters.system import RandomIds
from faultmaven_domain.auth import InvalidToken
from tests.fakes.clock import FakeClock
from tests.standins.oidc import Place, StandInIssuer
from tests.standins.oidc.issuer import AUDIENCE, CLIENT, SECRET, in_the_clear
from tests.standins.running import running

OWN_SECRET = "a secret of more than thirty-two characters"
TERMS = Terms(audience=AUDIENCE, client_id=CLIENT, client_secret=SECRET, admin_groups=("admins",))
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
#: Seconds, for those who are to lose their patience.
SHORT = 0.2


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
    provider = OidcIdentityProvider(own, Issuer(issuer.url, clock, in_the_clear()), TERMS)
    yield provider
    await provider.close()


async def refused(identity: OidcIdentityProvider, *tokens: str) -> None:
    for token in tokens:
        with pytest.raises(InvalidToken):
            await identity.validate_token(token)
