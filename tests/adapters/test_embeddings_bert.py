"""The graph, against the same computation written out in numpy."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from faultmaven_adapters.embeddings.bert import bert_graph
from faultmaven_adapters.embeddings.published import WEIGHTS
from faultmaven_adapters.embeddings.safetensors import read_safetensors
from tests.adapters.tiny_models import CONFIG, HEADS, HIDDEN, LAYERS, VOCABULARY, bert_weights, write_safetensors

Array = np.ndarray[Any, np.dtype[Any]]
WIDTH = HIDDEN // HEADS
erf = np.vectorize(math.erf)


def bert(weights: Mapping[str, Array], ids: Array, kinds: Array) -> Array:
    """One text without padding: [length] to [length, hidden], in double precision."""

    def linear(x: Array, name: str) -> Array:
        return np.einsum("ti,oi->to", x, weights[f"{name}.weight"]) + weights[f"{name}.bias"]

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + CONFIG["layer_norm_eps"])
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    words, places, types = (
        weights[f"embeddings.{name}_embeddings.weight"].astype(np.float64)
        for name in ("word", "position", "token_type")
    )
    x = norm(words[ids] + places[: len(ids)] + types[kinds], "embeddings.LayerNorm")
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        q, k, v = (linear(x, f"{layer}.attention.self.{part}") for part in ("query", "key", "value"))
        heads = []
        for head in (slice(at, at + WIDTH) for at in range(0, HIDDEN, WIDTH)):
            weighed = np.exp(q[:, head] @ k[:, head].T / math.sqrt(WIDTH))
            heads.append(weighed / weighed.sum(axis=1, keepdims=True) @ v[:, head])
        attended = linear(np.concatenate(heads, axis=1), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        wide = linear(x, f"{layer}.intermediate.dense")
        wide = wide * (1 + erf(wide / math.sqrt(2))) / 2
        x = norm(x + linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x


def run(weights: Mapping[str, Array], ids: Array, mask: Array, kinds: Array, *, int8: bool = False) -> Array:
    model = bert_graph(weights, CONFIG, int8=int8).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds}
    states: Array = session.run(["last_hidden_state"], feeds)[0]
    return states


@pytest.fixture
def batch() -> tuple[Array, Array, Array]:
    """Three texts of different lengths: ids, mask and types, with rubbish where the mask hides it."""
    random = np.random.default_rng(5)
    ids = random.integers(0, len(VOCABULARY), (3, 9))
    mask = (np.arange(9) < np.array([[9], [4], [1]])).astype(np.int64)
    return ids, mask, random.integers(0, 2, (3, 9))


@pytest.mark.parametrize("seed", [0, 1])
def test_computes_a_bert(batch: tuple[Array, Array, Array], seed: int) -> None:
    """Every token's vector is what the published computation gives, and padding has no part in it."""
    ids, mask, kinds = batch
    weights = bert_weights(seed)

    found = run(weights, ids, mask, kinds)

    for row, length in enumerate(mask.sum(axis=1)):
        assert np.allclose(found[row, :length], bert(weights, ids[row, :length], kinds[row, :length]), atol=1e-4)


def test_rounded_to_bytes_it_is_close(batch: tuple[Array, Array, Array]) -> None:
    """With int8 each token's vector keeps its direction, also where weights are all zero."""
    ids, mask, kinds = batch
    weights = bert_weights()
    weights["encoder.layer.0.output.dense.weight"][3] = 0
    weights["embeddings.word_embeddings.weight"][ids[0, 0]] = 0

    exact, rounded = (run(weights, ids, mask, kinds, int8=int8)[mask == 1] for int8 in (False, True))

    cosines = (exact * rounded).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosines.min() > 0.99
    assert not np.array_equal(exact, rounded)


def test_takes_its_weights_from_the_file(tmp_path: Path, batch: tuple[Array, Array, Array]) -> None:
    """Weights that were written and read give the same graph."""
    weights = bert_weights()
    write_safetensors(tmp_path / WEIGHTS, weights)

    assert bert_graph(read_safetensors(tmp_path / WEIGHTS), CONFIG, int8=True) == bert_graph(weights, CONFIG, int8=True)
