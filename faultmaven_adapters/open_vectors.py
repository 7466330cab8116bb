"""What holds the search index, as the settings say."""

from typing import TYPE_CHECKING, Any

from faultmaven_domain.knowledge import VectorProvider

from .extras import needed
from .opening import Opening
from .settings import S3Encryption, Settings, VectorStore

if TYPE_CHECKING:
    from .vectors.chromadb import ChromaVectorProvider
    from .vectors.lancedb import LanceVectorProvider
    from .vectors.pinecone import PineconeVectorProvider


def add_vectors(opening: Opening) -> None:
    """Raises: Misconfigured."""
    index: Any
    match opening.settings.vector_store:
        case VectorStore.LANCEDB:
            index = _lancedb(opening.settings)
        case VectorStore.CHROMADB:
            index = _chromadb(opening.settings)
        case VectorStore.PINECONE:
            index = _pinecone(opening.settings)
    opening.add(VectorProvider, index)
    opening.watch("vectors", index)


def _lancedb(settings: Settings) -> "LanceVectorProvider":
    from .vectors.lancedb import LanceVectorProvider

    folder = settings.lancedb_folder()
    if folder is None:
        return LanceVectorProvider(settings.lancedb_path, s3_options(settings))
    return LanceVectorProvider(folder)


def s3_options(settings: Settings) -> dict[str, str]:
    """LanceDB's names for the settings of S3; what is not set, it looks for where every tool for AWS does."""
    address, encryption = settings.s3_endpoint_url, settings.s3_encryption
    named = {
        "aws_endpoint": address,
        "aws_region": settings.s3_region,
        "aws_access_key_id": settings.s3_access_key_id,
        "aws_secret_access_key": settings.s3_secret_access_key,
        "aws_server_side_encryption": None if encryption is S3Encryption.NONE else encryption.value,
        "aws_sse_kms_key_id": settings.s3_kms_key_id,
        "allow_http": "true" if address is not None and address.startswith("http:") else None,
    }
    return {name: value for name, value in named.items() if value is not None}


def _chromadb(settings: Settings) -> "ChromaVectorProvider":
    """Its server where there is an address; else its folder, for this process alone."""
    from .vectors.chromadb import ChromaServer, ChromaVectorProvider, EmbeddedChroma

    if settings.chromadb_url is not None:
        return ChromaVectorProvider(ChromaServer(settings.chromadb_url, settings.chromadb_token))
    needed("chromadb", "chromadb")
    return ChromaVectorProvider(EmbeddedChroma(settings.under(settings.chromadb_path)))


def _pinecone(settings: Settings) -> "PineconeVectorProvider":
    """No package is needed for it: it is spoken to over HTTP."""
    from .vectors.pinecone import PineconeVectorProvider
    from .vectors.pinecone_wire import PineconeWire

    assert settings.pinecone_api_key is not None  # the settings' check
    return PineconeVectorProvider(
        PineconeWire(settings.pinecone_url, settings.pinecone_api_key),
        index=settings.pinecone_index,
        cloud=settings.pinecone_cloud,
        region=settings.pinecone_region,
    )
