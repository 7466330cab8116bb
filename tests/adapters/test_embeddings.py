"""The default model, as it is pulled from the package index: a suite with it needs what an installation needs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from faultmaven_adapters.embeddings import OnnxEmbeddingModel, Precision, default_model_directory, pull_model
from faultmaven_adapters.embeddings.cpu import multiplies_bytes, usable_cpus
from faultmaven_domain.kernel.errors import Unavailable
from tests.contracts.embedding_model import EmbeddingModelContract, cosine

SENTENCES = {
    "restart": "The pod keeps restarting.",
    "crash": "container crash loop",
    "expired": "The certificate has expired.",
    "tls": "TLS handshake failed: x509: certificate is not yet valid",
    "full": "The disk of the database server is full.",
    "space": "no space left on device",
    "etcd": "etcdserver: request timed out, possibly due to previous leader failure",
    "empty": "",
    "long": " ".join(f"line {n}: connection to 10.0.0.{n} refused" for n in range(200)),
    "scripts": "Größe überschritten: 磁盘已满 💥",
}
#: Cosines of sentence-transformers 6.2.0 on PyTorch 2.13.0, with the same weights.
COSINES = {
    ("restart", "crash"): 0.4541,
    ("restart", "expired"): 0.1709,
    ("expired", "tls"): 0.4864,
    ("full", "space"): 0.4454,
    ("full", "crash"): 0.1563,
    ("etcd", "space"): 0.1009,
    ("scripts", "full"): 0.0291,
    ("empty", "restart"): 0.1042,
    ("long", "etcd"): 0.2897,
    ("long", "restart"): 0.0843,
}


@pytest.fixture(scope="session")
def minilm() -> Path:
    return pull_model(default_model_directory(), progress=lambda step, done, total: None)


class TestMiniLM(EmbeddingModelContract):
    """As it is opened on this machine."""

    @pytest.fixture
    async def model(self, minilm: Path) -> AsyncIterator[OnnxEmbeddingModel]:
        model = OnnxEmbeddingModel.open(minilm)
        yield model
        await model.close()

    async def test_meaning_is_nearer_than_words(self, model: OnnxEmbeddingModel) -> None:
        """What is alike is near, without a word in common."""
        vectors = dict(zip(SENTENCES, await model.embed(list(SENTENCES.values())), strict=True))

        for like, one, other in (
            ("restart", "crash", "expired"),
            ("expired", "tls", "full"),
            ("full", "space", "etcd"),
        ):
            assert cosine(vectors[like], vectors[one]) > cosine(vectors[like], vectors[other]) + 0.1

    async def test_is_what_it_says(self, model: OnnxEmbeddingModel) -> None:
        """The name tells model, revision and the precision this processor is given."""
        precision = Precision.INT8 if multiplies_bytes() else Precision.FP32

        assert model.name == f"all-MiniLM-L6-v2@53aa51172d14/{precision}"
        assert model.dimension == 384

    async def test_a_question_does_not_wait_for_a_library(self, model: OnnxEmbeddingModel) -> None:
        """While hundreds of passages are embedded, single texts are answered, and so is everything else."""
        library = asyncio.create_task(model.embed([f"{SENTENCES['long']} {n}" for n in range(200)]))
        others = 0
        for n in range(5):
            await model.embed([f"question {n}"])
            await asyncio.sleep(0)
            others += 1

        assert others == 5
        assert not library.done()
        library.cancel()

    async def test_what_is_no_longer_wanted_is_not_done(self, model: OnnxEmbeddingModel) -> None:
        """A cancelled call stops after the texts it is at, and the model goes on."""
        library = asyncio.create_task(model.embed([SENTENCES["long"]] * 100_000))
        await model.embed(["question"])
        library.cancel()
        with pytest.raises(asyncio.CancelledError):
            await library

        assert len(await model.embed(["one", "two", "three"])) == 3

    async def test_answers_pings(self, model: OnnxEmbeddingModel) -> None:
        """A ping is a word embedded."""
        await model.ping()


class TestPrecisions:
    async def test_fp32_is_the_published_model(self, minilm: Path) -> None:
        """The graph that was written from the weights computes what sentence-transformers computes."""
        vectors = await _embedded(minilm, Precision.FP32)

        for (one, other), expected in COSINES.items():
            assert cosine(vectors[one], vectors[other]) == pytest.approx(expected, abs=2e-4)

    async def test_int8_is_close_to_it(self, minilm: Path) -> None:
        """Rounded weights turn no vector by more than a few degrees."""
        if not multiplies_bytes():
            pytest.skip("This processor has no instructions for int8.")
        exact, rounded = [await _embedded(minilm, precision) for precision in (Precision.FP32, Precision.INT8)]

        assert min(cosine(exact[name], rounded[name]) for name in SENTENCES if name != "scripts") > 0.97

    async def test_padding_changes_nothing(self, minilm: Path) -> None:
        """The graph serves batches too: what the mask hides has no part in the rest."""
        session = onnxruntime.InferenceSession(minilm / "model.onnx", providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
        tokenizer.no_truncation()
        encodings = [tokenizer.encode(SENTENCES[name]).ids for name in ("crash", "etcd")]
        short, longer = (len([each for each in ids if each]) for ids in encodings)

        alone = _run(session, [encodings[0][:short]])
        beside = _run(session, [encodings[0][:short] + [0] * (longer - short), encodings[1][:longer]])

        assert short < longer
        assert np.allclose(alone[0], beside[0][:short], atol=1e-5)


class TestLifetime:
    async def test_as_many_at_once_as_told(self, minilm: Path) -> None:
        """One thread or several give the same vectors."""
        alone, several = [await _embedded(minilm, None, threads=threads) for threads in (1, 3)]

        assert alone == several

    async def test_serves_more_than_one_loop(self, minilm: Path) -> None:
        """A program may open it in one event loop and use it in others."""
        model = OnnxEmbeddingModel.open(minilm, threads=2)
        texts = list(SENTENCES.values())

        elsewhere = await asyncio.to_thread(lambda: asyncio.run(model.embed(texts)))

        assert elsewhere == await model.embed(texts)
        await model.close()

    async def test_a_closed_model_says_so(self, minilm: Path) -> None:
        """Closing twice is fine; a call that it interrupts, and any after it, is Unavailable."""
        model = OnnxEmbeddingModel.open(minilm, threads=1)
        library = asyncio.create_task(model.embed([SENTENCES["long"]] * 100_000))
        await model.embed(["one"])
        await model.close()
        await model.close()

        with pytest.raises(Unavailable, match="closed"):
            await library
        for texts in (["one"], ["one", "two"]):
            with pytest.raises(Unavailable, match="closed"):
                await model.embed(texts)


class TestProcessor:
    @pytest.mark.parametrize(
        ("cpuinfo", "expected"),
        [
            ("flags\t\t: fpu sse2 avx2 avx_vnni\n", True),
            ("processor: 0\nflags : avx512f avx512_vnni\nflags : x\n", True),
            ("flags : amx_tile amx_int8", True),
            ("flags : avx2 avx512f avx_vnni_not", False),
            ("Features : fp asimd asimddp\n", False),
            ("", False),
        ],
    )
    def test_int8_only_where_it_is_exact(self, tmp_path: Path, cpuinfo: str, expected: bool) -> None:
        """Only a processor known to add byte products in 32 bits is given int8."""
        (tmp_path / "cpuinfo").write_text(cpuinfo)

        assert multiplies_bytes(tmp_path / "cpuinfo") is expected
        assert not multiplies_bytes(tmp_path / "absent")

    @pytest.mark.parametrize(
        ("quota", "at_most"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("rubbish", None)]
    )
    def test_keeps_to_the_containers_share(self, tmp_path: Path, quota: str, at_most: int | None) -> None:
        """A container with one processor of many gets one thread; without a limit, all."""
        (tmp_path / "cpu.max").write_text(quota)

        assert usable_cpus(tmp_path / "cpu.max") == (at_most or usable_cpus(tmp_path / "absent"))


async def _embedded(directory: Path, precision: Precision | None, *, threads: int = 2) -> dict[str, list[float]]:
    model = OnnxEmbeddingModel.open(directory, precision=precision, threads=threads)
    vectors = await model.embed(list(SENTENCES.values()))
    await model.close()
    return dict(zip(SENTENCES, vectors, strict=True))


def _run(session: onnxruntime.InferenceSession, rows: list[list[int]]) -> np.ndarray[Any, Any]:
    ids = np.array(rows, np.int64)
    feeds = {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64), "token_type_ids": np.zeros_like(ids)}
    states: np.ndarray[Any, Any] = session.run(["last_hidden_state"], feeds)[0]
    return states
