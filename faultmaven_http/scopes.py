"""What the token of an OAuth client covers: the one table from requests to scopes.

A user's own sign-in has no scopes and covers everything. Any one of the scopes named here is enough; who may what
beside that, the domain decides as it does for everyone.
"""

from faultmaven_domain.auth import InsufficientScope
from faultmaven_domain.kernel.principal import Principal

Scopes = tuple[str, ...]
CASES: tuple[Scopes, Scopes] = (("cases:read",), ("cases:write",))
EVIDENCE: tuple[Scopes, Scopes] = (("evidence:read", "cases:read"), ("evidence:write", "cases:write"))
KNOWLEDGE: tuple[Scopes, Scopes] = (("knowledge:read",), ("knowledge:write",))
ANY_MODULE: tuple[Scopes, Scopes] = (
    ("cases:read", "knowledge:read", "evidence:read"),
    ("cases:write", "knowledge:write", "evidence:write"),
)
#: By the first part of an address: what covers reading it, and what covers all else.
BY_MODULE: dict[str, tuple[Scopes, Scopes]] = {
    "admin": KNOWLEDGE,
    "agent": CASES,
    "cases": CASES,
    "documents": KNOWLEDGE,
    "evidence": EVIDENCE,
    "jobs": ANY_MODULE,
    "knowledge": KNOWLEDGE,
    "sessions": CASES,
}
#: Addresses whose last part says more than their first.
BY_END: dict[tuple[str, str], tuple[Scopes, Scopes]] = {("cases", "uploaded-files"): EVIDENCE}
#: Whose token it is and its end are anyone's to ask; what a client may grant another, the domain decides.
OPEN = frozenset({"auth", "meta"})
#: What only looks, though it is a POST.
LOOKS = frozenset({"/knowledge/search"})
READING = frozenset({"GET", "HEAD"})


def covering(method: str, path: str) -> Scopes | None:
    """The scopes any of which covers a request; None where every token does. ``path`` as its operation names it."""
    parts = [part for part in path.strip("/").split("/") if not part.startswith("{")]
    if parts[0] in OPEN:
        return None
    looking, changing = BY_END.get((parts[0], parts[-1])) or BY_MODULE.get(parts[0], ((), ()))
    return looking if method in READING or path in LOOKS else changing


def check_scope(principal: Principal | None, method: str, path: str) -> None:
    """Raises: InsufficientScope, also for an address that no scope is known for."""
    if principal is None or principal.scopes is None:
        return
    needed = covering(method, path)
    if needed is not None and not set(needed) & set(principal.scopes):
        raise InsufficientScope(f"The token was not granted {' or '.join(needed) or 'this'}.", scope=" ".join(needed))
