"""From the files a model is published as to a directory that onnxruntime can use."""

import json
import shutil
from pathlib import Path

from .bert import bert_graph
from .errors import ModelUnusable
from .published import FILES, WEIGHTS
from .safetensors import read_safetensors

FP32, INT8 = "model.onnx", "model_int8.onnx"
CONVERTED = (FP32, INT8, *(name for name in FILES if name != WEIGHTS))


def convert(source: Path, into: Path) -> None:
    """Write :data:`CONVERTED` into an empty directory: both precisions, as a directory may be made on one machine (a
    container image, a shared home) and used on others, which need not have the instructions for int8.

    Raises: ModelUnusable when the source is not a BERT this can write down.
    """
    import onnx

    try:
        config = json.loads((source / "config.json").read_bytes())
    except ValueError as error:
        raise ModelUnusable(f"{source / 'config.json'} is not JSON.") from error
    weights = read_safetensors(source / WEIGHTS)
    for name, int8 in ((FP32, False), (INT8, True)):
        onnx.save(bert_graph(weights, config, int8=int8), into / name)
    for name in CONVERTED[2:]:
        (into / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, into / name)
