from ..kernel.errors import NotFound


class EvidenceNotFound(NotFound):
    """Evidence not found."""

    code = "EVIDENCE_NOT_FOUND"
