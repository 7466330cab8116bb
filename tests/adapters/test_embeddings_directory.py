"""Any directory with an ONNX graph and a tokenizer."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from faultmaven_adapters.embeddings import ModelUnusable, OnnxEmbeddingModel, Precision
from faultmaven_adapters.embeddings.convert import convert
from faultmaven_adapters.embeddings.directory import ModelDirectory, Pooling
from faultmaven_domain.kernel.errors import Unavailable
from tests.adapters.tiny_models import (
    CLS,
    HIDDEN,
    MODULES,
    SEP,
    TABLE,
    VOCABULARY,
    publish,
    write_json,
    write_lookup,
    write_tokenizer,
)
from tests.contracts.embedding_model import EmbeddingModelContract

#: "ab" as the tiny tokenizer has it.
AB = [CLS, VOCABULARY["a"], VOCABULARY["##b"], SEP]


def unit(vector: np.ndarray) -> list[float]:
    return (vector / np.linalg.norm(vector)).tolist()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The least there can be: a graph that looks tokens up, a tokenizer, and the mean of the tokens."""
    write_lookup(tmp_path / "model.onnx")
    write_tokenizer(tmp_path / "tokenizer.json")
    write_json(tmp_path / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
    return tmp_path


async def embedded(directory: Path, text: str = "ab") -> list[float]:
    model = OnnxEmbeddingModel.open(directory, threads=1)
    [vector] = await model.embed([text])
    await model.close()
    return vector


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    published, into = tmp_path_factory.mktemp("published"), tmp_path_factory.mktemp("tiny")
    publish(published)
    convert(published, into)
    return into


class TestTinyBert(EmbeddingModelContract):
    """Random weights, converted, pooled by their first token, and given by path."""

    @pytest.fixture
    async def model(self, bert: Path) -> AsyncIterator[OnnxEmbeddingModel]:
        model = OnnxEmbeddingModel.open(bert)
        yield model
        await model.close()

    @pytest.fixture
    def trained(self) -> bool:
        return False

    async def test_is_taken_as_given(self, model: OnnxEmbeddingModel) -> None:
        """Of a directory that was not pulled, model.onnx is what counts, and its kind names it."""
        assert model.name.startswith("bert@")
        assert model.dimension == HIDDEN


class TestPooling:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ({"pooling_mode_mean_tokens": True}, TABLE[AB].mean(axis=0)),
            ({"pooling_mode_mean_sqrt_len_tokens": True}, TABLE[AB].mean(axis=0)),
            ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, TABLE[CLS]),
            ({"pooling_mode_lasttoken": True}, TABLE[SEP]),
            ({"pooling_mode_max_tokens": True}, TABLE[AB].max(axis=0)),
            ({"pooling_mode": "cls"}, TABLE[CLS]),
            ({"pooling_mode": ["lasttoken"]}, TABLE[SEP]),
        ],
    )
    async def test_is_the_models_own(self, directory: Path, config: dict[str, object], expected: np.ndarray) -> None:
        """Token vectors become one as 1_Pooling/config.json says, in its older and its newer form."""
        write_json(directory / "1_Pooling" / "config.json", config)

        assert await embedded(directory) == pytest.approx(unit(expected), abs=1e-6)

    async def test_is_found_where_the_modules_say(self, directory: Path) -> None:
        """modules.json may keep the pooling elsewhere."""
        write_json(directory / "modules.json", [MODULES[0], MODULES[1] | {"path": "first"}])
        write_json(directory / "first" / "config.json", {"pooling_mode_cls_token": True})

        assert await embedded(directory) == pytest.approx(unit(TABLE[CLS]), abs=1e-6)

    @pytest.mark.parametrize("output", ["sentence_embedding", "dense_vecs"])
    async def test_is_the_graphs_where_it_pools(self, directory: Path, output: str) -> None:
        """A graph that gives a vector per text needs no pooling, nor a word about it."""
        write_lookup(directory / "model.onnx", output=output)
        (directory / "1_Pooling" / "config.json").unlink()

        assert await embedded(directory) == pytest.approx(unit(TABLE[AB].sum(axis=0)), abs=1e-6)

    @pytest.mark.parametrize(
        ("config", "complaint"),
        [
            (None, "there is no 1_Pooling/config.json"),
            ({}, "asks for a pooling that is not one of mean, cls, lasttoken, max"),
            ({"pooling_mode": "weightedmean"}, "asks for a pooling"),
            ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, "asks for a pooling"),
        ],
    )
    async def test_is_not_guessed(self, directory: Path, config: dict[str, object] | None, complaint: str) -> None:
        """Where no file tells, or tells what cannot be done, the model is refused: its vectors would be another's."""
        (directory / "1_Pooling" / "config.json").unlink()
        if config is not None:
            write_json(directory / "1_Pooling" / "config.json", config)

        with pytest.raises(ModelUnusable, match=complaint):
            await embedded(directory)

    async def test_a_layer_outside_the_graph_is_refused(self, directory: Path) -> None:
        """A model that ends in a dense layer is not what its graph gives, so it is refused by that layer's name."""
        write_json(directory / "modules.json", [*MODULES, {"type": "sentence_transformers.models.Dense", "path": "2"}])

        with pytest.raises(ModelUnusable, match="Dense"):
            await embedded(directory)


