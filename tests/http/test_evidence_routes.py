import hashlib
from typing import Any

import pytest
from attrs import evolve

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.evidence import EvidenceService
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_http.app import create_app
from tests.http.conftest import SignIn, Someone
from tests.http.refusing import Refusing
from tests.http.turns import settled

LOG = b"2026-03-14 12:00:00 ERROR pool exhausted\n" * 40


async def uploaded(who: Someone, case_id: str, name: str = "pool.log", data: bytes = LOG, **form: str) -> Any:
    file = {"file": (name, data, "text/plain")}
    return await who.http.post("/evidence/upload", data={"case_id": case_id, **form}, files=file)


@pytest.mark.parametrize("path", ["/evidence/upload", "/evidence"])
async def test_a_file_is_uploaded(ana: Someone, path: str) -> None:
    """201 with the whole record, at either address."""
    case = await ana.case()
    form = {"case_id": case["case_id"], "description": "From the pool."}

    answer = await ana.http.post(path, data=form, files={"file": ("pool.log", LOG, "text/plain; charset=utf-8")})

    record = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/evidence/{record['evidence_id']}")
    assert (record["filename"], record["file_size"], record["file_type"]) == ("pool.log", len(LOG), "text/plain")
    assert (record["evidence_type"], record["description"], record["status"]) == ("log", "From the pool.", "processing")
    assert record["sha256"] == hashlib.sha256(LOG).hexdigest()
    assert record["owner_id"] == record["user_id"] == ana.principal.user_id


async def test_what_was_read_is_told(ana: Someone, fm: FaultMaven) -> None:
    """Once its job is done a log's record says that it is one, and how long."""
    case = await ana.case()
    evidence_id = (await uploaded(ana, case["case_id"])).json()["evidence_id"]
    await settled(fm)

    record = (await ana.http.get(f"/evidence/{evidence_id}/metadata")).json()

    assert (record["status"], record["kind"], record["line_count"]) == ("ready", "log", 40)


async def test_each_dialect_gives_its_own(ana: Someone, prefix: str) -> None:
    """A file's address gives its bytes under one prefix, its record under the other and to who asks for JSON."""
    case = await ana.case()
    record = (await uploaded(ana, case["case_id"])).json()
    path = f"/evidence/{record['evidence_id']}"

    answer = await ana.http.get(path)
    as_json = await ana.http.get(path, headers={"Accept": "application/json"})

    assert as_json.json()["evidence_id"] == record["evidence_id"]
    if prefix == "/api/v1":
        assert answer.json() == as_json.json()
    else:
        assert answer.content == LOG
        assert answer.headers["content-length"] == str(len(LOG))
        assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("prefix", ["/v1"])
@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ('evil".html', "evil_.html"),
        ("snörkel.log", "sn_rkel.log"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/etc/passwd.log", "passwd.log"),
    ],
)
async def test_a_download_is_never_shown(ana: Someone, name: str, plain: str) -> None:
    """Whatever it is called: saved under a safe name, not sniffed, not run."""
    case = await ana.case()
    file = {"file": (name, b"<script>alert(1)</script>", "text/html")}
    record = await ana.http.post("/evidence", data={"case_id": case["case_id"]}, files=file)
    assert record.status_code == 201, record.text

    answer = await ana.http.get(f"/evidence/{record.json()['evidence_id']}")

    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename=")
    assert plain in disposition
    assert "\\" not in disposition
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize("media_type", ["text/html\r\nx: y", "nonsense", "", "a/" + "b" * 500])
async def test_a_strange_content_type_is_just_bytes(ana: Someone, media_type: str) -> None:
    """What an uploader claims is kept only where it looks like a media type."""
    case = await ana.case()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="case_id"\r\n\r\n'
        + case["case_id"].encode()
        + b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a.log"\r\nContent-Type: '
        + media_type.encode()
        + b"\r\n\r\nline\r\n--x--\r\n"
    )

    answer = await ana.http.post("/evidence", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.status_code == 201, answer.text
    assert answer.json()["file_type"] in {"application/octet-stream", "text/html"}


async def test_evidence_is_listed_newest_first(ana: Someone) -> None:
    """All of the caller's, or one case's at either address, in pages."""
    one, other = (await ana.case())["case_id"], (await ana.case())["case_id"]
    made = [(await uploaded(ana, one, f"{n}.log")).json()["evidence_id"] for n in range(3)]
    elsewhere = (await uploaded(ana, other)).json()["evidence_id"]

    everything = (await ana.http.get("/evidence")).json()
    by_query = (await ana.http.get("/evidence", params={"case_id": one})).json()
    by_path = (await ana.http.get(f"/evidence/case/{one}")).json()
    page = (await ana.http.get(f"/evidence/case/{one}?page=2&page_size=2")).json()

    assert [e["evidence_id"] for e in everything["evidence"]] == [elsewhere, *reversed(made)]
    assert [e["evidence_id"] for e in by_query["evidence"]] == list(reversed(made))
    assert by_query == by_path
    assert [e["evidence_id"] for e in page["evidence"]] == [made[0]]
    assert (page["total"], page["total_pages"], page["page"]) == (3, 2, 2)


async def test_deleted_evidence_is_gone(ana: Someone, fm: FaultMaven) -> None:
    """Its record at once, its file soon after."""
    case = await ana.case()
    path = f"/evidence/{(await uploaded(ana, case['case_id'])).json()['evidence_id']}"
    await settled(fm)

    assert (await ana.http.delete(path)).status_code == 204
    await settled(fm)

    for method, rest in (("GET", ""), ("GET", "/metadata"), ("DELETE", "")):
        answer = await ana.http.request(method, path + rest)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "EVIDENCE_NOT_FOUND")
    assert await fm.files.keys("evidence/", older_than=fm.clock.now()) == []


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_file_that_was_lost_is_not_found(ana: Someone, fm: FaultMaven) -> None:
    """A record whose bytes are missing is 404 before any byte is sent."""
    case = await ana.case()
    record = (await uploaded(ana, case["case_id"])).json()
    stored = await fm.evidence.get(principal=ana.principal, evidence_id=record["evidence_id"])
    await fm.files.delete(stored.file_key)

    answer = await ana.http.get(f"/evidence/{record['evidence_id']}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "FILE_NOT_FOUND")


@pytest.mark.parametrize(
    ("field", "name", "data", "form"),
    [
        ("file", "empty.log", b"", {}),
        ("evidence_type", "a.log", b"x", {"evidence_type": "video"}),
        ("description", "a.log", b"x", {"description": "x" * 5_001}),
    ],
)
async def test_a_wrong_field_is_named(
    ana: Someone, fm: FaultMaven, invalid: int, field: str, name: str, data: bytes, form: dict[str, str]
) -> None:
    """What is wrong about an upload is named, and no file stays behind."""
    case = await ana.case()

    answer = await uploaded(ana, case["case_id"], name, data, **form)

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, field)
    assert await fm.files.keys("evidence/", older_than=fm.clock.now()) == []


