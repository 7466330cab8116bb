import pytest

from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.auth import AuthService
from faultmaven_domain.case import CaseService, CaseTransactions
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.fakes.reach import Reach


@pytest.fixture
def auth(clock: FakeClock, ids: FakeIds) -> AuthService:
    identity, hasher = MemoryIdentityProvider(clock, ids), MemoryPasswordHasher(ids)
    return AuthService(memory_transactions("auth"), identity, hasher, clock, ids)


@pytest.fixture
def transactions() -> CaseTransactions:
    transactions: CaseTransactions = memory_transactions("case")
    return transactions


@pytest.fixture
def cases(
    reach: Reach, transactions: CaseTransactions, auth: AuthService, clock: FakeClock, ids: FakeIds
) -> CaseService:
    return reach(CaseService(transactions, auth, clock, ids))
