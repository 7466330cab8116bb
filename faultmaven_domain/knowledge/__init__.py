"""The knowledge room: documents, and finding the passage of them that helps."""

from .errors import CollectionNotFound, DocumentNotFound, IndexMismatch
from .events import DocumentDeleted, EmbeddingRequested
from .models import (
    OWED,
    Added,
    Collection,
    Document,
    DocumentStatus,
    DocumentText,
    OwnOrGlobal,
    Passage,
    PassageHit,
    Scope,
    SearchHit,
    SearchMode,
    SearchResult,
    Section,
)
from .ports import (
    CollectionRepository,
    ContentRepository,
    DocumentRepository,
    EmbeddingModel,
    KnowledgeTransactions,
    KnowledgeUnitOfWork,
    VectorProvider,
)
from .service import KnowledgeService

__all__ = [
    "OWED",
    "Added",
    "Collection",
    "CollectionNotFound",
    "CollectionRepository",
    "ContentRepository",
    "Document",
    "DocumentDeleted",
    "DocumentNotFound",
    "DocumentRepository",
    "DocumentStatus",
    "DocumentText",
    "EmbeddingModel",
    "EmbeddingRequested",
    "IndexMismatch",
    "KnowledgeService",
    "KnowledgeTransactions",
    "KnowledgeUnitOfWork",
    "OwnOrGlobal",
    "Passage",
    "PassageHit",
    "Scope",
    "SearchHit",
    "SearchMode",
    "SearchResult",
    "Section",
    "VectorProvider",
]