async def test_an_upload_that_may_have_been_taken_over_is_kept(fm: FaultMaven, sign_in: SignIn) -> None:
    """Where nobody can tell whether the record was written, the file stays for the sweep to judge."""
    lost = evolve(fm.evidence, transactions=Refusing(Unavailable()))
    ana = await sign_in("ana", into=create_app(evolve(fm, services={**fm.services, EvidenceService: lost})))
    case = await ana.case()

    answer = await uploaded(ana, case["case_id"])

    assert answer.status_code == 503
    assert len(await fm.files.keys("evidence/", older_than=fm.clock.now())) == 1


@pytest.mark.parametrize("prefix", ["/v1"])
async def test_a_long_file_comes_down_as_it_went_up(ana: Someone) -> None:
    """In many pieces either way, and none is lost or doubled."""
    case = await ana.case()
    data = b"".join(b"line %d\n" % n for n in range(30_000))
    record = (await uploaded(ana, case["case_id"], data=data)).json()

    assert (await ana.http.get(f"/evidence/{record['evidence_id']}")).content == data
    assert record["sha256"] == hashlib.sha256(data).hexdigest()


async def test_a_kind_of_file_may_not_be_taken(ana: Someone, fm: FaultMaven) -> None:
    """415 with what is allowed, and no file stays behind."""
    case = await ana.case()

    answer = await uploaded(ana, case["case_id"], "tool.exe")

    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert ".log" in answer.json()["error"]["details"]["allowed"]
    assert await fm.files.keys("evidence/", older_than=fm.clock.now()) == []


async def test_an_ended_case_takes_no_evidence(ana: Someone) -> None:
    """409 without the header that would ask the caller to try again."""
    case = await ana.case()
    await ana.http.post(f"/cases/{case['case_id']}/close")

    answer = await uploaded(ana, case["case_id"])

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CASE_CLOSED")
    assert "x-error-code" not in answer.headers


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("application/json", b"{}"), ("application/x-www-form-urlencoded", b"case_id=1"), ("text/plain", b"x")],
)
async def test_an_upload_is_a_form(ana: Someone, content_type: str, body: bytes) -> None:
    """Any other content type is 415."""
    answer = await ana.http.post("/evidence/upload", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"not a form"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut',
        ),
    ],
)
async def test_a_broken_form_is_invalid(ana: Someone, invalid: int, content_type: str, body: bytes) -> None:
    """What cannot be read as a form is the caller's mistake, not ours."""
    answer = await ana.http.post("/evidence", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == invalid


async def test_a_file_at_the_limit_is_taken_and_one_byte_more_is_not(sign_in: SignIn, fm: FaultMaven) -> None:
    """The limit is the file's own size, in bytes."""
    small = evolve(fm, settings=evolve(fm.settings, max_upload_bytes=4_096))
    ana = await sign_in("ana", into=create_app(small))
    case = await ana.case()

    fits = await uploaded(ana, case["case_id"], data=b"x" * 4_096)
    more = await uploaded(ana, case["case_id"], data=b"x" * 4_097)

    assert (fits.status_code, more.status_code) == (201, 413)
    assert more.json()["error"]["details"] == {"field": "file", "limit": 4_096}
