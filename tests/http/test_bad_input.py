"""What strangers send, on every route that takes it: refused by the field's name, and nothing that is there is lost."""

import asyncio
import json
from typing import Any

import pytest
from attrs import fields
from httpx2 import AsyncClient, Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import OPERATIONS
from faultmaven_http.operation import Operation
from tests.http.conftest import Clients, Someone
from tests.http.turns import settled

pytestmark = pytest.mark.parametrize("prefix", ["/v1"])
LOG = b"2026-03-14 12:00:00 ERROR pool exhausted\n" * 40
#: OAuth's own have errors of another shape, which ``test_oauth_routes.py`` is about.
JSON_OPERATIONS = [operation for operation in OPERATIONS if operation.json is not None and not operation.oauth]
NAMED_OPERATIONS = [operation for operation in OPERATIONS if operation.path_names]
LISTS = [operation for operation in OPERATIONS if operation.query is not None and operation.reads_principal]
AS_JSON = {"Content-Type": "application/json"}


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def filled(operation: Operation, name: str = "x") -> str:
    return operation.path.replace(":path", "").format(**dict.fromkeys(operation.path_names, name))


def refusal(answer: Response) -> dict[str, Any]:
    """The one shape of every error, checked."""
    body = answer.json()
    assert isinstance(body["detail"], str)
    assert body["detail"] == body["error"]["message"]
    assert body["error"]["message"].endswith(".")
    error: dict[str, Any] = body["error"]
    return error


@pytest.fixture
async def case_id(ana: Someone, fm: FaultMaven) -> str:
    """A case with a turn and a log in it."""
    found = (await ana.case())["case_id"]
    files = {"file": ("pool.log", LOG)}
    assert (await ana.http.post("/evidence", data={"case_id": found}, files=files)).status_code == 201
    await ana.http.post("/agent/chat", json={"case_id": found, "message": "Why?"})
    await settled(fm)
    return str(found)


async def whole(ana: Someone, case_id: str) -> list[Any]:
    """All that is there of Ana's."""
    paths = (f"/cases/{case_id}", f"/cases/{case_id}/messages", f"/evidence/case/{case_id}", "/knowledge/documents")
    return [(await ana.http.get(path)).json() for path in paths]


HOSTILE_JSON = {
    "deep array": b"[" * 1_000_000,
    "deep object": b'{"a":' * 200_000,
    "deep in a field": b'{"metadata": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    "cut": b'{"title": "a',
    "array": b"[]",
    "word": b'"title"',
    "number": b"7",
    "null": b"null",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "beyond a float": b'{"a": 1e999}',
    "many digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": "b"}'.encode("utf-16"),
    "half a pair": b'{"a": "\\udfff"}',
    "half a pair in a name": b'{"\\ud800": 1}',
    "NUL": b'{"a": "\\u0000"}',
    "control": b'{"a": "\n"}',
    "two values": b"{} {}",
    "comma": b'{"a": 1,}',
    "comment": b"{} // all",
}


@pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=named)
async def test_no_json_is_taken_that_is_none(ana: Someone, case_id: str, invalid: int, operation: Operation) -> None:
    """On every route with a body: the caller's mistake, whoever wrote it, and nothing has changed."""
    before = await whole(ana, case_id)
    for name, body in HOSTILE_JSON.items():
        answer = await ana.http.request(operation.method, filled(operation), content=body, headers=AS_JSON)
        if len(body) > 128 * 1024 and not operation.needs_principal:
            assert (name, answer.status_code, refusal(answer)["code"]) == (name, 413, "PAYLOAD_TOO_LARGE")
        else:
            assert (name, answer.status_code, refusal(answer)["code"]) == (name, invalid, "VALIDATION_ERROR")

    assert await whole(ana, case_id) == before


WRONG: tuple[Any, ...] = (7, -1.5, True, [], [1], {}, {"a": []}, 10**400, [[]], [{"a": 1}])


@pytest.mark.parametrize("operation", JSON_OPERATIONS, ids=named)
async def test_a_field_of_a_wrong_type_is_named(
    ana: Someone, fm: FaultMaven, case_id: str, invalid: int, operation: Operation
) -> None:
    """Whatever stands in a field: either it is taken, or it is refused with its name, or there is no such object."""
    assert operation.json is not None
    for field in fields(operation.json):
        for value in (*WRONG, "x\ty" * (10_000 if operation.large else 1_000_000)):
            body = {field.name: value}
            answer = await ana.http.request(operation.method, filled(operation), json=body)
            assert answer.status_code in {200, 201, 202, 401, 404, 409, 413, invalid}, (body, answer.text)
            if answer.status_code == invalid:
                known = {f.name for f in fields(operation.json)}
                assert refusal(answer)["details"]["field"].split("[")[0].split(".")[0] in known
    await settled(fm)


