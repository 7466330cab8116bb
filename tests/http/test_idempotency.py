"""The header Idempotency-Key: the same request twice is done once, another one under its key is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from httpx2 import AsyncClient, Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_adapters.memory.reply_store import MemoryReplyStore
from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.reply_store import RedisReplyStore
from faultmaven_http.app import OPERATIONS, create_app
from faultmaven_http.operation import Operation
from tests.http.conftest import SignIn, Someone, a_client
from tests.http.turns import settled

KEY = {"Idempotency-Key": "opt_case_1764_1"}
FILE = {"file": ("pool.md", b"# Pool\n\nRaise it.\n", "text/markdown")}
#: POSTs that create nothing: they look, change what is there, or sign in and out.
NOTHING_NEW = {
    "/auth/dev-login",
    "/auth/login",
    "/auth/login/initiate",
    "/auth/logout",
    "/auth/oauth/authorize",
    "/auth/oauth/revoke",
    "/auth/oauth/token",
    "/auth/refresh",
    "/cases/{case_id}/close",
    "/cases/{case_id}/status",
    "/cases/{case_id}/title",
    "/knowledge/search",
    "/sessions/{session_id}/heartbeat",
}


async def create(who: Someone, body: object = None, headers: dict[str, str] | None = None) -> Response:
    return await who.http.post("/cases", json=body or {"title": "Checkout fails"}, headers=headers or KEY)


async def total(who: Someone, what: str = "cases") -> int:
    found: int = (await who.http.get(f"/{what}")).json()["total"]
    return found


def conflict(answer: Response) -> tuple[int, str, str]:
    return answer.status_code, answer.headers["x-error-code"], answer.json()["error"]["code"]


REUSED = (409, "IDEMPOTENCY_KEY_REUSED", "IDEMPOTENCY_KEY_REUSED")


async def test_the_same_request_twice_is_done_once(ana: Someone) -> None:
    """Status, body and address are exactly the first's, and only the second says that it is a repetition."""
    first, second = await create(ana), await create(ana)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    for name in ("location", "content-type"):
        assert first.headers[name] == second.headers[name]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert await total(ana) == 1


async def test_what_was_answered_stays_answered(ana: Someone) -> None:
    """The answer is the first one's, whatever became of the case since."""
    first = await create(ana)
    await ana.http.delete(f"/cases/{first.json()['case_id']}")

    assert (await create(ana)).content == first.content
    assert await total(ana) == 0


async def test_another_body_under_the_key_is_refused(ana: Someone) -> None:
    """409 that says so, and nothing is created."""
    await create(ana)

    assert conflict(await create(ana, {"title": "Another"})) == REUSED
    assert await total(ana) == 1


async def test_the_same_body_otherwise_written_is_the_same(ana: Someone) -> None:
    """Neither the order of the fields nor the spaces between them make another request."""
    headers = {**KEY, "Content-Type": "application/json"}
    first = await ana.http.post("/cases", content=b'{"title": "A", "priority": "low"}', headers=headers)
    second = await ana.http.post("/cases", content=b'{"priority":"low",  "title":"\\u0041"}', headers=headers)

    assert first.content == second.content


async def test_a_key_is_its_callers_own(ana: Someone, bob: Someone, anyone: AsyncClient) -> None:
    """Another user with the same key and the same body has a case of their own, and a stranger nothing."""
    hers, his = await create(ana), await create(bob)

    assert hers.json()["case_id"] != his.json()["case_id"]
    assert "idempotency-replayed" not in his.headers
    assert (await anyone.post("/cases", json={"title": "Checkout fails"}, headers=KEY)).status_code == 401


async def test_a_key_is_of_one_address(ana: Someone, prefix: str) -> None:
    """Under another address, or the other prefix, the same key is another one."""
    other = {"/v1": "/api/v1", "/api/v1": "/v1"}[prefix]
    first = await create(ana)
    second = await ana.http.post(f"http://localhost:8090{other}/cases", json={"title": "Checkout fails"}, headers=KEY)
    collection = await ana.http.post("/knowledge/collections", json={"name": "prod"}, headers=KEY)

    assert first.json()["case_id"] != second.json()["case_id"]
    assert collection.status_code == 201


async def test_a_slash_at_the_end_is_the_same_address(ana: Someone) -> None:
    """As everywhere, it changes nothing."""
    first = await create(ana)
    second = await ana.http.post("/cases/", json={"title": "Checkout fails"}, headers=KEY)

    assert first.content == second.content


async def test_without_a_key_each_is_another(ana: Someone) -> None:
    """Who names nothing creates twice."""
    ids = {(await ana.case())["case_id"] for _ in range(2)}

    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "k\u00e9y", "a\tb", "\x7f"])
async def test_what_is_no_key_is_named(ana: Someone, invalid: int, key: str) -> None:
    """One that is empty, too long or not printable ASCII is invalid input, and nothing is created."""
    answer = await ana.http.post("/cases", json={}, headers={b"Idempotency-Key": key.encode("latin-1")})

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, "Idempotency-Key")
    assert await total(ana) == 0


