"""Weights in the safetensors format: the header's length (8 bytes, little endian), a JSON header, the bytes.

https://github.com/huggingface/safetensors#format
"""

import json
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelUnusable

if TYPE_CHECKING:
    import numpy as np

_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1", "U8": "<u1"}


def read_safetensors(path: Path) -> dict[str, "np.ndarray[Any, np.dtype[Any]]"]:
    """Every tensor by its name, mapped from the file and read-only.

    Raises: ModelUnusable when the file is not of the format, or holds a kind of number numpy has not.
    """
    import numpy as np

    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            if not 8 < start <= size:
                raise ValueError("its header is cut off")
            header = json.loads(file.read(start - 8))
        content = np.memmap(path, dtype=np.uint8, mode="r", offset=start, shape=(size - start,))
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            kind = np.dtype(_KINDS[entry["dtype"]])
            if not 0 <= begin <= end <= len(content) or end - begin != kind.itemsize * prod(entry["shape"]):
                raise ValueError(f"{name} does not fit")
            tensors[name] = np.asarray(content[begin:end]).view(kind).reshape(entry["shape"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelUnusable(f"{path} is not a usable safetensors file: {error}.") from error
    return tensors
