import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faultmaven_adapters.embeddings import ModelUnusable
from faultmaven_adapters.embeddings.safetensors import read_safetensors
from tests.adapters.tiny_models import write_safetensors

KINDS = ["<f8", "<f4", "<f2", "<i8", "<i4", "<i2", "<i1", "<u1"]
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
ONE_FILE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(shapes=st.dictionaries(st.text(min_size=1, max_size=5), st.tuples(SHAPES, st.sampled_from(KINDS)), max_size=5))
@ONE_FILE
def test_reads_what_was_written(tmp_path: Path, shapes: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """Names, shapes, kinds and numbers come back, of any number of tensors."""
    random = np.random.default_rng(0)
    tensors = {name: random.integers(0, 100, shape).astype(kind) for name, (shape, kind) in shapes.items()}
    write_safetensors(tmp_path / "tensors", tensors)

    found = read_safetensors(tmp_path / "tensors")

    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert np.array_equal(found[name], tensor)


@given(content=st.binary(max_size=100))
@ONE_FILE
def test_refuses_anything_else(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no safetensors file raise one kind of error, with the path."""
    (tmp_path / "tensors").write_bytes(content)

    with pytest.raises(ModelUnusable, match="tensors is not a usable safetensors file"):
        read_safetensors(tmp_path / "tensors")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]},
        {"dtype": "F32", "shape": [1]},
        {"dtype": "F32", "shape": "x", "data_offsets": [0, 4]},
        [],
    ],
)
def test_refuses_what_does_not_fit(tmp_path: Path, entry: object) -> None:
    """A tensor of an unknown kind, or with other bytes than its shape needs, or outside the file, is refused."""
    header = json.dumps({"weight": entry}).encode()
    (tmp_path / "tensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))

    with pytest.raises(ModelUnusable):
        read_safetensors(tmp_path / "tensors")