async def test_the_last_of_two_values_counts(ana: Someone) -> None:
    """A name that stands twice in an object has one value, and all who read it have the same."""
    body = b'{"title": "first", "priority": "high", "title": "second"}'
    answer = await ana.http.post("/cases", content=body, headers=AS_JSON)

    assert (answer.status_code, answer.json()["title"]) == (201, "second")


async def test_a_title_of_ten_megabytes_is_too_large(ana: Someone, invalid: int) -> None:
    """What is too large for its route is 413 before it is read, what is too long for its field named."""
    huge = await ana.http.post("/cases", json={"title": "x" * 10_000_000})
    long = await ana.http.post("/cases", json={"title": "x" * 201})

    assert (huge.status_code, refusal(huge)["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert (long.status_code, refusal(long)["details"]) == (invalid, {"field": "title"})


@pytest.mark.parametrize(
    "metadata",
    ["[" * 1_000_000, '{"a":' * 150_000, "{", "[]", "NaN", '{"a": NaN}', '{"a": "\\ud800"}', '{"a": 1e999}', "7", "\0"],
    ids=range(10),
)
async def test_a_forms_object_is_an_object(ana: Someone, fm: FaultMaven, invalid: int, metadata: str) -> None:
    """A field of a form that holds JSON is held to the same, by its name, and no file stays behind."""
    files = {"file": ("runbook.md", b"# Pool\n")}
    answer = await ana.http.post("/knowledge/documents", data={"metadata": metadata}, files=files)

    assert (answer.status_code, refusal(answer)["details"]["field"]) == (invalid, "metadata")
    assert await fm.files.keys("knowledge/", older_than=fm.clock.now()) == []


NOBODYS = [
    "case_none",
    "x" * 200,
    "x" * 10_000,
    "a%00b",
    "%00",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%2Fetc%2Fpasswd",
    "a%5Cb",
    "%0d%0aX-Evil:%201",
    "%ff%fe",
    "%ed%a0%80",
    "%F0%9F%92%A9",
    "'%20OR%201=1--",
    "*",
    "-1",
    "null",
    "a;b",
    "{case_id}",
]


def sent_to(operation: Operation) -> dict[str, Any]:
    """A body or a form that nothing is wrong with."""
    if operation.form is not None and operation.json is None:
        name = "files" if operation.path.endswith("/turns") else "file"
        return {"data": {"query": "Why?"}, "files": {name: ("a.log", LOG)}}
    bodies: dict[str, dict[str, object]] = {
        "status": {"status": "closed"},
        "queries": {"message": "Why?"},
        "reports": {"report_types": ["incident_report"]},
    }
    return {"json": bodies.get(operation.path.rpartition("/")[2], {})}


@pytest.mark.parametrize("operation", NAMED_OPERATIONS, ids=named)
async def test_what_nobody_made_is_not_found(ana: Someone, case_id: str, operation: Operation) -> None:
    """An id of any length and of any letters is 404 on every route, in the one shape, and nothing has changed."""
    before = await whole(ana, case_id)
    for name in NOBODYS:
        address = filled(operation, name) + ("?expires=1&signature=x" if operation.path.startswith("/files") else "")
        answer = await ana.http.request(operation.method, address, **sent_to(operation))
        allowed = (
            {403, 404} if operation.path.startswith("/files") else {404, 405}
        )  # by another method of what is above
        assert answer.status_code in allowed, (name, answer.text)
        refusal(answer)

    assert await whole(ana, case_id) == before


@pytest.mark.parametrize("nobodys", ["case_none", "x" * 10_000, "a\0b", "../../etc/passwd", "", " ", "\ud7ff", "💩"])
async def test_a_case_nobody_opened_takes_nothing(
    ana: Someone, fm: FaultMaven, case_id: str, invalid: int, nobodys: str
) -> None:
    """Where a case is named in a body, a form or a query it is 404 too, or named where it cannot be one."""
    before = await whole(ana, case_id)
    files = {"file": ("a.log", LOG)}
    answers = [
        await ana.http.post("/agent/chat", json={"case_id": nobodys, "message": "Why?"}),
        await ana.http.post("/evidence", data={"case_id": nobodys}, files=files),
        *([await ana.http.get("/evidence", params={"case_id": nobodys})] if nobodys else ()),
    ]

    for answer in answers:
        assert answer.status_code in {404, invalid}, answer.text
        if answer.status_code == invalid:
            assert refusal(answer)["details"]["field"] == "case_id"
    assert await whole(ana, case_id) == before
    assert len(await fm.files.keys("evidence/", older_than=fm.clock.now())) == 2  # the log and its text


WINDOWS = ["-1", "0", "101", "1001", "9" * 18, "9" * 400, "1e3", "0x10", "1.5", "NaN", "٣", "null", "1,2", "%00", "[]"]


@pytest.mark.parametrize("operation", LISTS, ids=named)
async def test_a_page_is_of_a_size_that_can_be(ana: Someone, case_id: str, invalid: int, operation: Operation) -> None:
    """A window that is none is refused by its name on every list."""
    assert operation.query is not None
    names = {field.name for field in fields(operation.query)}
    address = filled(operation, case_id)
    for name in sorted(names & {"limit", "offset", "page", "page_size"}):
        for value in WINDOWS:
            answer = await ana.http.get(f"{address}?{name}={value}")
            if answer.status_code != 200:
                assert (answer.status_code, refusal(answer)["details"]["field"]) == (invalid, name), (name, value)
                continue
            largest = 1000 if operation.path in {"/cases/{case_id}/messages", "/jobs"} else 100
            number = int(value)
            assert number >= (0 if name == "offset" else 1)
            assert name in {"offset", "page"} or number <= largest


GARBAGE = [
    "",
    "Bearer",
    "Bearer ",
    "bearer x",
    "Basic YW5hOnB3",
    "Bearer a.b.c",
    "Bearer " + "a" * 1_000_000,
    "Bearer " + "." * 10_000,
    "Bearer a b",
    "Bearer null",
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfMSJ9.",
    "Bearer {}",
    "Digest username=ana",
    "token",
    "Bearer \u00ff\u00fe",
    ", , ,",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_what_is_no_token_opens_nothing(ana: Someone, garbage: str) -> None:
    """401 with a sentence, whatever stands in the header, and the right token is as good as before."""
    headers = {b"Authorization": garbage.encode("latin-1")}
    for path in ("/cases", "/auth/me", "/jobs"):
        answer = await ana.http.get(path, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert refusal(answer)["code"] in {"UNAUTHORIZED", "INVALID_TOKEN"}

    assert (await ana.http.get("/cases")).status_code == 200


async def test_tokens_are_not_exchangeable(ana: Someone) -> None:
    """A refresh token opens nothing, an access token refreshes nothing."""
    headers = {"Authorization": f"Bearer {ana.tokens['refresh_token']}"}
    opened = await ana.http.get("/cases", headers=headers)
    refreshed = await ana.http.post("/auth/refresh", json={"refresh_token": ana.tokens["access_token"]})

    assert (opened.status_code, refreshed.status_code) == (401, 401)
    refusal(opened)
    refusal(refreshed)


@pytest.mark.parametrize(
    "twins",
    [
        ("ana@example.org", "ANA@EXAMPLE.ORG", "Ana@Example.Org", " ana@example.org "),
        ("jos\u00e9@example.org", "jose\u0301@example.org", "JOS\u00c9@example.org"),
        (
            "ana@example.org",
            "\uff41na@example.org",
            "\uff21NA@EXAMPLE.ORG",
            "\u212ana@example.org".replace("\u212a", "a"),
        ),
        ("kate@example.org", "\u212aate@example.org"),
        ("\ufb01ona@example.org", "fiona@example.org"),
    ],
    ids=["case", "accents", "width", "kelvin", "ligature"],
)
async def test_twins_are_one_account(anyone: AsyncClient, twins: tuple[str, ...]) -> None:
    """Asked for at once, however its letters are typed: one account is opened and the others are conflicts."""
    accounts = [{"email": email, "password": "correct horse"} for email in twins * 2]
    answers = await asyncio.gather(*(anyone.post("/auth/register", json=account) for account in accounts))

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * (len(accounts) - 1)]
    assert all(refusal(answer)["code"] == "ALREADY_EXISTS" for answer in answers if answer.status_code == 409)
    for account in accounts:
        assert (await anyone.post("/auth/login", json=account)).status_code == 200


async def test_of_two_changes_at_once_one_wins(ana: Someone, case_id: str) -> None:
    """A case goes one way: each other change is a conflict that says so, and the case is where the first put it."""
    path = f"/cases/{case_id}/status"
    assert (await ana.http.post(path, json={"status": "investigating"})).status_code == 200
    version = (await ana.http.get(f"/cases/{case_id}")).json()["version"]
    wishes = ["resolved", "closed"] * 5
    bodies = [{"status": status, "expected_version": version} for status in wishes]

    answers = await asyncio.gather(*(ana.http.post(path, json=body) for body in bodies))

    won = [status for status, answer in zip(wishes, answers, strict=True) if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert len(won) == 1
    assert {(answer.status_code, refusal(answer)["code"]) for answer in lost} <= {
        (409, "CASE_VERSION_CONFLICT"),
        (409, "INVALID_TRANSITION"),
    }
    case = (await ana.http.get(f"/cases/{case_id}")).json()
    assert (case["status"], case["version"]) == (won[0], version + 1)


async def test_changes_without_a_version_end_in_one_legal_status(ana: Someone, fm: FaultMaven, case_id: str) -> None:
    """Whoever comes second finds the case ended: one post-mortem is written, and no step is undone."""
    path = f"/cases/{case_id}/status"
    wishes = ["investigating", "closed", "resolved"] * 4
    answers = await asyncio.gather(*(ana.http.post(path, json={"status": status}) for status in wishes))
    await settled(fm)

    assert {answer.status_code for answer in answers} <= {200, 409}
    case = (await ana.http.get(f"/cases/{case_id}")).json()
    reports = (await ana.http.get(f"/cases/{case_id}/reports")).json()["reports"]
    assert case["status"] in {"resolved", "closed"}
    assert len(reports) == 1


async def test_turns_at_once_are_all_answered(ana: Someone, fm: FaultMaven) -> None:
    """Each has a number of its own, none is left out, and the conversation holds every question and its answer."""
    case_id = (await ana.case())["case_id"]
    questions = [f"Question {n}?" for n in range(12)]
    asked = await asyncio.gather(
        *(ana.http.post("/agent/chat", json={"case_id": case_id, "message": question}) for question in questions)
    )
    await settled(fm)

    assert {answer.status_code for answer in asked} == {202}
    polled = [(await ana.http.get(f"/agent/chat/{answer.json()['job_id']}")).json() for answer in asked]
    assert {turn["status"] for turn in polled} == {"completed"}
    messages = (await ana.http.get(f"/cases/{case_id}/messages", params={"limit": 100})).json()["messages"]
    numbers = [message["turn_number"] for message in messages if message["role"] == "user"]
    assert sorted(numbers) == list(range(1, len(questions) + 1))
    assert sorted(message["content"] for message in messages if message["role"] == "user") == sorted(questions)
    assert sorted(m["turn_number"] for m in messages if m["role"] != "user") == sorted(numbers)


async def test_a_turn_on_a_case_that_ends_meanwhile_is_answered_or_refused(ana: Someone, fm: FaultMaven) -> None:
    """Acknowledged before it ended, it is answered; asked after, it is a conflict; and neither is forgotten."""
    case_id = (await ana.case())["case_id"]
    body = {"case_id": case_id, "message": "Why?"}
    asked, closed, late = await asyncio.gather(
        ana.http.post("/agent/chat", json=body),
        ana.http.post(f"/cases/{case_id}/close"),
        ana.http.post("/agent/chat", json=body),
    )
    await settled(fm)

    assert closed.status_code == 200
    for answer in (asked, late):
        assert answer.status_code in {202, 409}, answer.text
        if answer.status_code == 409:
            assert refusal(answer)["code"] == "CASE_CLOSED"
        else:
            turn = (await ana.http.get(f"/agent/chat/{answer.json()['job_id']}")).json()
            assert turn["status"] == "completed"
    assert (await ana.http.post("/agent/chat", json=body)).status_code == 409


async def test_a_turn_on_a_case_that_is_deleted_meanwhile_ends(ana: Someone, fm: FaultMaven) -> None:
    """Its job comes to an end, whichever; the case stays deleted, and the next one is asked about as ever."""
    case_id = (await ana.case())["case_id"]
    body = {"case_id": case_id, "message": "Why?"}
    asked, gone = await asyncio.gather(ana.http.post("/agent/chat", json=body), ana.http.delete(f"/cases/{case_id}"))
    await settled(fm)

    assert gone.status_code == 204
    assert asked.status_code in {202, 404}
    assert (await ana.http.get(f"/cases/{case_id}")).status_code == 404
    assert (await ana.http.post("/agent/chat", json=body)).status_code == 404
    jobs = (await ana.http.get("/jobs")).json()["jobs"]
    assert {job["status"] for job in jobs} <= {"completed", "failed", "cancelled"}
    other = (await ana.case())["case_id"]
    assert (await ana.http.post("/agent/chat", json={"case_id": other, "message": "Why?"})).status_code == 202
    await settled(fm)


NAMES = {
    "../../etc/passwd": "passwd",
    "/etc/passwd": "passwd",
    "..\\..\\boot.log": "boot.log",
    "C:\\Windows\\system.log": "system.log",
    "a\u202egol.log": "agol.log",
    "a\u200bb.log": "ab.log",
    "CON.log": "CON.log",
    "aux.txt": "aux.txt",
    'a"b;c.log': 'a"b;c.log',
    "über.log": "über.log",
    " spaced .log ": "spaced .log",
    "-rf.log": "-rf.log",
    "~root.log": "~root.log",
    "$(reboot).log": "$(reboot).log",
    "%2e%2e%2fa.log": "%2e%2e%2fa.log",
    ".env": ".env",
}
NO_NAMES = ["", " ", ".", "..", "...", "/", "a/", "\\", "x" * 5_000 + ".log", "\u202e", "../..", "é" * 128 + ".log"]


def form(name: bytes, **values: str) -> tuple[bytes, dict[str, str]]:
    """A form by hand, as no library writes it."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in values.items()
    ]
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
    return b"".join([*parts, head, LOG, b"\r\n--x--\r\n"]), {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_leads_nowhere(ana: Someone, fm: FaultMaven, case_id: str, name: str) -> None:
    """Whatever a file calls itself, it is kept under a name of ours, shown by a plain one, and given back as that."""
    files = {"file": (name, LOG)}
    added = await ana.http.post("/evidence", data={"case_id": case_id}, files=files)
    taught = await ana.http.post("/knowledge/documents", files=files)
    await settled(fm)

    assert (added.status_code, taught.status_code) == (201, 202), (added.text, taught.text)
    assert added.json()["filename"] == NAMES[name]
    down = await ana.http.get(f"/evidence/{added.json()['evidence_id']}", headers={"Accept": "*/*"})
    assert "\n" not in down.headers.get("content-disposition", "")
    for key in await fm.files.keys("", older_than=fm.clock.now()):
        room, _, rest = key.partition("/")
        assert room in {"evidence", "knowledge"}
        assert rest.removesuffix(".txt").replace("_", "").isalnum()


@pytest.mark.parametrize("name", NO_NAMES, ids=range(len(NO_NAMES)))
async def test_what_is_no_name_is_refused(ana: Someone, fm: FaultMaven, case_id: str, invalid: int, name: str) -> None:
    """A file without a name, or with one no system could keep, is refused as the file it is."""
    before = await whole(ana, case_id)
    body, headers = form(name.encode(), case_id=case_id)
    added = await ana.http.post("/evidence", content=body, headers=headers)

    assert added.status_code == invalid, added.text
    assert refusal(added)["details"].get("field") == "file" or "form cannot be read" in refusal(added)["message"]
    assert await whole(ana, case_id) == before
    assert len(await fm.files.keys("evidence/", older_than=fm.clock.now())) == 2


@pytest.mark.parametrize(
    "name",
    [
        b'a.log"\r\nX-Evil: 1\r\nx: "',
        b"a\r\n\r\nb.log",
        b"\xff\xfe.log",
        b"a\0b.log",
        b'a\\".log',
        b"a\rb.log",
        b'";x="',
    ],
)
async def test_a_header_inside_a_name_is_no_header(ana: Someone, case_id: str, invalid: int, name: bytes) -> None:
    """However a name breaks its line, nothing of it becomes a header, here or in the download."""
    body, headers = form(name, case_id=case_id)
    added = await ana.http.post("/evidence", content=body, headers=headers)

    assert added.status_code in {201, invalid, 415}, added.text
    assert "x-evil" not in added.headers
    if added.status_code == 201:
        path = f"/evidence/{added.json()['evidence_id']}"
        down = await ana.http.get(path, headers={"Accept": "application/octet-stream"})
        assert "x-evil" not in down.headers
        assert down.status_code == 200


@pytest.mark.parametrize("path", ["/evidence", "/evidence/upload", "/knowledge/documents"])
async def test_an_empty_file_is_refused_by_its_field(
    ana: Someone, fm: FaultMaven, case_id: str, invalid: int, path: str
) -> None:
    """No bytes are no evidence and no document; what was there before is there."""
    before = await whole(ana, case_id)
    answer = await ana.http.post(path, data={"case_id": case_id}, files={"file": ("empty.log", b"")})

    assert (answer.status_code, refusal(answer)["details"]["field"]) == (invalid, "file")
    assert refusal(answer)["message"] == "The file is empty."
    assert await whole(ana, case_id) == before
    assert await fm.files.keys("knowledge/", older_than=fm.clock.now()) == []


@pytest.mark.parametrize("path", ["/evidence", "/knowledge/documents"])
async def test_a_form_without_its_file_names_it(ana: Someone, case_id: str, invalid: int, path: str) -> None:
    """A text where the file should be, or nothing, is said of that field."""
    body, headers = form(b"a.log", case_id=case_id)
    nameless = body.replace(b'; filename="a.log"', b"")
    for content in (nameless, body.replace(b'name="file"', b'name="other"')):
        answer = await ana.http.post(path, content=content, headers=headers)
        assert (answer.status_code, refusal(answer)["details"]["field"]) == (invalid, "file")


async def test_a_form_of_very_many_parts_is_refused(ana: Someone, case_id: str, invalid: int) -> None:
    """Fields and files are counted before they are kept."""
    many = {f"field{n}": "x" for n in range(60)}
    body, headers = form(b"a.log", case_id=case_id, **many)
    answer = await ana.http.post("/evidence", content=body, headers=headers)
    twice = await ana.http.post("/evidence", data={"case_id": case_id}, files=[("file", ("a.log", LOG))] * 2)

    assert (answer.status_code, twice.status_code) == (invalid, invalid)
    refusal(answer)
    refusal(twice)


@pytest.mark.parametrize(
    "charset", ["punycode", '"punycode"', "undefined", "unicode_escape", "utf-16", "idna", "utf-8; charset=punycode"]
)
async def test_a_form_is_in_utf_8(ana: Someone, case_id: str, charset: str) -> None:
    """What else Python can decode is refused by its name, unread: some of it would hold the server up for an hour."""
    part = b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nWhy?\r\n--x--\r\n'

    def sent(said: str) -> Any:
        headers = {"Content-Type": f"multipart/form-data; {said}"}
        return ana.http.post(f"/cases/{case_id}/turns", content=part, headers=headers)

    for said in (f"boundary=x; charset={charset}", f"charset={charset}; boundary=x"):
        answer = await sent(said)
        assert (answer.status_code, refusal(answer)["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert (await sent("boundary=x; charset=UTF-8")).status_code == 200
    assert (await sent('charset="utf-8"; boundary=x')).status_code == 200


async def test_a_forms_object_is_not_read_beyond_its_size(ana: Someone, case_id: str, invalid: int) -> None:
    """Pasted text may be large, a click's meaning not; spaces and escapes count for little."""
    path, fine = f"/cases/{case_id}/turns", {"a": "é" * 10_000, "b": " "}
    spaced = json.dumps(fine, indent=40, ensure_ascii=True)

    for text in ('{"a": "' + "x" * 500_000 + '"}', "{" + " " * 500_000 + "}", "[" * 500_000):
        answer = await ana.http.post(path, data={"query": "Why?", "intent_data": text})
        assert (answer.status_code, refusal(answer)["details"]) == (invalid, {"field": "intent_data"})
        assert refusal(answer)["message"] == "intent_data must not be larger than 64 KiB."
    assert (await ana.http.post(path, data={"query": "Why?", "intent_data": spaced})).status_code == 200


async def test_a_flood_of_headers_changes_nothing(ana: Someone) -> None:
    """Hundreds of headers that mean nothing are read over; those that mean something are read once."""
    flood = [(f"X-Flood-{n}", "x" * 50) for n in range(500)]
    answer = await ana.http.get("/cases", headers=[*flood, ("X-Request-ID", "given"), ("X-Request-ID", "other")])

    assert answer.status_code == 200


async def test_a_length_that_is_a_lie_is_no_danger(clients: Clients, ana: Someone, invalid: int) -> None:
    """A declared length that is no number, or not the body's, is not believed."""
    for length in ("-1", "1e3", "x", "٣", "9" * 400):
        headers = {b"Content-Type": b"application/json", b"Content-Length": length.encode()}
        answer = await ana.http.post("/cases", content=json.dumps({"title": "A"}).encode(), headers=headers)
        assert answer.status_code in {201, 413, invalid}, length
