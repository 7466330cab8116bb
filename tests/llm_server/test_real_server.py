"""The OpenAI adapter against a server that others wrote: Transformers', with a model this file makes.

It wants ``transformers[serving]`` and PyTorch beside the project, gigabytes that no other test needs, and is skipped
where they are not: ``nox -s llm_server`` installs them.
"""

import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from faultmaven_adapters.llm.openai import OpenAIProvider
from faultmaven_domain.agent import LLMRefused
from tests.contracts.llm_provider import RUNBOOK, question
from tests.llm_server.tiny_llama import write_model
from tests.standins.serving import listening

SERVER = shutil.which("transformers")
pytestmark = pytest.mark.skipif(
    SERVER is None, reason="There is no `transformers` command here; see `nox -s llm_server`."
)
READY = 180.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server, and its model's name there."""
    assert SERVER is not None
    home = tmp_path_factory.mktemp("server")
    model = write_model(home / "model")
    (home / "hub").mkdir()  # where it looks for the models it lists
    with listening() as sock:
        port = sock.getsockname()[1]
    words = [SERVER, "serve", str(model), "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    alone = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "CUDA_VISIBLE_DEVICES": ""}
    with (home / "log").open("wb") as log, subprocess.Popen(words, env=alone, stdout=log, stderr=log) as process:
        try:
            _wait(process, f"http://127.0.0.1:{port}/health", home / "log")
            yield f"http://127.0.0.1:{port}/v1", str(model)
        finally:
            process.terminate()


@pytest.fixture
async def llm(served: tuple[str, str]) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(served[0], None, served[1])
    yield provider
    await provider.close()


async def test_answers(llm: OpenAIProvider) -> None:
    """A question gets as many letters of nonsense as it allows, counted on both sides."""
    answer = await llm.chat(question(RUNBOOK), temperature=0.0, max_tokens=40)

    assert 1 <= len(answer.content) <= 40
    assert answer.stop_reason == "length"
    assert answer.output_tokens == 40
    assert answer.input_tokens is not None
    assert answer.input_tokens > 60


async def test_streams_the_same(llm: OpenAIProvider) -> None:
    """Streamed, the same question gets the same letters piece by piece."""
    stream = [item async for item in llm.stream(question(RUNBOOK), temperature=0.0, max_tokens=40)]
    alone = await llm.chat(question(RUNBOOK), temperature=0.0, max_tokens=40)

    assert "".join(map(str, stream[:-1])) == alone.content
    assert stream[-1] == alone
    assert len(stream) > 2


async def test_closing_early_leaves_it_well(llm: OpenAIProvider) -> None:
    """A stream that is closed after its first piece does not keep the next question waiting."""
    stream = llm.stream(question(RUNBOOK), max_tokens=400)
    await anext(stream)
    await stream.aclose()

    assert (await llm.chat(question(RUNBOOK), max_tokens=5)).content


async def test_its_failures_are_ours(llm: OpenAIProvider, served: tuple[str, str]) -> None:
    """It is pinged without an error, and a path it does not have is refused."""
    await llm.ping()
    elsewhere = OpenAIProvider(f"{served[0]}/nowhere", None, served[1])
    with pytest.raises(LLMRefused):
        await elsewhere.chat(question(RUNBOOK))
    await elsewhere.close()


def _wait(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(address).is_success:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.2)
    pytest.fail(f"The server did not come up:\n{log.read_text(errors='replace')[-4_000:]}")