async def test_two_keys_are_none(ana: Someone, invalid: int) -> None:
    """Which of two would count, nobody could tell."""
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await ana.http.post("/cases", json={}, headers=headers)

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, "Idempotency-Key")


@pytest.mark.parametrize("key", ["x", "~" * 255, " a b ", '"quoted"', "{};,=\\"])
async def test_any_printable_key_will_do(ana: Someone, key: str) -> None:
    """One to 255 of them."""
    assert (await create(ana, headers={"Idempotency-Key": key})).status_code == 201
    assert (await create(ana, headers={"Idempotency-Key": key})).headers["idempotency-replayed"] == "true"


async def test_a_refusal_is_not_kept(ana: Someone, invalid: int) -> None:
    """After an error the key is free, for the right request too."""
    wrong = await create(ana, {"title": "x" * 500})
    right = await create(ana)

    assert (wrong.status_code, right.status_code) == (invalid, 201)
    assert "idempotency-replayed" not in right.headers


async def test_what_the_domain_refused_is_tried_again(ana: Someone) -> None:
    """A conflict holds only as long as its cause."""
    path = "/knowledge/collections"
    await ana.http.post(path, json={"name": "prod"})
    refused = await ana.http.post(path, json={"name": "prod"}, headers=KEY)
    await ana.http.delete(f"{path}/prod")
    created = await ana.http.post(path, json={"name": "prod"}, headers=KEY)

    assert (refused.headers["x-error-code"], created.status_code) == ("ALREADY_EXISTS", 201)


@pytest.mark.parametrize("many", [2, 50])
async def test_many_at_once_are_one(ana: Someone, many: int) -> None:
    """However many come in the same moment, one is done, and all have its answer."""
    answers = await asyncio.gather(*(create(ana) for _ in range(many)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await total(ana) == 1


async def test_of_many_different_ones_at_once_one_is_done(ana: Someone) -> None:
    """The others learn at once that the key is another request's."""
    answers = await asyncio.gather(*(create(ana, {"title": f"Case {n}"}) for n in range(10)))

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]
    assert {conflict(answer) for answer in answers if answer.status_code == 409} == {REUSED}
    assert await total(ana) == 1


async def test_a_form_is_known_by_what_it_holds(ana: Someone) -> None:
    """Another boundary is the same request; another file, name or field is another."""
    path = "/documents/upload"
    data = {"title": "Pool", "tags": "a, b"}
    first = await ana.http.post(path, data=data, files=FILE, headers=KEY)
    again = await ana.http.post(path, data=dict(reversed(data.items())), files=FILE, headers=KEY)
    others = [
        await ana.http.post(path, data=data, files={"file": ("pool.md", b"# Pool\n", "text/markdown")}, headers=KEY),
        await ana.http.post(path, data=data, files={"file": ("loop.md", *FILE["file"][1:])}, headers=KEY),
        await ana.http.post(path, data={**data, "tags": "a"}, files=FILE, headers=KEY),
        await ana.http.post(path, data={"title": "Pool"}, files=FILE, headers=KEY),
    ]

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.request.headers["content-type"] != again.request.headers["content-type"]
    assert first.content == again.content
    assert {conflict(other) for other in others} == {REUSED}
    assert await total(ana, "documents") == 1


async def test_the_first_file_is_whole(ana: Someone, fm: FaultMaven) -> None:
    """To be compared a file is read, and then it is stored from its beginning all the same."""
    added = await ana.http.post("/documents/upload", files=FILE, headers=KEY)
    await settled(fm)

    read = (await ana.http.get(f"/documents/{added.json()['document_id']}")).json()
    assert read["content"].strip() == FILE["file"][1].decode().strip()


async def test_a_question_is_asked_once(ana: Someone, fm: FaultMaven) -> None:
    """What is answered later is kept too: the same job, at the same address, and one turn of it."""
    case_id = (await ana.case())["case_id"]
    body = {"case_id": case_id, "message": "Why?"}
    first, second = [await ana.http.post("/agent/chat", json=body, headers=KEY) for _ in range(2)]
    await settled(fm)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.headers["location"] == second.headers["location"]
    assert (await ana.http.get(second.headers["location"])).json()["status"] == "completed"
    assert (await ana.http.get(f"/cases/{case_id}/messages")).json()["total"] == 2


async def test_the_limits_are_the_second_requests(
    sign_in: SignIn, with_settings: Callable[..., FaultMaven], prefix: str
) -> None:
    """A repetition counts as a request, says what is left by now, and is refused when nothing is."""
    ana = await sign_in("ana", into=create_app(with_settings(rate_limits=True, requests_per_minute=3)))

    answers = [await create(ana) for _ in range(4)]

    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]


