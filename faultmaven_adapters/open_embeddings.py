"""Where texts become vectors, as the settings say; nowhere is not the end of it."""

import asyncio

from faultmaven_domain.kernel.errors import FaultMavenError, Unavailable
from faultmaven_domain.knowledge import EmbeddingModel

from .embeddings.absent import AbsentModel
from .open_llm import Seldom
from .opening import Opening, Progress
from .settings import Embedding, Settings


async def add_model(opening: Opening, progress: Progress) -> None:
    """Raises: Misconfigured; Unavailable where EMBEDDING_MODEL_PATH names a model."""
    if opening.settings.embedding_provider is Embedding.ONNX:
        await _add_local(opening, progress)
    else:
        await _add_server(opening)


async def _add_local(opening: Opening, progress: Progress) -> None:
    """The model the settings name, or the default one, fetched where it may be."""
    from .embeddings.model_files import default_model_directory, is_pulled, pull_model
    from .embeddings.onnx_model import OnnxEmbeddingModel

    settings = opening.settings
    named = settings.embedding_model_path
    directory = settings.under(named) if named is not None else default_model_directory(settings.models_dir)
    try:
        if named is None and not is_pulled(directory):
            if not settings.model_download:
                raise Unavailable(f"There is no embedding model in {directory}.")
            await asyncio.to_thread(pull_model, directory, progress=progress)
        model = await asyncio.to_thread(OnnxEmbeddingModel.open, directory)
    except FaultMavenError as error:
        if named is not None:
            raise
        _add_none(opening, f"{error.message} Run `faultmaven models pull`.")
        return
    opening.add(EmbeddingModel, model)
    opening.watch("model", model)


async def _add_server(opening: Opening) -> None:
    """One that is away is not waited for: what is indexed meanwhile gets its vectors after the next start."""
    from .embeddings import http
    from .llm.ollama import DEFAULT_HOST

    settings = opening.settings
    if settings.embedding_provider is Embedding.OPENAI:
        dialect: http.Dialect = http.OpenAIDialect()
        wire = http.openai_wire(settings.embedding_url or settings.openai_base_url, embedding_key(settings))
        name = settings.embedding_model or http.OPENAI_MODEL
    else:
        dialect = http.OllamaDialect()
        wire = http.ollama_wire(settings.embedding_url or settings.ollama_host or DEFAULT_HOST)
        name = settings.embedding_model or http.OLLAMA_MODEL
    characters = settings.embedding_characters
    try:
        model = await http.HttpEmbeddingModel.open(dialect, wire, name, most_characters=characters)
    except Unavailable as error:
        _add_none(opening, f"{error.message} Start again once it does.")
        return
    opening.add(EmbeddingModel, model)
    opening.stack.push_async_callback(model.close)
    opening.pings["model"] = Seldom(model.ping, opening.clock)


def _add_none(opening: Opening, why: str) -> None:
    model = AbsentModel(why)
    opening.notes.append(f"No embedding model, so searching by full text alone: {why}")
    opening.add(EmbeddingModel, model)
    opening.watch("model", model)


def embedding_key(settings: Settings) -> str | None:
    """OpenAI's key goes to where OPENAI_BASE_URL points and nowhere else."""
    if settings.embedding_api_key is not None or settings.embedding_url is not None:
        return settings.embedding_api_key
    return settings.openai_api_key