class TestGraph:
    async def test_may_lie_in_a_folder(self, tmp_path: Path) -> None:
        """Graph and tokenizer may lie under onnx/, as exporters leave them."""
        write_lookup(tmp_path / "onnx" / "model.onnx", output="sentence_embedding")
        write_tokenizer(tmp_path / "onnx" / "tokenizer.json")

        assert await embedded(tmp_path) == pytest.approx(unit(TABLE[AB].sum(axis=0)), abs=1e-6)

    async def test_gets_the_inputs_it_asks_for(self, directory: Path) -> None:
        """Token types and positions are given where they are asked for, as the kind of number that is asked for."""
        inputs = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
        write_lookup(directory / "model.onnx", inputs=inputs, kind=TensorProto.INT32)

        expected = (TABLE[AB] + np.arange(4)[:, None]).mean(axis=0)
        assert await embedded(directory) == pytest.approx(unit(expected), abs=1e-6)

    async def test_the_only_one_is_taken(self, directory: Path) -> None:
        """A single graph is taken under any name."""
        (directory / "model.onnx").rename(directory / "model_O2.onnx")

        assert await embedded(directory) == pytest.approx(unit(TABLE[AB].mean(axis=0)), abs=1e-6)

    async def test_precision_chooses_between_them(self, directory: Path) -> None:
        """A rounded graph beside model.onnx is used when it is asked for, and is another model."""
        exact = ModelDirectory.read(directory)
        write_lookup(directory / "model_quantized.onnx", table=TABLE.round())
        rounded = ModelDirectory.read(directory, precision=Precision.INT8)

        assert ModelDirectory.read(directory) == exact
        assert rounded.graph.name == "model_quantized.onnx"
        assert rounded.name != exact.name

    async def test_an_empty_text_without_any_token(self, directory: Path) -> None:
        """Even where the tokenizer adds nothing to an empty text, it has a vector."""
        write_tokenizer(directory / "tokenizer.json", special=False)

        assert len(await embedded(directory, "")) == TABLE.shape[1]


class TestFailure:
    async def test_ends_the_whole_call(self, directory: Path) -> None:
        """A text the graph fails on is Unavailable at once: the call's other texts are left, and the model goes on."""
        write_lookup(directory / "model.onnx", table=TABLE[: VOCABULARY["##9"]])
        model = OnnxEmbeddingModel.open(directory, threads=3)

        with pytest.raises(Unavailable, match="Gather"):
            await model.embed(["ab", "a9", *["ab"] * 100_000])

        assert len(await model.embed(["ab", "ab"])) == 2
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await model.close()


