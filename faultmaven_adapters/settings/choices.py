"""What a setting may be one of."""

from enum import StrEnum

MODULES = ("auth", "session", "case", "evidence", "knowledge", "agent")


class Profile(StrEnum):
    CORE = "core"
    TEAM = "team"
    ENTERPRISE = "enterprise"


class Queue(StrEnum):
    """A kind of work, which waits for workers of its own."""

    TURNS = "turns"
    EVIDENCE = "evidence"
    INGESTION = "ingestion"
    MAINTENANCE = "maintenance"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class FileStorage(StrEnum):
    LOCAL = "local"
    S3 = "s3"


class S3Encryption(StrEnum):
    NONE = "none"
    AES256 = "AES256"
    KMS = "aws:kms"


class VectorStore(StrEnum):
    LANCEDB = "lancedb"
    CHROMADB = "chromadb"
    PINECONE = "pinecone"


class Embedding(StrEnum):
    ONNX = "onnx"
    OPENAI = "openai"
    OLLAMA = "ollama"


class Identity(StrEnum):
    JWT = "jwt"
    OIDC = "oidc"
    AUTH0 = "auth0"


class AuthMode(StrEnum):
    LOCAL = "local"
    OAUTH = "oauth"


class LLM(StrEnum):
    AUTO = "auto"
    EXTRACTIVE = "extractive"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"
