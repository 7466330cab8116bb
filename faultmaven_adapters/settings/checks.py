"""What no single variable can tell: which go together, and which of them a choice needs."""

import re
from collections.abc import Callable, Iterator

from attrs import fields

from faultmaven_domain.auth import checked_redirects
from faultmaven_domain.kernel.errors import InvalidInput, Misconfigured

from .addresses import is_private
from .callers import caller_problems
from .choices import LLM, Embedding, FileStorage, Identity, Queue, S3Encryption, VectorStore
from .databases import database_problems
from .fields import SHORTEST_SECRET, Settings
from .placeholders import is_placeholder
from .redis import redis_problems
from .safety import unsafe
from .web import address_problems, is_host

#: S3 takes an upload in so many parts at most.
S3_PARTS = 10_000
_PINECONE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_BUCKET = re.compile(r"s3://[^/]+(/.*)?")


def check(settings: Settings) -> None:
    """Raises: Misconfigured with everything that is wrong, a line each."""
    wrong = problems(settings)
    if wrong:
        raise Misconfigured("\n".join(wrong))


def problems(settings: Settings) -> list[str]:
    """Why these settings cannot be started with: what is unsafe first, then what cannot work."""
    return [*unsafe(settings), *(problem for part in _PARTS for problem in part(settings))]


def _signing_in(settings: Settings) -> Iterator[str]:
    secret = settings.jwt_secret
    if secret is not None and not is_placeholder(secret) and len(secret) < SHORTEST_SECRET:
        yield f"JWT_SECRET has {len(secret)} characters; at least {SHORTEST_SECRET} are needed."
    try:
        checked_redirects(settings.oauth_redirects)
    except InvalidInput as error:
        yield f"OAUTH_REDIRECTS: {error.message}"


def _issuer(settings: Settings) -> Iterator[str]:
    provider = settings.identity_provider
    unasked = [] if provider is Identity.AUTH0 else _set(settings, "auth0_")
    unasked += _set(settings, "oidc_") if provider is Identity.JWT else []
    if unasked:
        named = "oidc or auth0" if provider is Identity.JWT else "auth0"
        yield f"{', '.join(unasked)}: for IDENTITY_PROVIDER={named}, which is {provider.value}; nobody is asked there."
    if provider is Identity.JWT:
        return
    prefix = "AUTH0" if provider is Identity.AUTH0 else "OIDC"
    address = {"AUTH0": "AUTH0_DOMAIN", "OIDC": "OIDC_ISSUER"}[prefix]
    domain = settings.auth0_domain
    if prefix == "AUTH0" and domain is not None and not is_host(domain.removeprefix("https://").rstrip("/")):
        yield "AUTH0_DOMAIN is no host's name; accepted is one such as tenant.eu.auth0.com."
    elif settings.issuer() is None:
        yield f"IDENTITY_PROVIDER={provider.value} needs {address}."
    elif not is_private(settings.issuer() or ""):
        yield f"{address} is an https address, or one of this machine."
    if settings.audience() is None:
        others = " or OIDC_CLIENT_ID" if provider is Identity.OIDC else ""
        yield f"IDENTITY_PROVIDER={provider.value} needs {prefix}_AUDIENCE{others}."


def _set(settings: Settings, prefix: str) -> list[str]:
    """The variables that begin so, and say anything but their default."""
    ours = [field for field in fields(Settings) if field.name.startswith(prefix)]
    return [field.name.upper() for field in ours if getattr(settings, field.name) != field.default]


def _worker(settings: Settings) -> Iterator[str]:
    if not settings.worker_queues:
        yield f"WORKER_QUEUES names no queue; accepted is a list of {', '.join(Queue)}."


def _s3(settings: Settings) -> Iterator[str]:
    if (settings.s3_access_key_id is None) != (settings.s3_secret_access_key is None):
        yield "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together: set both or neither."
    if settings.s3_kms_key_id is not None and settings.s3_encryption is not S3Encryption.KMS:
        yield "S3_KMS_KEY_ID is the key of S3_ENCRYPTION=aws:kms, and nothing without it."
    if settings.file_storage is not FileStorage.S3:
        return
    if settings.s3_bucket is None:
        yield "FILE_STORAGE=s3 needs S3_BUCKET."
    if settings.max_upload_bytes > S3_PARTS * settings.s3_multipart_size:
        least = -(-settings.max_upload_bytes // S3_PARTS)
        yield f"S3 takes {S3_PARTS:,} parts: S3_MULTIPART_SIZE is {least} at least for MAX_UPLOAD_BYTES."


def _lancedb(settings: Settings) -> Iterator[str]:
    if "://" in settings.lancedb_path and not _BUCKET.fullmatch(settings.lancedb_path):
        yield "LANCEDB_PATH leads nowhere that the tables can be; accepted is a folder, or s3://bucket/prefix."


def _chromadb(settings: Settings) -> Iterator[str]:
    apart = settings.chromadb_url is None and not settings.worker_inside()
    if settings.vector_store is VectorStore.CHROMADB and apart:
        yield (
            "ChromaDB's folder is for one process, and workers are apart: start `chroma run` and set CHROMADB_URL, "
            "or set WORKER=true where one process is all there is."
        )


def _pinecone(settings: Settings) -> Iterator[str]:
    if not _PINECONE_NAME.fullmatch(settings.pinecone_index):
        accepts = "small letters, digits and hyphens, 32 at most"
        yield f"PINECONE_INDEX is {settings.pinecone_index!r}; accepted are {accepts}."
    if settings.vector_store is VectorStore.PINECONE and settings.pinecone_api_key is None:
        yield "VECTOR_STORE=pinecone needs PINECONE_API_KEY."


def _embedding(settings: Settings) -> Iterator[str]:
    provider = settings.embedding_provider
    if provider is Embedding.ONNX:
        if settings.embedding_model is not None:
            yield "EMBEDDING_MODEL is a server's; EMBEDDING_PROVIDER=onnx has EMBEDDING_MODEL_PATH."
        return
    if settings.embedding_model_path is not None:
        yield "EMBEDDING_MODEL_PATH is for EMBEDDING_PROVIDER=onnx; a server has EMBEDDING_MODEL."
    own = settings.embedding_url is not None or settings.embedding_api_key is not None
    if provider is Embedding.OPENAI and not own and _lacks_openai_key(settings):
        yield "EMBEDDING_PROVIDER=openai needs OPENAI_API_KEY, or EMBEDDING_URL of a server without keys."


def _llm(settings: Settings) -> Iterator[str]:
    named = {settings.llm_provider: "LLM_PROVIDER", **dict.fromkeys(settings.llm_fallbacks, "LLM_FALLBACKS")}
    if LLM.OPENAI in named and _lacks_openai_key(settings):
        yield f"{named[LLM.OPENAI]}=openai needs OPENAI_API_KEY, or OPENAI_BASE_URL of a server without keys."
    if LLM.ANTHROPIC in named and settings.anthropic_api_key is None:
        yield f"{named[LLM.ANTHROPIC]}=anthropic needs ANTHROPIC_API_KEY."
    if LLM.AUTO in settings.llm_fallbacks:
        yield "LLM_FALLBACKS names providers: auto is none."


def _lacks_openai_key(settings: Settings) -> bool:
    return settings.openai_api_key is None and "api.openai.com" in settings.openai_base_url


_PARTS: tuple[Callable[[Settings], Iterator[str]], ...] = (
    _signing_in,
    _issuer,
    database_problems,
    redis_problems,
    address_problems,
    caller_problems,
    _worker,
    _s3,
    _lancedb,
    _chromadb,
    _pinecone,
    _embedding,
    _llm,
)
