from ..kernel.errors import Misconfigured, NotFound


class DocumentNotFound(NotFound):
    """Document not found."""

    code = "DOCUMENT_NOT_FOUND"


class CollectionNotFound(NotFound):
    """Collection not found."""

    code = "COLLECTION_NOT_FOUND"


class IndexMismatch(Misconfigured):
    """The index was built with another embedding model."""

    code = "INDEX_MISMATCH"

    @classmethod
    def between(cls, *, held: str, wanted: str) -> "IndexMismatch":
        return cls(
            f"The index was built with the embedding model {held}, but {wanted} is set. "
            "Build it anew with `faultmaven ingest --reindex`, or set EMBEDDING_MODEL or EMBEDDING_MODEL_PATH back.",
            held=held,
            wanted=wanted,
        )
