import pytest

from faultmaven_adapters.files.signing import UrlSigner
from faultmaven_adapters.memory.cache import MemoryCache
from faultmaven_adapters.memory.files import MemoryFileProvider
from faultmaven_adapters.memory.offload import InlineOffload
from faultmaven_adapters.memory.text_extractor import MemoryTextExtractor
from faultmaven_adapters.memory.transactions import memory_transactions
from faultmaven_adapters.memory.vectors import MemoryVectorProvider
from faultmaven_domain.knowledge import KnowledgeService
from tests.fakes.clock import FakeClock
from tests.fakes.embedding_model import FakeModel
from tests.fakes.ids import FakeIds
from tests.fakes.reach import Reach

from .room import Room


@pytest.fixture
async def room(clock: FakeClock, ids: FakeIds, reach: Reach) -> Room:
    model = FakeModel()
    here = KnowledgeService(
        transactions=memory_transactions("knowledge"),
        vectors=MemoryVectorProvider(),
        embeddings=model,
        files=MemoryFileProvider(UrlSigner("http://localhost/files", b"secret", clock), clock),
        extractor=MemoryTextExtractor(),
        offload=InlineOffload(),
        cache=MemoryCache(),
        clock=clock,
        ids=ids,
    )
    return Room(here=here, knowledge=reach(here), model=model, clock=clock, ids=ids, reach=reach)