class TestLength:
    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            ({}, 512),
            (
                {
                    "sentence_bert_config.json": {"max_seq_length": 8192},
                    "config.json": {"max_position_embeddings": 8194},
                },
                8192,
            ),
            (
                {
                    "sentence_bert_config.json": {"max_seq_length": None},
                    "tokenizer_config.json": {"model_max_length": 256},
                },
                256,
            ),
            (
                {
                    "tokenizer_config.json": {"model_max_length": 10**30},
                    "config.json": {"max_position_embeddings": 128},
                },
                128,
            ),
            (
                {"tokenizer_config.json": {"model_max_length": 512}, "config.json": {"max_position_embeddings": 514}},
                512,
            ),
        ],
    )
    def test_is_the_models_own(self, directory: Path, files: dict[str, dict[str, object]], expected: int) -> None:
        """How much is read comes from the model's files, the most particular first."""
        for name, content in files.items():
            write_json(directory / name, content)

        assert ModelDirectory.read(directory).max_length == expected

    async def test_is_kept(self, directory: Path) -> None:
        """What lies beyond it has no part in the vector, and what lies within does."""
        write_json(directory / "sentence_bert_config.json", {"max_seq_length": 6})

        assert await embedded(directory, "a b c d e f") == await embedded(directory, "a b c d x y z")
        assert await embedded(directory, "a b c d e f") != await embedded(directory, "a b c x e f")


class TestName:
    def test_is_the_models_and_its_contents(self, directory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        """The same files in another directory are the same model."""
        write_json(directory / "config.json", {"_name_or_path": "BAAI/bge-m3", "model_type": "xlm-roberta"})
        copy = tmp_path_factory.mktemp("copy") / "moved"
        directory.rename(copy)

        assert ModelDirectory.read(copy).name.startswith("bge-m3@")
        copy.rename(directory)
        name = ModelDirectory.read(directory).name
        directory.rename(copy)
        assert name == ModelDirectory.read(copy).name

    def test_changes_with_whatever_changes_the_vectors(self, directory: Path) -> None:
        """Another graph, weights beside it, tokenizer, pooling or length is another model; a README is not."""
        names = [ModelDirectory.read(directory).name]
        write_lookup(directory / "model.onnx", table=TABLE + 1)
        names.append(ModelDirectory.read(directory).name)
        (directory / "model.onnx_data").write_bytes(bytes(50_000_000))
        names.append(ModelDirectory.read(directory).name)
        (directory / "model.onnx_data").write_bytes(bytes(25_000_000) + b"\1" * 25_000_000)
        names.append(ModelDirectory.read(directory).name)
        write_tokenizer(directory / "tokenizer.json", special=False)
        names.append(ModelDirectory.read(directory).name)
        write_json(directory / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True})
        names.append(ModelDirectory.read(directory).name)
        write_json(directory / "sentence_bert_config.json", {"max_seq_length": 100})
        names.append(ModelDirectory.read(directory).name)
        (directory / "README.md").write_text("words")

        assert len(names) == len(set(names))
        assert ModelDirectory.read(directory).name == names[-1]

    def test_nothing_named_is_onnx(self, directory: Path) -> None:
        """A model that does not say what it is is an ONNX model."""
        assert ModelDirectory.read(directory).name.startswith("onnx@")
        assert ModelDirectory.read(directory).pooling is Pooling.MEAN


class TestWhatIsMissing:
    @pytest.mark.parametrize(
        ("taken", "complaint"),
        [("model.onnx", "has no model.onnx, nor has its folder onnx/"), ("tokenizer.json", "has no tokenizer.json")],
    )
    def test_is_named(self, directory: Path, taken: str, complaint: str) -> None:
        """The error names the file that is not there."""
        (directory / taken).unlink()

        with pytest.raises(ModelUnusable, match=complaint):
            OnnxEmbeddingModel.open(directory)

    def test_the_directory_itself(self, tmp_path: Path) -> None:
        """A directory that is not there is named too."""
        with pytest.raises(ModelUnusable, match="nowhere"):
            OnnxEmbeddingModel.open(tmp_path / "nowhere")

    def test_a_precision(self, directory: Path) -> None:
        """A precision that was asked for is not replaced by another."""
        with pytest.raises(ModelUnusable, match=r"has no model_int8\.onnx or model_quantized\.onnx"):
            OnnxEmbeddingModel.open(directory, precision=Precision.INT8)

    def test_a_choice(self, directory: Path) -> None:
        """Between several graphs none of which is model.onnx, the user chooses."""
        (directory / "model.onnx").rename(directory / "model_O1.onnx")
        write_lookup(directory / "onnx" / "model_O2.onnx")

        with pytest.raises(ModelUnusable, match=r"model_O1\.onnx, model_O2\.onnx"):
            OnnxEmbeddingModel.open(directory)


