"""What both builds of the web dashboard do, each from a page of its own origin."""

from collections.abc import Mapping, Sequence

from tests.clients import signing
from tests.clients.needs import (
    ARRAY,
    DETAIL,
    FLAG,
    ID,
    MILLISECONDS,
    MOMENT,
    OBJECT,
    SECONDS,
    SOME_WORDS,
    WORD,
    WORDS,
    equal,
    number_from,
    without,
)
from tests.clients.wire import Part, Reads, Step, Wire

PER_PAGE = 20

SIGNED_IN: Reads = {
    "access_token": WORD,
    "expires_at": MILLISECONDS,  # in seconds it signs out at once
    "user.user_id": ID,
    "user.roles": SOME_WORDS,
    "user.is_admin": FLAG,
    # handed on to the extension as it came
    "token_type": equal("bearer"),
    "expires_in": SECONDS,
    "user.username": WORD,
    "user.email": WORD,
    "user.display_name": WORD,
    "user.is_dev_user": FLAG,
    "user.is_active": FLAG,
}
LISTED: Reads = {"documents": ARRAY, "total_count": number_from(0)}
ROWS: Reads = {
    **LISTED,
    "documents[].document_id": ID,
    "documents[].title": WORD,
    "documents[].document_type": WORD,
    "documents[].tags": WORDS,
    "documents[].created_at": MOMENT,
}
#: That there is a body is all that is needed of it.
UPLOADED: Reads = {"": OBJECT}
REFUSED: Reads = {"detail": DETAIL}
SIGNED_OUT: Reads = {"detail": without("session expired", "session not found")}
OWN, GLOBAL = "/api/v1/documents", "/api/v1/admin/kb/documents"
TEXT = b"# Disk full\n\n## Diagnosis\n\n- Run `df -h`.\n"


def signed_in(wire: Wire, user: str, *, roles: Sequence[str] = ("user",), is_admin: bool = False) -> Step:
    """The password of its form is never sent, and an unknown name is let in; elsewhere it says that this failed."""
    reads = {**SIGNED_IN, "user.is_admin": equal(is_admin)}
    wire.headers.clear()
    step = signing.signed_in(wire, user, reads)
    assert set(roles) <= set(step["user.roles"])
    return step


def identified(wire: Wire, step: Step, *, roles: bool) -> None:
    """What every later call says of its user; a server believes the token alone."""
    wire.headers["Authorization"] = f"Bearer {step['access_token']}"
    wire.headers["X-User-ID"] = step["user.user_id"]
    if roles:
        wire.headers["X-User-Roles"] = ",".join(step["user.roles"])


def listed(wire: Wire, path: str, query: Mapping[str, int], reads: Reads = ROWS) -> Step:
    return wire("list the documents", f"GET {path}", reads, query=query)


def uploaded(wire: Wire, route: str, parts: Sequence[tuple[str, Part]]) -> Step:
    return wire("upload a document", f"POST {route}", UPLOADED, status=(200, 201, 202), parts=parts)


def kept_shelf(
    wire: Wire, path: str, route: str, query: Mapping[str, int], parts: Sequence[tuple[str, Part]], many: int
) -> None:
    """A shelf that is empty, filled past one page, read and cleared again."""
    listed(wire, path, query, {**LISTED, "documents": equal([]), "total_count": equal(0)})
    for number in range(many):
        uploaded(wire, route, [(k, f"Disk full {number}") if k == "title" else (k, _own(v, number)) for k, v in parts])
        rows = listed(wire, path, query)["documents"]  # once, right after, and without waiting for the index
        assert rows[0]["title"] == f"Disk full {number}", "the newest is not the first"
        assert rows[0]["tags"] == ["disk", "full store"]
    first = listed(wire, path, query)
    assert first["total_count"] == many
    ids = [row["document_id"] for row in first["documents"]]
    if many > PER_PAGE:
        second = listed(wire, path, {"limit": PER_PAGE, "offset": PER_PAGE})
        assert (len(ids), len(second["documents"]), second["total_count"]) == (PER_PAGE, many - PER_PAGE, many)
        ids += [row["document_id"] for row in second["documents"]]
    assert len(set(ids)) == many
    plain = [(k, v) for k, v in parts if k in {"file", "title", "document_type"}]
    uploaded(wire, route, [(k, _own(v, many)) for k, v in plain])
    untagged = listed(wire, path, query)["documents"][0]
    assert untagged["tags"] == []
    for document_id in [*ids, untagged["document_id"]]:
        wire("delete a document", f"DELETE {path}/{{document_id}}", status=(200, 204), ids={"document_id": document_id})
    listed(wire, path, query, {**LISTED, "documents": equal([]), "total_count": equal(0)})
    lost = {"document_id": ids[0]}
    wire("delete it again", f"DELETE {path}/{{document_id}}", REFUSED, status=404, ids=lost)


def refused(wire: Wire, route: str, parts: Sequence[tuple[str, Part]]) -> None:
    """What the form lets through and a server must not."""
    for name, file, status in (
        ("upload a program", ("setup.exe", b"MZ\x90\x00", "application/x-msdownload"), 415),
        ("upload nothing", ("empty.md", b"", "text/markdown"), 422),
    ):
        wire(name, f"POST {route}", REFUSED, status=status, parts=[(k, file if k == "file" else v) for k, v in parts])


def signed_out(wire: Wire, path: str) -> None:
    """Signed out at the address without /api, and then shut out with words that a page may read."""
    wire("sign out", "POST /v1/auth/logout", status=(200, 204))
    wire("read afterwards", f"GET {path}", SIGNED_OUT, status=401, query={"limit": PER_PAGE})


def _own(part: Part, number: int) -> Part:
    """A file like it with a text of its own."""
    return part if isinstance(part, str) else (part[0], part[1] + f"\nNumber {number}.\n".encode(), part[2])
