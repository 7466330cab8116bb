from typing import Any

from faultmaven_domain.case import Asked, Hypothesis, HypothesisStatus, Investigation, Milestone, Reached, Subject
from tests.contracts.data_provider import DataProviderContract
from tests.contracts.values import NOON


class InvestigationRepositoryContract(DataProviderContract[Investigation]):
    module, part, key, text = "case", "investigations", "case_id", "problem_statement"

    def value(self, id: str, **changes: Any) -> Investigation:
        fields: dict[str, Any] = {
            "case_id": id,
            "problem_statement": "Checkout fails with 502",
            "reached": (
                Reached(milestone=Milestone.SYMPTOM_VERIFIED, turn_number=1, at=NOON, why="12 failing records."),
            ),
            "hypotheses": (
                Hypothesis(
                    hypothesis_id="hyp_1",
                    text="The pool is exhausted",
                    why="It fails first.",
                    status=HypothesisStatus.ACTIVE,
                    likelihood=0.6,
                    evidence_ids=("ev_1",),
                    turn_number=1,
                ),
            ),
            "asked": Asked(subject=Subject.PROBLEM, question="Is it?"),
            "updated_at": NOON,
        }
        return Investigation(**{**fields, **changes})
