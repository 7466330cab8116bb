"""What goes wrong before, around and beneath the use-cases: one shape, the right status, nothing of our insides."""

import logging
from collections.abc import AsyncIterator

import pytest
from attrs import evolve
from httpx2 import AsyncClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.case import CaseService
from faultmaven_domain.kernel.errors import (
    Conflict,
    FaultMavenError,
    Forbidden,
    Misconfigured,
    RateLimited,
    StorageFull,
    Unavailable,
)
from faultmaven_http.app import create_app
from faultmaven_http.middleware import Failures
from tests.http.conftest import HOST, SignIn, Someone
from tests.http.refusing import Refusing


async def test_an_unknown_address_is_not_found(anyone: AsyncClient) -> None:
    """The router's own 404 has the shape of every error."""
    answer = await anyone.get("/nothing/here")

    assert answer.status_code == 404
    assert answer.json() == {
        "error": {"code": "NOT_FOUND", "message": "There is nothing at this address.", "details": {}},
        "detail": "There is nothing at this address.",
    }


async def test_a_method_that_is_not_taken_is_told_which_are(anyone: AsyncClient) -> None:
    """405 in the one shape, and all the methods of the address in its header."""
    answer = await anyone.patch("/cases/case_1")

    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert {m.strip() for m in answer.headers["allow"].split(",")} >= {"GET", "PUT", "DELETE"}


@pytest.mark.parametrize("path", ["{}/auth/me/", "{}/auth/me//", "/{}/auth/me"])
async def test_slashes_are_answered_and_not_redirected(ana: Someone, prefix: str, path: str) -> None:
    """A slash at the end or a second one at the beginning changes nothing."""
    answer = await ana.http.get(HOST + path.format(prefix))

    assert (answer.status_code, answer.history) == (200, [])


BROKEN = [
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b'{"title": NaN}',
    b'{"metadata": {"a": 1e999}}',
    b'{"title": "\\ud800"}',
    b'{"title": "a\\u0000b"}',
    b'{"metadata": {"\\ud800": 1}}',
    b"\xff\xfe",
    b'{"title": "a"} {"title": "b"}',
    b"[" * 1_000_000,
    b'{"metadata": ' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}",
    b'{"metadata": {"n": ' + b"9" * 5_000 + b"}}",
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
async def test_what_is_no_json_object_is_invalid(ana: Someone, invalid: int, body: bytes) -> None:
    """Cut, mistyped, nested a million deep or no text at all: the caller's mistake, told as such."""
    answer = await ana.http.post("/cases", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (invalid, "VALIDATION_ERROR")


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "x"])
async def test_a_body_is_json(ana: Someone, content_type: str) -> None:
    """Another content type is 415."""
    answer = await ana.http.post("/cases", content=b"{}", headers={"Content-Type": content_type})

    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json", ""]
)
async def test_json_has_more_than_one_name(ana: Someone, content_type: str) -> None:
    """With a parameter, in capitals, as a dialect of it, or with no name at all."""
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await ana.http.post("/cases", content=b'{"title": "A"}', headers=headers)

    assert answer.status_code == 201