class TestWhatIsWrong:
    @pytest.mark.parametrize("name", ["config.json", "modules.json", "1_Pooling/config.json", "faultmaven.json"])
    @pytest.mark.parametrize("content", ["{", "\ud800", '"text"', "[1]"])
    def test_a_broken_file_is_named(self, directory: Path, name: str, content: str) -> None:
        """A file that is not JSON, or not of the right shape, is named."""
        write_json(directory / name, {})
        (directory / name).write_bytes(content.encode("utf-8", "surrogatepass"))

        with pytest.raises(ModelUnusable, match=name):
            OnnxEmbeddingModel.open(directory)

    @pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
    def test_what_cannot_be_loaded_is_named(self, directory: Path, name: str) -> None:
        """So is a graph or a tokenizer that the library refuses."""
        (directory / name).write_text("{}")

        with pytest.raises(ModelUnusable, match=name):
            OnnxEmbeddingModel.open(directory)

    def test_missing_weights_are_named(self, directory: Path) -> None:
        """A graph whose weights were kept in a file beside it and left behind is refused by that file's name."""
        model = onnx.load(directory / "model.onnx")
        onnx.save(
            model, directory / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=512
        )
        (directory / "weights.bin").unlink()

        with pytest.raises(ModelUnusable, match=r"weights\.bin"):
            OnnxEmbeddingModel.open(directory)

    def test_an_input_that_cannot_be_given(self, directory: Path) -> None:
        """A graph for generating text asks for what an embedding has not."""
        model = onnx.load(directory / "model.onnx")
        model.graph.input.append(onnx.helper.make_tensor_value_info("past_key_values.0.key", TensorProto.FLOAT, ["n"]))
        onnx.save(model, directory / "model.onnx")

        with pytest.raises(ModelUnusable, match=r"asks for past_key_values\.0\.key"):
            OnnxEmbeddingModel.open(directory)

    def test_an_output_that_is_no_vector(self, directory: Path) -> None:
        """A graph that classifies gives no embedding, and what it gives is told."""
        write_lookup(directory / "model.onnx", output="logits")

        with pytest.raises(ModelUnusable, match="gives logits"):
            OnnxEmbeddingModel.open(directory)

    @pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
    def test_vectors_without_direction(self, directory: Path, value: float) -> None:
        """A model that gives zeros or no numbers, as an export in half precision may, is refused at the start."""
        write_lookup(directory / "model.onnx", table=np.full_like(TABLE, value))

        with pytest.raises(ModelUnusable, match="direction"):
            OnnxEmbeddingModel.open(directory)

    def test_a_graph_that_fails(self, directory: Path) -> None:
        """A graph that cannot work with the tokenizer's tokens is refused at the start, with its own words."""
        write_lookup(directory / "model.onnx", table=TABLE[:2])

        with pytest.raises(ModelUnusable, match="Gather"):
            OnnxEmbeddingModel.open(directory)

    def test_a_manifest_of_no_use(self, directory: Path) -> None:
        """A manifest that does not name its model is named."""
        (directory / "faultmaven.json").write_text(json.dumps({"layout": 1}))

        with pytest.raises(ModelUnusable, match=r"faultmaven\.json"):
            OnnxEmbeddingModel.open(directory, precision=Precision.FP32)
