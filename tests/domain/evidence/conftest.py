import pytest

from faultmaven_adapters.files.signing import UrlSigner
from faultmaven_adapters.memory.files import MemoryFileProvider
from faultmaven_adapters.memory.identity import MemoryIdentityProvider, MemoryPasswordHasher
from faultmaven_adapters.memory.offload import InlineOffload
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_domain.auth import AuthService
from faultmaven_domain.case import CaseService
from faultmaven_domain.evidence import EvidenceService
from tests.fakes.clock import FakeClock
from tests.fakes.extractor import SlowExtractor
from tests.fakes.ids import FakeIds
from tests.fakes.reach import Reach

from .room import Room


@pytest.fixture
def room(reach: Reach, clock: FakeClock, ids: FakeIds) -> Room:
    identity, hasher = MemoryIdentityProvider(clock, ids), MemoryPasswordHasher(ids)
    auth = AuthService(memory_transactions("auth"), identity, hasher, clock, ids)
    cases = reach(CaseService(memory_transactions("case"), auth, clock, ids))
    files = MemoryFileProvider(UrlSigner("http://localhost/files", b"secret", clock), clock)
    transactions, extractor = memory_transactions("evidence"), SlowExtractor()
    service = EvidenceService(transactions, cases, files, extractor, InlineOffload(), InlineOffload(), clock, ids)
    return Room(reach(service), cases, files, transactions, extractor, clock, ids)