async def test_too_long_a_body_is_not_read(ana: Someone) -> None:
    """A declared length beyond the limit is refused at once."""
    answer = await ana.http.post(
        "/cases", content=b"{}", headers={"Content-Type": "application/json", "Content-Length": str(10**12)}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_too_long_a_body_is_cut_off_while_it_streams(ana: Someone) -> None:
    """One that never told its length is refused as soon as it is too long."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 64 * 1024
            yield b" " * 64 * 1024

    answer = await ana.http.post("/cases", content=endless(), headers={"Content-Type": "application/json"})

    assert answer.status_code == 413
    assert sent < 8 * 1024 * 1024


async def test_what_nobody_signed_for_is_short(anyone: AsyncClient) -> None:
    """Someone who need not sign in is listened to for 128 KiB."""
    answer = await anyone.post("/sessions", json={"client_id": "x" * 140_000})

    assert answer.status_code == 413


async def test_a_document_is_long_by_its_text_alone(ana: Someone) -> None:
    """A million little values are no document; they are refused before they are made."""
    body = b'{"title": "A", "content": "B", "metadata": {"a": [' + b"[]," * 1_000_000 + b"[]]}}"

    answer = await ana.http.post("/knowledge/documents", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["detail"]) == (413, "The body holds too many values.")


async def test_a_document_may_be_longer_than_other_json(ana: Someone) -> None:
    """Content is limited as an upload is, not as a title is."""
    body = {"title": "Long", "content": "All work and no play.\n" * 120_000}

    assert (await ana.http.post("/knowledge/documents", json=body)).status_code == 201


def over(fm: FaultMaven, error: Exception) -> ASGIApp:
    """The application with a case room whose store raises."""
    cases = evolve(fm.cases, transactions=Refusing(error))
    return create_app(evolve(fm, services={**fm.services, CaseService: cases}))


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (Unavailable(), 503, {"retry-after": "5"}),
        (StorageFull(), 507, {}),
        (Misconfigured(), 503, {"retry-after": "60"}),
        (Forbidden(), 403, {}),
        (Conflict(), 409, {"x-error-code": "CONFLICT"}),
        (RateLimited(retry_after=7), 429, {"retry-after": "7"}),
        (FaultMavenError("It cannot be."), 500, {}),
    ],
)
async def test_each_error_has_its_status(
    sign_in: SignIn,
    fm: FaultMaven,
    caplog: pytest.LogCaptureFixture,
    error: FaultMavenError,
    status: int,
    headers: dict[str, str],
) -> None:
    """The domain's errors keep their code and their words; what helps the caller to react is in a header."""
    ana = await sign_in("ana", into=over(fm, error), held=False)

    answer = await ana.http.post("/cases", json={})

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == error.code
    assert answer.json()["detail"] == answer.json()["error"]["message"] == error.message
    assert {name: answer.headers[name] for name in headers} == headers
    assert status < 500 or any(error.message in record.getMessage() for record in caplog.records)
    assert answer.json().get("retry_after") == (int(headers["retry-after"]) if "retry-after" in headers else None)


async def test_our_own_fault_is_told_as_nothing_but_an_id(
    sign_in: SignIn, fm: FaultMaven, caplog: pytest.LogCaptureFixture
) -> None:
    """500 gives the id under which the log tells everything, and nothing else."""
    ana = await sign_in("ana", into=over(fm, RuntimeError("password=hunter2")))

    answer = await ana.http.post("/cases", json={}, headers={"X-Request-ID": "given-1"})

    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
    assert answer.json()["error"]["details"] == {"request_id": "given-1"}
    assert "hunter2" not in answer.text
    logged = next(record for record in caplog.records if record.exc_info and "given-1" in record.getMessage())
    assert logged.levelno == logging.ERROR


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "ümlaut".encode().decode("latin-1"), "a\tb"])
async def test_a_request_is_given_an_id(anyone: AsyncClient, given: str) -> None:
    """A caller's own id is kept where it is a plain word; else the request gets one."""
    answer = await anyone.get("/meta/capabilities", headers={b"X-Request-ID": given.encode("latin-1")})

    assert answer.headers["x-request-id"].startswith("req_")


async def test_each_request_leaves_a_line(anyone: AsyncClient, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    """Method, path and status, without the query and on one line whatever the path holds."""
    caplog.set_level(logging.INFO, logger="faultmaven.access")

    await anyone.get("/nothing%0Ahere?token=hunter2", headers={"X-Request-ID": "given-2"})

    (line,) = [record.getMessage() for record in caplog.records if record.name == "faultmaven.access"]
    assert line.startswith(f"GET {prefix}/nothing%0Ahere 404 ")
    assert line.endswith("given-2")
    assert "hunter2" not in line


@pytest.mark.parametrize("name", ["x" * 201, "a%00b", "..%2F..%2Fsecret"])
async def test_what_no_id_looks_like_is_not_found(ana: Someone, name: str) -> None:
    """None of these is an id, so no use-case and no database is asked for it."""
    for path in (f"/cases/{name}", f"/evidence/{name}", f"/jobs/{name}", f"/knowledge/documents/{name}"):
        answer = await ana.http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


async def test_answers_are_not_kept_by_anyone(ana: Someone) -> None:
    """What is one user's is in no cache between."""
    answer = await ana.http.get("/auth/me")

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_an_answer_that_broke_off_is_no_answer() -> None:
    """What fails after the answer began is raised, for the server to break the connection."""

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("broke off")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError, match="broke off"):
        await Failures(half)({"type": "http", "state": {"request_id": "req_1"}}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
