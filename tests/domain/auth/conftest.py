import pytest

from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.auth import AuthService, AuthTransactions, IdentityProvider, PasswordHasher
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.reach import Reach


@pytest.fixture
def transactions() -> AuthTransactions:
    transactions: AuthTransactions = memory_transactions("auth")
    return transactions


@pytest.fixture
def identity(clock: FakeClock, ids: FakeIds) -> IdentityProvider:
    return MemoryIdentityProvider(clock, ids)


@pytest.fixture
def hasher(ids: FakeIds) -> PasswordHasher:
    return MemoryPasswordHasher(ids)


@pytest.fixture
def auth(
    reach: Reach,
    transactions: AuthTransactions,
    identity: IdentityProvider,
    hasher: PasswordHasher,
    clock: FakeClock,
    ids: FakeIds,
) -> AuthService:
    return reach(AuthService(transactions, identity, hasher, clock, ids))
