import pytest

from faultmaven_adapters.library import FaultMaven
from tests.http.conftest import Someone
from tests.http.turns import settled

RUNBOOK = """# Connection pool exhausted

## Symptoms

Checkouts time out waiting for a connection.

## Fix

Raise max_connections, then restart the payment service.
"""
DOCUMENT = {"title": "Connection pool", "content": RUNBOOK, "document_type": "runbook", "tags": ["postgres", "pool"]}
PATH = "/knowledge/documents"


async def test_a_text_is_added_as_json(ana: Someone, prefix: str) -> None:
    """201, listed at once, its job told."""
    answer = await ana.http.post(PATH, json={**DOCUMENT, "metadata": {"category": "database"}})

    document = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"{prefix}{PATH}/{document['document_id']}")
    assert (document["status"], document["title"], document["tags"]) == (
        "processing",
        "Connection pool",
        ["postgres", "pool"],
    )
    assert (document["category"], document["is_global"]) == ("database", False)
    assert document["owner_id"] == document["user_id"] == ana.principal.user_id
    assert document["job_id"] != ""


async def test_a_file_is_added_as_a_form(ana: Someone, fm: FaultMaven) -> None:
    """202; tags are words with commas, and what is said about it goes into its metadata."""
    form = {"title": "Pool", "document_type": "guide", "tags": "a, b ,,", "description": "How to.", "category": "db"}

    answer = await ana.http.post(PATH, data=form, files={"file": ("pool.md", RUNBOOK.encode(), "text/markdown")})
    await settled(fm)
    read = (await ana.http.get(f"{PATH}/{answer.json()['document_id']}")).json()

    assert answer.status_code == 202
    assert (read["tags"], read["description"], read["category"]) == (["a", "b"], "How to.", "db")
    assert (read["filename"], read["status"]) == ("pool.md", "ready")
    assert "Raise max_connections" in read["content"]


async def test_a_file_names_itself(ana: Someone, fm: FaultMaven) -> None:
    """Without a title the document's own heading is it."""
    answer = await ana.http.post(PATH, files={"file": ("pool.md", RUNBOOK.encode(), "text/markdown")})
    await settled(fm)

    read = (await ana.http.get(f"{PATH}/{answer.json()['document_id']}")).json()
    assert read["title"] == "Connection pool exhausted"


async def test_the_same_source_with_the_same_text_is_not_added_again(ana: Someone) -> None:
    """200 and the document that is there."""
    first = await ana.http.post(PATH, json={**DOCUMENT, "source": "wiki/pool"})
    second = await ana.http.post(PATH, json={**DOCUMENT, "source": "wiki/pool"})

    assert (second.status_code, second.json()["document_id"]) == (200, first.json()["document_id"])


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("title", {"content": "x"}),
        ("content", {"title": "x"}),
        ("content", {"title": "x", "content": "  "}),
        ("title", {"title": "", "content": "x"}),
        ("tags", {"title": "x", "content": "x", "tags": [1]}),
        ("tags", {"title": "x", "content": "x", "tags": {"a": 1}}),
        ("document_type", {"title": "x", "content": "x", "document_type": "a/b"}),
        ("collection", {"title": "x", "content": "x", "collection": "'"}),
    ],
)
async def test_a_wrong_field_is_named(ana: Someone, invalid: int, field: str, body: dict[str, object]) -> None:
    """What is wrong about a document is named in the details."""
    answer = await ana.http.post(PATH, json=body)

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, field)


@pytest.mark.parametrize(
    "form", [{"data": {"title": "x"}, "files": {"other": b"x"}}, {"files": {"file": ("x.md", b"")}}]
)
async def test_a_form_needs_its_file(ana: Someone, invalid: int, form: dict[str, object]) -> None:
    """A missing or empty file is invalid input that names the field."""
    answer = await ana.http.post(PATH, **form)  # type: ignore[arg-type]

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, "file")


async def test_a_refused_upload_leaves_no_file(ana: Someone, fm: FaultMaven, invalid: int) -> None:
    """What the use-case refuses is deleted from the store again."""
    form = {"document_type": "a/b"}
    answer = await ana.http.post(PATH, data=form, files={"file": ("a.md", b"text", "text/markdown")})

    assert answer.status_code == invalid
    assert await fm.files.keys("knowledge/", older_than=fm.clock.now()) == []


async def test_documents_are_listed_newest_first(ana: Someone) -> None:
    """In pages, by type or by collection, with every spelling of the total."""
    made = [
        (await ana.http.post(PATH, json={**DOCUMENT, "title": f"D{n}", "collection": c})).json()["document_id"]
        for n, c in enumerate(["a", "b", "a"])
    ]

    page = (await ana.http.get(f"{PATH}?limit=2")).json()
    narrowed = (await ana.http.get(f"{PATH}?collection=a&document_type=runbook")).json()
    none = (await ana.http.get(f"{PATH}?document_type=guide")).json()

    assert [d["document_id"] for d in page["documents"]] == [made[2], made[1]]
    assert (page["total"], page["total_count"], page["has_more"]) == (3, 3, True)
    assert [d["document_id"] for d in narrowed["documents"]] == [made[2], made[0]]
    assert none["documents"] == []


