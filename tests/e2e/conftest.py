from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that is up, and down again when the test ends, however it ends."""
    one = Server(tmp_path / "data", {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"})
    try:
        yield one.start()
    finally:
        one.kill()
