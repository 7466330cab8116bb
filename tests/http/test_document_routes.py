"""The knowledge base as a web page for it asks: a user's own documents, and apart from them those that all see."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import create_app
from tests.http.conftest import SignIn, Someone
from tests.http.turns import settled

OWN, ALL = "/documents", "/admin/kb/documents"
RUNBOOK = b"# Connection pool exhausted\n\n## Fix\n\nRaise max_connections.\n"
SPOOFED = {"X-User-ID": "usr_root", "X-User-Roles": "admin"}


async def upload(
    who: Someone,
    to: str = OWN,
    *,
    name: str = "pool.md",
    data: bytes = RUNBOOK,
    kind: str = "text/markdown",
    fields: dict[str, str] | None = None,
) -> Response:
    path = f"{OWN}/upload" if to == OWN else ALL
    return await who.http.post(path, data=fields or {}, files={"file": (name, data, kind)})


async def listed(who: Someone, where: str = OWN, **query: object) -> dict[str, Any]:
    answer = await who.http.get(where, params={"limit": 20, **query})  # type: ignore[dict-item]
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("where", [OWN, ALL])
async def test_an_empty_list_is_a_list(ana: Someone, where: str) -> None:
    """Nothing there is no documents of none, with the window that was asked for."""
    found = await listed(ana, where, offset=0)

    assert (found["documents"], found["total_count"], found["limit"], found["offset"]) == ([], 0, 20, 0)


@pytest.mark.parametrize("where", [OWN, ALL])
async def test_an_upload_is_answered_with_json_and_listed_at_once(root: Someone, where: str) -> None:
    """202 with what was added; before it is read it stands first in the list, with everything a page shows."""
    answer = await upload(
        root, where, fields={"title": "Pool", "document_type": "guide", "tags": "a, b", "description": "How to."}
    )
    (document,) = (await listed(root, where))["documents"]

    assert answer.status_code == 202
    assert answer.json()["document_id"] == document["document_id"]
    assert answer.headers["location"].endswith(f"{where}/{document['document_id']}")
    assert (document["title"], document["document_type"], document["tags"]) == ("Pool", "guide", ["a", "b"])
    assert document["description"] == "How to."
    assert document["created_at"].endswith("Z")
    assert datetime.fromisoformat(document["created_at"]).utcoffset() is not None
    assert document["document_id"].replace("_", "").isalnum()


@pytest.mark.parametrize("where", [OWN, ALL])
async def test_nothing_a_page_reads_is_ever_missing(root: Someone, fm: FaultMaven, where: str) -> None:
    """Without a title it is the file's name, without a type another one, without tags none; also once it was read."""
    await upload(root, where, name="kube_pod-down.txt", data=b"no heading")
    before = (await listed(root, where))["documents"][0]
    await settled(fm)
    after = (await listed(root, where))["documents"][0]

    for document in (before, after):
        assert document["title"] == "kube pod-down"
        assert (document["document_type"], document["tags"]) == ("other", [])


@pytest.mark.parametrize("kind", ["guide", "article", "troubleshooting", "faq", "other", "playbook", "how_to"])
async def test_any_type_is_kept(ana: Someone, kind: str) -> None:
    """A document's type is a word of its owner's, given back as it was."""
    assert (await upload(ana, fields={"document_type": kind})).json()["document_type"] == kind
    assert (await listed(ana, document_type=kind))["total_count"] == 1
    assert (await listed(ana, document_type="else"))["total_count"] == 0


@pytest.mark.parametrize("where", [OWN, ALL])
async def test_what_is_said_about_a_file_is_kept(root: Someone, where: str) -> None:
    """Description, category and source address come back with it."""
    said = {"description": "How to.", "category": "database", "source_url": "https://wiki.example.org/pool?a=1"}
    document = (await upload(root, where, fields=said)).json()

    assert {name: document[name] for name in said} == said


@pytest.mark.parametrize(
    ("tags", "kept"), [("a, b", ["a", "b"]), ("a,b,,a ", ["a", "b"]), ("", []), (" , ", []), ("one word", ["one word"])]
)
async def test_tags_are_words_with_commas(ana: Someone, tags: str, kept: list[str]) -> None:
    """One string makes a list of strings."""
    assert (await upload(ana, fields={"tags": tags})).json()["tags"] == kept