@pytest.fixture
async def after(fm: FaultMaven, ana: Someone) -> AsyncIterator[Someone]:
    """Ana at the same server once it has forgotten what it answered."""
    app = create_app(evolve(fm, replies=MemoryReplyStore()))
    async with a_client(app, ana.http.base_url.path.rstrip("/")) as http:
        http.headers["Authorization"] = ana.http.headers["Authorization"]
        yield evolve(ana, http=http)


async def test_what_was_created_is_known_by_its_id(ana: Someone, after: Someone) -> None:
    """Killed before it could remember the answer, a server creates nothing twice."""
    first, second = await create(ana), await create(after)

    assert "idempotency-replayed" not in second.headers
    assert first.json()["case_id"] == second.json()["case_id"]
    assert await total(ana) == 1


async def test_a_question_is_known_by_its_job(ana: Someone, after: Someone, fm: FaultMaven) -> None:
    """So is a turn."""
    body = {"case_id": (await ana.case())["case_id"], "message": "Why?"}
    jobs = [(await who.http.post("/agent/chat", json=body, headers=KEY)).json()["job_id"] for who in (ana, after)]
    await settled(fm)

    assert jobs[0] == jobs[1]
    assert (await ana.http.get(f"/cases/{body['case_id']}/messages")).json()["total"] == 2


async def test_a_document_is_known_by_its_id(ana: Someone, after: Someone, fm: FaultMaven) -> None:
    """So is a document, as text and as a file, and the second file is not left lying about."""
    text = {"title": "Pool", "content": "Raise it."}
    for path, body in (
        ("/knowledge/documents", {"json": text}),
        ("/knowledge/documents", {"files": FILE}),
        ("/documents/upload", {"files": FILE}),
    ):
        headers = {"Idempotency-Key": f"{path} {sorted(body)}"}
        first, second = [await who.http.post(path, headers=headers, **body) for who in (ana, after)]
        assert first.json()["document_id"] == second.json()["document_id"]
        assert first.status_code == second.status_code

    assert await total(ana, "documents") == 3
    assert len(await fm.files.keys("knowledge/", older_than=fm.clock.now())) == 2


async def test_evidence_is_known_by_its_id(ana: Someone, after: Someone, fm: FaultMaven) -> None:
    """So is a file in a case."""
    case_id = (await ana.case())["case_id"]
    files, data = {"file": ("pool.log", b"ERROR pool\n")}, {"case_id": case_id}
    ids = [
        (await who.http.post("/evidence", data=data, files=files, headers=KEY)).json()["evidence_id"]
        for who in (ana, after)
    ]

    assert ids[0] == ids[1]
    assert await total(ana, "evidence") == 1


async def test_an_account_is_opened_once(anyone: AsyncClient) -> None:
    """Repeated with its password it signs in to the same account, with tokens of its own: none are ever kept."""
    body = {"email": "eve@example.org", "password": "correct horse"}
    first, second = [await anyone.post("/auth/register", json=body, headers=KEY) for _ in range(2)]
    other = await anyone.post("/auth/register", json={**body, "password": "wrong horse"}, headers=KEY)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["user"]["user_id"] == second.json()["user"]["user_id"]
    assert first.json()["access_token"] != second.json()["access_token"]
    assert other.status_code == 409


async def test_without_its_store_everything_goes_on(
    ana: Someone, fm: FaultMaven, sign_in: SignIn, tmp_path: Path
) -> None:
    """With Redis away nothing is replayed, nothing fails, and still nothing is created twice."""
    nowhere = connect(tmp_path / "nobody.sock")
    eve = await sign_in("eve", into=create_app(evolve(fm, replies=RedisReplyStore(nowhere))))

    first, second = await create(eve), await create(eve)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["case_id"] == second.json()["case_id"]
    await close(nowhere)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.method == "POST"], ids=lambda o: o.path)
async def test_every_post_that_creates_takes_a_key(operation: Operation) -> None:
    """It is decided for each POST whether it creates; and an answer that bears a token is never kept."""
    assert operation.creates == (operation.path not in NOTHING_NEW)
    shapes = [shape for answers in operation.answers.values() for shape in _shapes(answers)]
    assert not (operation.creates and operation.keeps and any("token" in name for name in shapes))


def _shapes(answers: Any) -> list[str]:
    kinds = answers if isinstance(answers, tuple) else (answers,)
    return [name for kind in kinds if kind is not None for name in getattr(kind, "__annotations__", {})]


async def test_the_header_is_described(anyone: AsyncClient) -> None:
    """Where it counts, and nowhere else, with the conflict it may end in."""
    paths = (await anyone.get("http://localhost:8090/openapi.json")).json()["paths"]

    described = {
        (method.upper(), path.removeprefix("/v1"))
        for path, item in paths.items()
        for method, operation in item.items()
        if path.startswith("/v1")
        and any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
        and "409" in operation["responses"]
    }
    assert described == {(o.method, o.path) for o in OPERATIONS if o.creates}