async def test_global_documents_are_listed_apart(ana: Someone, fm: FaultMaven, root: Someone) -> None:
    """The caller's own and those all see are two lists; only an admin changes the latter."""
    added = await fm.knowledge.add(principal=root.principal, title="For all", content=RUNBOOK, global_=True)
    path = f"{PATH}/{added.document.document_id}"

    own = (await ana.http.get(PATH)).json()
    shared = (await ana.http.get(f"{PATH}?scope=global")).json()

    assert (own["total"], shared["total"]) == (0, 1)
    assert (shared["documents"][0]["is_global"], shared["documents"][0]["owner_id"]) == (True, None)
    assert (await ana.http.get(path)).status_code == 200
    assert (await ana.http.put(path, json={"title": "Mine"})).status_code == 403
    assert (await ana.http.delete(path)).status_code == 403
    assert (await root.http.put(path, json={"title": "Ours"})).json()["title"] == "Ours"


async def test_a_document_is_changed_and_deleted(ana: Someone, fm: FaultMaven) -> None:
    """A new text is indexed anew; a deleted document is gone from everywhere."""
    document = (await ana.http.post(PATH, json=DOCUMENT)).json()
    path = f"{PATH}/{document['document_id']}"
    await settled(fm)

    changed = await ana.http.put(path, json={"title": "Pool", "content": RUNBOOK + "More.", "tags": ["new"]})
    assert (changed.json()["title"], changed.json()["tags"]) == ("Pool", ["new"])
    await settled(fm)
    assert (await ana.http.get(path)).json()["content"].endswith("More.")

    assert (await ana.http.delete(path)).status_code == 204
    for method in ("GET", "PUT", "DELETE"):
        answer = await ana.http.request(method, path, json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "DOCUMENT_NOT_FOUND")
    assert (await ana.http.post("/knowledge/search", json={"query": "connection pool"})).json()["results"] == []


async def test_collections_come_and_go(ana: Someone) -> None:
    """They are named, counted, refused twice, kept while in use and deleted when empty."""
    path = "/knowledge/collections"

    assert (await ana.http.post(path, json={"name": "prod"})).json()["document_count"] == 0
    twice = await ana.http.post(path, json={"name": "prod"})
    await ana.http.post(PATH, json={**DOCUMENT, "collection": "used"})
    listed = (await ana.http.get(path)).json()
    in_use = await ana.http.delete(f"{path}/used")
    gone = await ana.http.delete(f"{path}/prod")
    unknown = await ana.http.delete(f"{path}/prod")

    assert (twice.status_code, twice.headers["x-error-code"]) == (409, "ALREADY_EXISTS")
    assert {c["name"]: c["document_count"] for c in listed["collections"]}.items() >= {"prod": 0, "used": 1}.items()
    assert (in_use.status_code, gone.status_code, unknown.status_code) == (409, 204, 404)


@pytest.mark.parametrize("mode", ["semantic", "keyword", "hybrid", None])
async def test_a_search_finds_the_document(ana: Someone, fm: FaultMaven, mode: str | None) -> None:
    """One row per document with its best chunk, timed, in every mode."""
    document = (await ana.http.post(PATH, json=DOCUMENT)).json()
    await settled(fm)

    body = {"query": "connection pool exhausted", "limit": 5, "search_mode": mode}
    found = (await ana.http.post("/knowledge/search", json=body)).json()

    hit = found["results"][0]
    assert (hit["document_id"], hit["title"]) == (document["document_id"], "Connection pool")
    assert hit["score"] == hit["relevance_score"] > 0
    assert hit["snippet"] == hit["chunk"]["text"] != ""
    assert found["returned"] == len(found["results"]) == 1
    assert found["total_found"] == found["total_results"] >= 1
    assert found["search_mode"] == (mode or "hybrid")
    assert found["execution_time_ms"] >= 0


@pytest.mark.parametrize(
    ("narrowing", "finds"),
    [
        ({"tags": ["pool"]}, 1),
        ({"tags": ["kafka"]}, 0),
        ({"document_type": "runbook"}, 1),
        ({"document_type": "guide"}, 0),
        ({"collection": "other"}, 0),
        ({"filters": {"document_type": "guide"}}, 0),
        ({"filters": {"tags": ["pool"], "collection": "default"}}, 1),
        ({"filters": {"tags": "kafka"}}, 0),
    ],
)
async def test_a_search_is_narrowed(ana: Someone, fm: FaultMaven, narrowing: dict[str, object], finds: int) -> None:
    """By type, collection and tags, as fields of their own or as filters."""
    await ana.http.post(PATH, json=DOCUMENT)
    await settled(fm)

    found = (await ana.http.post("/knowledge/search", json={"query": "pool", **narrowing})).json()

    assert len(found["results"]) == finds


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("query", {}),
        ("query", {"query": " "}),
        ("query", {"query": "x" * 4_001}),
        ("limit", {"query": "x", "limit": 51}),
        ("limit", {"query": "x", "limit": 0}),
        ("limit", {"query": "x", "limit": "5"}),
        ("search_mode", {"query": "x", "search_mode": "fuzzy"}),
        ("filters", {"query": "x", "filters": {"owner_id": "usr_1"}}),
        ("filters", {"query": "x", "filters": "all"}),
        ("collection", {"query": "x", "filters": {"collection": 1}}),
    ],
)
async def test_a_wrong_search_is_named(ana: Someone, invalid: int, field: str, body: dict[str, object]) -> None:
    """Each field of a search is checked, and a filter nobody knows is refused rather than ignored."""
    answer = await ana.http.post("/knowledge/search", json=body)

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, field)
