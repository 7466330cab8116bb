"""A BERT encoder as an ONNX graph, written from its weights.

The computation is that of Devlin et al. 2019 (https://arxiv.org/abs/1810.04805), with the names its weights have in
the `transformers` library. In: ``input_ids``, ``attention_mask`` and ``token_type_ids``, each int64 [batch, length].
Out: ``last_hidden_state``, float32 [batch, length, hidden].
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from .errors import ModelUnusable

if TYPE_CHECKING:
    import numpy as np
    import onnx

    Array = np.ndarray[Any, np.dtype[Any]]

OPSET, IR_VERSION = 20, 10
#: Added to the score of a token that is not there: nothing is left of it after the softmax.
_NOTHING = -1e9
_SUPPORTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


def bert_graph(weights: Mapping[str, "Array"], config: Mapping[str, Any], *, int8: bool) -> "onnx.ModelProto":
    """With ``int8`` the weights are stored as signed bytes, a scale per output channel (and per word), and what is
    multiplied by them is rounded to bytes as it comes.

    Raises: ModelUnusable when weights or configuration are not those of such a BERT.
    """
    import onnx
    from onnx import TensorProto, helper

    for key, value in _SUPPORTED.items():
        if config.get(key, value) != value:
            raise ModelUnusable(f"Only models with {key} {value!r} can be converted; this one has {config[key]!r}.")
    graph = _Graph(weights, int8)
    try:
        _write(graph, config)
    except KeyError as error:
        raise ModelUnusable(f"The model's weights or config.json lack {error}.") from error
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "bert",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
                for name in ("input_ids", "attention_mask", "token_type_ids")
            ],
            [
                helper.make_tensor_value_info(
                    "last_hidden_state", TensorProto.FLOAT, ["batch", "length", config["hidden_size"]]
                )
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="faultmaven",
    )
    onnx.checker.check_model(model)
    return model


def _write(graph: "_Graph", config: Mapping[str, Any]) -> None:
    import numpy as np

    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    width, epsilon = hidden // heads, config["layer_norm_eps"]
    split = graph.constant(np.array([0, 0, heads, width]))
    merge = graph.constant(np.array([0, 0, hidden]))
    one, zero = graph.constant(np.float32(1)), graph.constant(np.array([0]))

    mask = graph.op("Unsqueeze", graph.op("Cast", "attention_mask", to=1), graph.constant(np.array([1, 2])))
    unseen = graph.op("Mul", graph.op("Sub", one, mask), graph.constant(np.float32(_NOTHING)))
    places = graph.constant(graph.weights["embeddings.position_embeddings.weight"])
    place = graph.op("Slice", places, zero, graph.op("Shape", "input_ids", start=1, end=2), zero)
    kinds = graph.constant(graph.weights["embeddings.token_type_embeddings.weight"])
    kind = graph.op("Gather", kinds, "token_type_ids")
    words = graph.op("Add", graph.op("Add", graph.words("embeddings.word_embeddings"), kind), place)
    x = graph.norm(words, "embeddings.LayerNorm", epsilon)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        q, k, v = (
            graph.op("Reshape", graph.linear(x, f"{layer}.attention.self.{part}"), split)
            for part in ("query", "key", "value")
        )
        q, k, v = (
            graph.op("Transpose", part, perm=perm)
            for part, perm in ((q, (0, 2, 1, 3)), (k, (0, 2, 3, 1)), (v, (0, 2, 1, 3)))
        )
        scores = graph.op("Mul", graph.op("MatMul", q, k), graph.constant(np.float32(width**-0.5)))
        seen = graph.op("MatMul", graph.op("Softmax", graph.op("Add", scores, unseen), axis=-1), v)
        seen = graph.op("Reshape", graph.op("Transpose", seen, perm=(0, 2, 1, 3)), merge)
        seen = graph.linear(seen, f"{layer}.attention.output.dense")
        x = graph.norm(graph.op("Add", seen, x), f"{layer}.attention.output.LayerNorm", epsilon)
        wide = graph.op("Gelu", graph.linear(x, f"{layer}.intermediate.dense"))
        x = graph.norm(
            graph.op("Add", graph.linear(wide, f"{layer}.output.dense"), x), f"{layer}.output.LayerNorm", epsilon
        )
    graph.op("Identity", x, named="last_hidden_state")


@define
class _Graph:
    """Nodes and constants as they are written; each method returns the name of what it computes."""

    weights: Mapping[str, "Array"]
    int8: bool
    nodes: "list[onnx.NodeProto]" = field(factory=list, init=False)
    constants: "list[onnx.TensorProto]" = field(factory=list, init=False)

    def op(self, kind: str, *inputs: str, named: str = "", **attributes: Any) -> str:
        return self.ops(kind, *inputs, named=(named or f"{kind}_{len(self.nodes)}",), **attributes)[0]

    def ops(self, kind: str, *inputs: str, named: tuple[str, ...], **attributes: Any) -> tuple[str, ...]:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, named, name=f"{kind}_{len(self.nodes)}", **attributes))
        return named

    def constant(self, value: "Array | np.generic") -> str:
        import numpy as np
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def norm(self, x: str, name: str, epsilon: float) -> str:
        scale, bias = (self.constant(self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)

    def words(self, name: str) -> str:
        table = self.weights[f"{name}.weight"]
        if not self.int8:
            return self.op("Gather", self.constant(table), "input_ids")
        rounded, scales = _rounded(table, axis=1)
        rows = self.op("Cast", self.op("Gather", self.constant(rounded), "input_ids"), to=1)
        return self.op("Mul", rows, self.op("Gather", self.constant(scales), "input_ids"))

    def linear(self, x: str, name: str) -> str:
        import numpy as np

        weight, bias = self.weights[f"{name}.weight"].T, self.constant(self.weights[f"{name}.bias"])
        if not self.int8:
            return self.op("Add", self.op("MatMul", x, self.constant(weight)), bias)
        rounded, scales = _rounded(weight, axis=0)
        at = len(self.nodes)
        x8, scale, zero = self.ops("DynamicQuantizeLinear", x, named=(f"bytes_{at}", f"scale_{at}", f"zero_{at}"))
        signed = self.constant(np.zeros(rounded.shape[1], np.int8))
        product = self.op("MatMulInteger", x8, self.constant(rounded), zero, signed)
        scale = self.op("Mul", scale, self.constant(scales.reshape(-1)))
        return self.op("Add", self.op("Mul", self.op("Cast", product, to=1), scale), bias)


def _rounded(values: "Array", *, axis: int) -> "tuple[Array, Array]":
    """As signed bytes, symmetric about zero, with the scales that give them back."""
    import numpy as np

    scales = (np.abs(values).max(axis=axis, keepdims=True) / 127).astype(np.float32)
    scales[scales == 0] = 1
    return np.rint(values / scales).astype(np.int8), scales
