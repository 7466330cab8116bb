"""How sure a root cause is, in the callers' words."""

from typing import Literal

from faultmaven_domain.case import HypothesisStatus, Investigation

Assurance = Literal["confirmed", "suspected", "none"]
_OPEN = frozenset({HypothesisStatus.CAPTURED, HypothesisStatus.ACTIVE})


def assurance_of(investigation: Investigation) -> Assurance:
    """Confirmed by the user, suspected after the evidence, or not known at all."""
    if investigation.root_cause is not None:
        return "confirmed"
    return "suspected" if any(one.status in _OPEN for one in investigation.hypotheses) else "none"


def overclaims(investigation: Investigation) -> bool:
    """Whether a cause was confirmed that no evidence is behind."""
    if investigation.root_cause is None:
        return False
    return not any(one.status is HypothesisStatus.VALIDATED and one.evidence_ids for one in investigation.hypotheses)
