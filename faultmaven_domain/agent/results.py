"""A turn as a JSON object, for the result store and a message's metadata."""

from datetime import datetime
from typing import Any

from attrs import Attribute, asdict

from .models import Answer, Citation, SourceKind, Turn, TurnStatus


def citation_dicts(citations: tuple[Citation, ...]) -> list[dict[str, object]]:
    return [asdict(citation, value_serializer=_plain) for citation in citations]


def turn_to_dict(turn: Turn) -> dict[str, object]:
    return asdict(turn, value_serializer=_plain)


def turn_from_dict(value: dict[str, Any]) -> Turn:
    """The inverse. Raises: KeyError, ValueError for what another version wrote."""
    answer = value["answer"]
    return Turn(
        job_id=value["job_id"],
        case_id=value["case_id"],
        user_id=value["user_id"],
        message=value["message"],
        status=TurnStatus(value["status"]),
        submitted_at=datetime.fromisoformat(value["submitted_at"]),
        context=value["context"],
        answer=answer and _answer(answer),
        error=value["error"],
    )


def _answer(value: dict[str, Any]) -> Answer:
    citations = tuple(
        Citation(**{**c, "kind": SourceKind(c["kind"]), "lines": tuple(c["lines"])}) for c in value["citations"]
    )
    return Answer(
        **{
            **value,
            "created_at": datetime.fromisoformat(value["created_at"]),
            "citations": citations,
            "notes": tuple(value["notes"]),
        }
    )


def _plain(_: object, __: "Attribute[Any] | None", value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