async def test_the_parts_may_come_in_any_order(ana: Someone) -> None:
    """The file first or last."""
    before, after = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nPool\r\n', b""
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\ntext\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (before + file, file + before, after + file):
        answer = await ana.http.post(f"{OWN}/upload", content=body + b"--x--\r\n", headers=headers)
        assert answer.status_code == 202


@pytest.mark.parametrize("where", [OWN, ALL])
async def test_pages_are_of_twenty(root: Someone, where: str) -> None:
    """Newest first, in windows, with the number of all of them."""
    made = [(await upload(root, where, name=f"d{n}.md")).json()["document_id"] for n in range(21)]

    first = await listed(root, where)
    second = await listed(root, where, offset=20)

    assert [document["document_id"] for document in first["documents"]] == made[:0:-1]
    assert [document["document_id"] for document in second["documents"]] == made[:1]
    assert first["total_count"] == second["total_count"] == 21


@pytest.mark.parametrize("where", [OWN, ALL])
async def test_a_document_is_read_and_deleted(root: Someone, fm: FaultMaven, where: str) -> None:
    """204 without a body, then it is gone from the list and found no more."""
    document_id = (await upload(root, where)).json()["document_id"]
    await settled(fm)
    read = await root.http.get(f"{where}/{document_id}")

    deleted = await root.http.delete(f"{where}/{document_id}")

    assert read.json()["content"].startswith("# Connection pool")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await listed(root, where))["documents"] == []
    for method in ("GET", "DELETE"):
        gone = await root.http.request(method, f"{where}/{document_id}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "DOCUMENT_NOT_FOUND")
    assert (await root.http.post("/knowledge/search", json={"query": "connection pool"})).json()["results"] == []


async def test_own_documents_are_ones_own(ana: Someone, bob: Someone, root: Someone) -> None:
    """Another user sees, reads, counts and deletes none of them, an admin neither."""
    document_id = (await upload(ana)).json()["document_id"]

    for who in (bob, root):
        assert (await listed(who))["total_count"] == 0
        for method in ("GET", "DELETE"):
            answer = await who.http.request(method, f"{OWN}/{document_id}", headers=SPOOFED)
            assert answer.status_code == 404
    assert (await listed(ana))["total_count"] == 1


async def test_what_all_see_all_see(ana: Someone, root: Someone, fm: FaultMaven) -> None:
    """An admin's document is in everyone's list of those, read and found by everyone, and in nobody's own."""
    document_id = (await upload(root, ALL)).json()["document_id"]
    await settled(fm)

    for who in (ana, root):
        assert [d["document_id"] for d in (await listed(who, ALL))["documents"]] == [document_id]
        assert (await who.http.get(f"{ALL}/{document_id}")).json()["is_global"] is True
        assert (await listed(who))["total_count"] == 0
        found = (await who.http.post("/knowledge/search", json={"query": "connection pool"})).json()
        assert found["results"][0]["document_id"] == document_id


async def test_only_admins_change_what_all_see(ana: Someone, root: Someone, fm: FaultMaven) -> None:
    """403 for everyone else, whatever the request says of its roles, and no file stays behind."""
    document_id = (await upload(root, ALL)).json()["document_id"]
    form: dict[str, Any] = {"data": {"title": "Mine"}, "files": {"file": ("a.md", RUNBOOK)}}

    added = await ana.http.post(ALL, **form, headers=SPOOFED)
    deleted = await ana.http.delete(f"{ALL}/{document_id}", headers=SPOOFED)

    for answer in (added, deleted):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN")
        assert isinstance(answer.json()["detail"], str)
    assert (await listed(ana, ALL))["total_count"] == 1
    assert len(await fm.files.keys("knowledge/", older_than=fm.clock.now())) == 1


async def test_each_is_at_its_own_address(root: Someone) -> None:
    """An admin's own document is none of those that all see, and the other way round; both are in the one room."""
    own = (await upload(root)).json()["document_id"]
    shared = (await upload(root, ALL)).json()["document_id"]

    for path in (f"{ALL}/{own}", f"{OWN}/{shared}"):
        for method in ("GET", "DELETE"):
            assert (await root.http.request(method, path)).status_code == 404
    for document_id in (own, shared):
        assert (await root.http.get(f"/knowledge/documents/{document_id}")).status_code == 200


@pytest.mark.parametrize("where", [OWN, ALL])
@pytest.mark.parametrize(
    ("name", "data", "status", "word"),
    [
        ("tool.exe", b"MZ\x90\x00", 415, ".exe"),
        ("TOOL.EXE", b"MZ\x90\x00", 415, ".exe"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 415, ".docx"),
        ("a.zip", b"PK\x03\x04", 415, ".zip"),
        ("empty.md", b"", None, "empty"),
        ("", b"text", None, "file"),
    ],
)
async def test_what_cannot_be_read_is_refused(
    root: Someone, fm: FaultMaven, invalid: int, where: str, name: str, data: bytes, status: int | None, word: str
) -> None:
    """By its name or for being empty, in a sentence a page can show, and nothing of it stays behind."""
    answer = await upload(root, where, name=name, data=data, kind="application/octet-stream")

    body = answer.json()
    assert answer.status_code == (status or invalid)
    assert isinstance(body["detail"], str)
    assert word in body["detail"]
    assert (await listed(root, where))["total_count"] == 0
    assert await fm.files.keys("knowledge/", older_than=fm.clock.now()) == []


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.json", "a.csv", "a.pdf", "a.docx", "README"])
async def test_what_a_page_offers_is_taken(ana: Someone, name: str) -> None:
    """Each kind it lets one choose; the old Word format is the one that cannot be read."""
    assert (await upload(ana, name=name, data=b"{}")).status_code == 202


@pytest.mark.parametrize("where", [OWN, ALL])
async def test_a_file_is_as_large_as_the_setting_says(
    sign_in: SignIn, with_settings: Callable[..., FaultMaven], where: str
) -> None:
    """To the byte it is taken, one more is 413 with a sentence."""
    root = await sign_in("root", into=create_app(with_settings(max_upload_bytes=2000)))

    assert (await upload(root, where, data=b"x" * 2000)).status_code == 202
    answer = await upload(root, where, data=b"x" * 2001)

    assert answer.status_code == 413
    assert "2000 bytes" in answer.json()["detail"]
    assert (await listed(root, where))["total_count"] == 1


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"title": "x" * 301}, "title"),
        ({"document_type": "a/b"}, "document_type"),
        ({"tags": "x" * 101}, "tags"),
    ],
)
async def test_a_wrong_field_is_named(ana: Someone, invalid: int, fields: dict[str, str], name: str) -> None:
    """In the details, and in a sentence."""
    answer = await upload(ana, fields=fields)

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, name)
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize("where", [f"{OWN}/upload", ALL])
async def test_only_forms_are_taken(root: Someone, where: str, invalid: int) -> None:
    """JSON is another address's; a form without its file names it."""
    as_json = await root.http.post(where, json={"title": "x", "content": "y"})
    fileless = await root.http.post(where, data={"title": "x"}, files={"other": b"x"})

    assert as_json.status_code == 415
    assert (fileless.status_code, fileless.json()["error"]["details"]["field"]) == (invalid, "file")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", OWN),
        ("POST", f"{OWN}/upload"),
        ("GET", f"{OWN}/doc_1"),
        ("DELETE", f"{OWN}/doc_1"),
        ("GET", ALL),
        ("POST", ALL),
        ("GET", f"{ALL}/doc_1"),
        ("DELETE", f"{ALL}/doc_1"),
    ],
)
async def test_a_token_is_needed(anyone: AsyncClient, method: str, path: str) -> None:
    """Its claims in other headers open nothing."""
    answer = await anyone.request(method, path, headers=SPOOFED)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHORIZED")
    assert isinstance(answer.json()["detail"], str)


async def test_no_address_is_redirected(ana: Someone) -> None:
    """With a slash at its end or without, it is answered where it is."""
    for path in (OWN, f"{OWN}/", ALL, f"{ALL}/"):
        assert (await ana.http.get(path)).status_code == 200
