"""Which adapter each port has by the settings, and where it points, in words that tell no secret."""

from .embeddings.model_files import default_model_directory
from .settings import WITH_TABLES, Embedding, FileStorage, Identity, Settings, VectorStore, shown


def whereabouts(settings: Settings) -> dict[str, str]:
    """By the names that the pings have. Language models tell of themselves."""
    found = {settings.name_of_database(module): _database(settings.database_of(module)) for module in WITH_TABLES}
    found |= {
        "redis": _redis(settings),
        "files": _files(settings),
        "vectors": _vectors(settings),
        "model": _model(settings),
    }
    if settings.queue_redis_url is not None:
        found["queue"] = f"Redis at {shown(settings.queue_redis_url)}"
    if settings.identity_provider is not Identity.JWT:
        found["issuer"] = f"{settings.identity_provider.value} at {shown(settings.issuer() or '')}"
    return found


def _database(url: str) -> str:
    scheme, _, path = url.partition(":///")
    if scheme.startswith("sqlite"):
        return f"SQLite in {path}"
    return f"PostgreSQL at {shown(url)}" if scheme.startswith("postgres") else shown(url)


def _redis(settings: Settings) -> str:
    if settings.redis_url is None:
        return f"a private Redis, in {settings.data_dir / 'redis'}"
    return f"Redis at {shown(settings.redis_url)}"


def _files(settings: Settings) -> str:
    if settings.file_storage is FileStorage.LOCAL:
        return f"the folder {settings.under(settings.file_storage_path)}"
    if settings.s3_bucket is None:
        return "S3, in no bucket yet"
    return f"S3, s3://{settings.s3_bucket}/{settings.s3_prefix.strip('/')}{_at(settings)}"


def _vectors(settings: Settings) -> str:
    match settings.vector_store:
        case VectorStore.LANCEDB:
            folder = settings.lancedb_folder()
            return (
                f"LanceDB in {folder}" if folder is not None else f"LanceDB in {settings.lancedb_path}{_at(settings)}"
            )
        case VectorStore.CHROMADB:
            if settings.chromadb_url is not None:
                return f"ChromaDB's server at {shown(settings.chromadb_url)}"
            return f"ChromaDB in this process, in {settings.under(settings.chromadb_path)}"
        case VectorStore.PINECONE:
            return f"Pinecone by {shown(settings.pinecone_url)}, indexes {settings.pinecone_index}-*"


def _at(settings: Settings) -> str:
    return f" at {shown(settings.s3_endpoint_url)}" if settings.s3_endpoint_url is not None else ""


def _model(settings: Settings) -> str:
    provider = settings.embedding_provider
    if provider is Embedding.ONNX:
        named = settings.embedding_model_path
        place = settings.under(named) if named is not None else default_model_directory(settings.models_dir)
        return f"embedding in this process, by the model in {place}"
    address = settings.embedding_url or (
        settings.openai_base_url if provider is Embedding.OPENAI else settings.ollama_host
    )
    return f"embedding at {shown(address) if address else 'this machine'}, by {provider.value}"
