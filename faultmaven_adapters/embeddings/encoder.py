"""One text to one vector: tokenizer, graph, pooling. Safe to call from several threads at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from faultmaven_domain.kernel.errors import Unavailable

from .directory import ModelDirectory, Pooling
from .errors import ModelUnusable

if TYPE_CHECKING:
    import numpy as np
    from onnxruntime import InferenceSession, NodeArg  # type: ignore[import-untyped]
    from tokenizers import Encoding, Tokenizer

    Array = np.ndarray[Any, np.dtype[Any]]

#: Outputs that are a text's vector, and those that are its tokens' vectors, by the names exporters give them.
POOLED = ("sentence_embedding", "dense_vecs")
TOKENS = ("last_hidden_state", "token_embeddings")
#: A text is cut at so many characters per token before it is tokenised. Prose has four or five, so this only bounds the
#: time that a hostile or broken text takes.
_CHARACTERS_PER_TOKEN = 64
_SILENT = 4  # onnxruntime's log level for what it dies of; what else goes wrong is raised
_INPUTS: Mapping[str, Callable[["Encoding"], Sequence[int]]] = {
    # Where a tokenizer adds no special tokens an empty text has no token; the graph needs one.
    "input_ids": lambda encoding: encoding.ids or [0],
    "attention_mask": lambda encoding: [1] * (len(encoding.ids) or 1),
    "token_type_ids": lambda encoding: encoding.type_ids or [0],
    "position_ids": lambda encoding: range(len(encoding.ids) or 1),
}
_POOLED_BY: Mapping[Pooling, Callable[["Array"], Any]] = {
    Pooling.MEAN: lambda tokens: tokens.mean(axis=0),
    Pooling.CLS: lambda tokens: tokens[0],
    Pooling.LAST: lambda tokens: tokens[-1],
    Pooling.MAX: lambda tokens: tokens.max(axis=0),
}


@frozen(kw_only=True)
class Encoder:
    _tokenizer: "Tokenizer"
    _session: "InferenceSession"
    _inputs: Mapping[str, "np.dtype[Any]"]
    _output: str
    _pooling: Pooling | None  # None where the graph does it
    _most_characters: int

    @classmethod
    def load(cls, files: ModelDirectory) -> "Encoder":
        """Raises: ModelUnusable."""
        session = _session(files)
        output, pooling = _output(session.get_outputs(), files)
        return cls(
            tokenizer=_tokenizer(files),
            session=session,
            inputs=_inputs(session.get_inputs(), files),
            output=output,
            pooling=pooling,
            most_characters=files.max_length * _CHARACTERS_PER_TOKEN,
        )

    def vector(self, text: str) -> list[float]:
        """Of unit length. Raises: Unavailable where the model fails, for want of memory say, or gives no direction."""
        import numpy as np

        # A file's undecodable bytes may have become lone surrogates, which the tokenizer refuses.
        text = text[: self._most_characters].encode("utf-8", "replace").decode("utf-8")
        # In a batch of one because that lets go of the interpreter's lock while it works; `encode` does not.
        encoding = self._tokenizer.encode_batch([text])[0]
        feeds = {name: np.array([_INPUTS[name](encoding)], kind) for name, kind in self._inputs.items()}
        try:
            found = self._session.run([self._output], feeds)[0][0]
        except Exception as error:  # onnxruntime's errors have nothing else in common
            raise Unavailable(f"The embedding model failed: {error}") from error
        vector = self._pooled(np.asarray(found, np.float32))
        length = np.linalg.norm(vector)
        if not (np.isfinite(length) and length > 0):
            raise Unavailable("The embedding model gave a vector without a direction.")
        values: list[float] = (vector / length).tolist()
        return values

    def _pooled(self, found: "Array") -> "Array":
        pooled: Array = found if self._pooling is None else _POOLED_BY[self._pooling](found)
        return pooled


def _session(files: ModelDirectory) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _SILENT
    try:
        return onnxruntime.InferenceSession(files.graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have nothing else in common
        raise ModelUnusable(f"{files.graph} cannot be loaded: {error}") from error


def _tokenizer(files: ModelDirectory) -> "Tokenizer":
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(files.tokenizer))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelUnusable(f"{files.tokenizer} cannot be loaded: {error}.") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(files.max_length)
    return tokenizer


def _inputs(inputs: Sequence["NodeArg"], files: ModelDirectory) -> dict[str, "np.dtype[Any]"]:
    import numpy as np

    if strange := sorted({each.name for each in inputs} - _INPUTS.keys()):
        raise ModelUnusable(
            f"{files.graph} asks for {', '.join(strange)}; only {', '.join(_INPUTS)} can be given. "
            "Export it as a feature-extraction model."
        )
    return {each.name: np.dtype(np.int32 if each.type == "tensor(int32)" else np.int64) for each in inputs}


def _output(outputs: Sequence["NodeArg"], files: ModelDirectory) -> tuple[str, Pooling | None]:
    names = [each.name for each in outputs]
    for name in POOLED:
        if name in names:
            return name, None
    for name in TOKENS:
        if name in names:
            if files.pooling is None:
                raise ModelUnusable(f"{files.graph} gives a vector per token, and {files.unpooled_because}.")
            return name, files.pooling
    raise ModelUnusable(f"{files.graph} gives {', '.join(names)}; one of {', '.join(POOLED + TOKENS)} is needed.")
