"""The search index's rows held against the documents they were made for."""

from collections import defaultdict
from pathlib import Path

from attrs import frozen

from .books import DocumentRow

COLLECTION = "knowledge"


@frozen
class Shelf:
    """``halved`` and ``doubled`` name documents a search finds though their rows are not what they should be.

    ``left_behind`` counts rows no document's row names: no search shows them, they only take room.
    """

    halved: list[str]
    doubled: list[str]
    left_behind: int


def compared(place: Path | str, documents: list[DocumentRow], options: dict[str, str] | None = None) -> Shelf:
    """``place`` is LanceDB's folder, or its address on S3, with LanceDB's own ``options`` for it."""
    rows = _rows(place, options)
    halved, doubled = [], []
    left_behind = sum(len(ordinals) for ordinals in rows.values())
    for document in documents:
        if document.revision is None:
            continue
        ordinals = rows.get((document.document_id, document.revision), [])
        left_behind -= len(ordinals)
        expected = set(range(document.passage_count))
        if set(ordinals) != expected:
            halved.append(f"{document}: {len(set(ordinals))} of {document.passage_count} passages")
        if len(ordinals) != len(set(ordinals)):
            doubled.append(f"{document}: {len(ordinals)} rows for {document.passage_count} passages")
    return Shelf(halved, doubled, left_behind)


def _rows(place: Path | str, options: dict[str, str] | None) -> dict[tuple[str, str], list[int]]:
    """Ordinals by document and revision. Only over a directory no server works on, for one moment's sake."""
    import lancedb

    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    database = lancedb.connect(place, storage_options=options)
    columns = database.open_table(COLLECTION).search().select(["document_id", "revision", "ordinal"]).limit(None)
    for row in columns.to_list():
        found[row["document_id"], row["revision"]].append(row["ordinal"])
    return found
