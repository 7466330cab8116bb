"""A passage as ChromaDB keeps it: each field by its name, and what a scope or a document asks of them."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from attrs import asdict, fields

from faultmaven_domain.knowledge import Passage, Scope

from ..held import encodable
from .calls import Row

_FIELDS = tuple(field.name for field in fields(Passage))


def row_of(passage: Passage) -> dict[str, Any]:
    """Fields without a value are named all the same, since a row that is replaced keeps what is not."""
    values = asdict(passage)
    return values | {"tags": list(passage.tags) or None, "is_global": passage.owner_id is None}


def passage_of(row: Row) -> Passage:
    values = {name: row.get(name) for name in _FIELDS}
    return Passage(**values | {"tags": tuple(row.get("tags") or ())})


def digest_of(passage: Passage) -> str:
    """Another one wherever anything in the passage is another."""
    return sha256(json.dumps(asdict(passage), sort_keys=True).encode()).hexdigest()


def within(scope: Scope) -> Row:
    terms: list[Row] = [{"$or": [{"is_global": True}, {"owner_id": encodable(scope.owner_id)}]}]
    for name in ("collection", "document_type"):
        wanted = getattr(scope, name)
        if wanted is not None:
            terms.append({name: encodable(wanted)})
    terms += [{"tags": {"$contains": encodable(tag)}} for tag in scope.tags]
    return _all(terms)


def of_document(document_id: str, *, keep_revision: str | None = None, revision: str | None = None) -> Row:
    """All revisions, all but one, or one alone."""
    terms: list[Row] = [{"document_id": encodable(document_id)}]
    if keep_revision is not None:
        terms.append({"revision": {"$ne": encodable(keep_revision)}})
    if revision is not None:
        terms.append({"revision": encodable(revision)})
    return _all(terms)


def outdated(passage_ids: Sequence[str], digests: Sequence[str]) -> Row:
    """Rows of these passages as they were before."""
    return _all([{"passage_id": {"$in": list(passage_ids)}}, {"digest": {"$nin": list(digests)}}])


def _all(terms: Sequence[Row]) -> Row:
    """ChromaDB takes one condition, or two and more under a word that joins them."""
    return terms[0] if len(terms) == 1 else {"$and": list(terms)}
