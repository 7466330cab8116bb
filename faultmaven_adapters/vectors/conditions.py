"""What a scope asks of a passage, as a condition of SQL."""

from faultmaven_domain.knowledge import Scope

from .held import encodable


def within(scope: Scope) -> str:
    terms = [f"(owner_id IS NULL OR owner_id = {quoted(scope.owner_id)})"]
    if scope.collection is not None:
        terms.append(f"collection = {quoted(scope.collection)}")
    if scope.document_type is not None:
        terms.append(f"document_type = {quoted(scope.document_type)}")
    if scope.tags:
        terms.append(f"array_has_all(tags, [{', '.join(map(quoted, scope.tags))}])")
    return " AND ".join(terms)


def quoted(text: str) -> str:
    """A string literal of SQL: the quote is doubled, and nothing else has a meaning in it."""
    return "'" + encodable(text).replace("'", "''") + "'"
