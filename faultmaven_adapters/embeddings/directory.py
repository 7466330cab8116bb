"""What a directory with an ONNX embedding model says of itself.

Such directories are written by `optimum-cli export onnx` and published by many models: a graph (``model.onnx``, maybe
under ``onnx/``), ``tokenizer.json``, and the files by which sentence-transformers knows how token vectors become one
vector (``modules.json``, ``1_Pooling/config.json``) and how much text is read (``sentence_bert_config.json``).
"""

import hashlib
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import frozen

from .convert import FP32, INT8
from .cpu import multiplies_bytes
from .errors import ModelUnusable
from .model_files import MANIFEST

#: The length where no file tells: what BERT was made for.
USUAL_LENGTH = 512
#: More than this is not a length but "as long as you like".
_BOUNDLESS = 1_000_000
#: Larger files are known by so many evenly spaced blocks of them, else each start would read gigabytes.
_BLOCK, _BLOCKS = 64 * 1024, 256


class Precision(StrEnum):
    FP32 = "fp32"
    INT8 = "int8"


class Pooling(StrEnum):
    """How a text's token vectors become its vector; the values are the names sentence-transformers has for them."""

    MEAN = "mean"
    CLS = "cls"
    LAST = "lasttoken"
    MAX = "max"


_POOLING_FLAGS = {
    "pooling_mode_mean_tokens": Pooling.MEAN,
    "pooling_mode_mean_sqrt_len_tokens": Pooling.MEAN,  # the same direction, and length is 1 in the end
    "pooling_mode_cls_token": Pooling.CLS,
    "pooling_mode_lasttoken": Pooling.LAST,
    "pooling_mode_max_tokens": Pooling.MAX,
}


@frozen(kw_only=True)
class ModelDirectory:
    name: str
    graph: Path
    tokenizer: Path
    max_length: int  # in tokens, special ones included
    pooling: Pooling | None  # None where no file tells
    unpooled_because: str  # what to say where the graph gives token vectors and they cannot be pooled

    @classmethod
    def read(cls, directory: Path, *, precision: Precision | None = None) -> "ModelDirectory":
        """``precision`` chooses between graphs; by default int8 where the model was pulled and the processor has the
        instructions for it, else the directory's ``model.onnx``.

        Raises: ModelUnusable, with the file that is missing or wrong.
        """
        if not directory.is_dir():
            raise ModelUnusable(f"There is no directory {directory} with an embedding model.")
        manifest = _object(directory / MANIFEST)
        if manifest and not {"model", "revision"} <= manifest.keys():
            raise ModelUnusable(f"{directory / MANIFEST} does not name a model.")
        if precision is None and manifest:
            precision = Precision.INT8 if multiplies_bytes() else Precision.FP32
        graph = _graph(directory, precision)
        beside = (directory / "tokenizer.json", graph.parent / "tokenizer.json")
        tokenizer = next((path for path in beside if path.exists()), None)
        if tokenizer is None:
            raise ModelUnusable(
                f"{directory} has no tokenizer.json. "
                "It is published with the model, or written by `optimum-cli export onnx`."
            )
        max_length = _max_length(directory)
        pooling, unpooled_because = _pooling(directory)
        if manifest:
            name = f"{manifest['model']}@{manifest['revision']}/{precision}"
        else:
            told = json.dumps([max_length, pooling])
            name = f"{_given_name(directory)}@{_fingerprint(graph, tokenizer, told)}"
        return cls(
            name=name,
            graph=graph,
            tokenizer=tokenizer,
            max_length=max_length,
            pooling=pooling,
            unpooled_because=unpooled_because,
        )


def _graph(directory: Path, precision: Precision | None) -> Path:
    wanted = (INT8, "model_quantized.onnx") if precision is Precision.INT8 else (FP32,)
    folders = (directory, directory / "onnx")
    for folder in folders:
        for name in wanted:
            if (folder / name).exists():
                return folder / name
    if precision is not None:
        raise ModelUnusable(f"{directory} has no {' or '.join(wanted)}.")
    others = sorted(path for folder in folders for path in folder.glob("*.onnx"))
    if len(others) == 1:
        return others[0]
    if others:
        names = ", ".join(path.name for path in others)
        raise ModelUnusable(f"{directory} has several graphs ({names}); name the one to use {FP32}.")
    raise ModelUnusable(f"{directory} has no {FP32}, nor has its folder onnx/.")


def _pooling(directory: Path) -> tuple[Pooling | None, str]:
    modules = _modules(directory / "modules.json")
    if strange := modules.keys() - {"Transformer", "Pooling", "Normalize"}:
        return None, f"modules.json names {', '.join(sorted(strange))}, which only the graph itself could compute"
    path = directory / modules.get("Pooling", "1_Pooling") / "config.json"
    where = path.relative_to(directory)
    if not path.exists():
        return None, f"there is no {where} to tell how they become one"
    config = _object(path)
    told = config.get("pooling_mode")
    flagged = [mode for flag, mode in _POOLING_FLAGS.items() if config.get(flag)]
    modes = set((told if isinstance(told, list) else [told]) if told else flagged)
    known = [mode for mode in Pooling if mode in modes]
    if len(known) == len(modes) == 1:
        return known[0], ""
    return None, f"{where} asks for a pooling that is not one of {', '.join(Pooling)}"


def _modules(path: Path) -> dict[str, str]:
    """Each module's folder by its kind. Empty where there is no such file."""
    try:
        return {each["type"].rpartition(".")[2]: each["path"] for each in (_json(path) if path.exists() else ())}
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelUnusable(f"{path} does not list modules with type and path.") from error


def _max_length(directory: Path) -> int:
    """As sentence-transformers has it: the model's own word, else the lesser of what tokenizer and positions allow."""
    own = _object(directory / "sentence_bert_config.json").get("max_seq_length")
    if isinstance(own, int):
        return own
    allowed = (
        _object(directory / "tokenizer_config.json").get("model_max_length"),
        _object(directory / "config.json").get("max_position_embeddings"),
    )
    return min((length for length in allowed if isinstance(length, int) and length < _BOUNDLESS), default=USUAL_LENGTH)


def _given_name(directory: Path) -> str:
    """What the model calls itself; the directory's own name says nothing, it may be another on the next machine."""
    config = _object(directory / "config.json")
    given = str(config.get("_name_or_path") or "").rstrip("/").rpartition("/")[2]
    return given or str(config.get("model_type") or "onnx")


def _fingerprint(graph: Path, tokenizer: Path, told: str) -> str:
    """Of all that decides the vectors, so that another model under the same name is another model."""
    digest = hashlib.sha256(told.encode())
    for path in (tokenizer, *sorted(graph.parent.glob(f"{graph.name}*"))):  # the graph, and weights kept beside it
        for block in _sample(path):
            digest.update(block)
    return digest.hexdigest()[:12]


def _sample(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    yield f"{path.name} {size}\n".encode()
    stride = max(_BLOCK, size // _BLOCKS)
    with open(path, "rb") as file:
        for start in range(0, size, stride):
            file.seek(start)
            yield file.read(_BLOCK)


def _object(path: Path) -> dict[str, Any]:
    """Empty where there is no such file. Raises: ModelUnusable where it is something else."""
    content = _json(path) if path.exists() else {}
    if not isinstance(content, dict):
        raise ModelUnusable(f"{path} is not a JSON object.")
    return content


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelUnusable(f"{path} is not JSON.") from error
