import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from faultmaven_adapters.files.local import LocalFileProvider
from faultmaven_adapters.memory.files import MemoryFileProvider
from faultmaven_adapters.system import SystemClock
from faultmaven_domain.kernel.errors import Unavailable
from tests.contracts.file_provider import SIGNER, FileProviderContract


class TestMemoryFileProvider(FileProviderContract):
    @pytest.fixture
    def files(self) -> MemoryFileProvider:
        return MemoryFileProvider(SIGNER, SystemClock())


class TestLocalFileProvider(FileProviderContract):
    @pytest.fixture
    def files(self, tmp_path: Path) -> LocalFileProvider:
        return LocalFileProvider(tmp_path / "files", SIGNER)

    async def test_survives_its_process(self, tmp_path: Path) -> None:
        """What was stored is there for the next process."""
        await LocalFileProvider(tmp_path, SIGNER).upload("evidence/a", b"kept", "text/plain")

        assert await LocalFileProvider(tmp_path, SIGNER).download("evidence/a") == b"kept"

    async def test_a_folder_that_is_a_file_is_unavailable(self, tmp_path: Path) -> None:
        """A store that cannot be written says so to whoever pings it."""
        (tmp_path / "files").write_text("in the way")

        with pytest.raises(Unavailable):
            await LocalFileProvider(tmp_path / "files", SIGNER).ping()

    def test_a_full_disk_is_said_to_be_full(self, tmp_path: Path) -> None:
        """No space left becomes StorageFull, and no part of the file stays behind."""
        script = """
import asyncio, sys
from pathlib import Path
from faultmaven_adapters.files.local import LocalFileProvider
from faultmaven_domain.kernel.errors import StorageFull
from tests.contracts.file_provider import SIGNER
try:
    asyncio.run(LocalFileProvider(Path(sys.argv[1]), SIGNER).upload("k", b"x" * 5_000_000, "text/plain"))
except StorageFull:
    print("full")
"""
        # RLIMIT_FSIZE gives EFBIG, which a person reads as a full store as well.
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            check=False,
        )

        assert done.stdout == "full\n", done.stderr
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
