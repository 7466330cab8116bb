import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from attrs import evolve
from httpx2 import Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import create_app
from tests.http.conftest import HOST, Clients, SignIn, Someone
from tests.http.turns import settled
from tests.http.watching import unworked

ASKED = "Why do checkouts fail?"
LOG = "".join(f"2026-03-14 12:00:{n:02} ERROR pool: timed out waiting for a connection\n" for n in range(30)).encode()
CONFIG = b"max_connections: 10\ntimeout: 30\n"
KEY = {"Idempotency-Key": "opt_msg_1700000000000_1"}


async def said(who: Someone, case_id: str, files: Any = None, /, **fields: Any) -> Response:
    """A turn as a form: multipart where there are files."""
    headers = fields.pop("headers", {})
    return await who.http.post(f"/cases/{case_id}/turns", data=fields, files=files, headers=headers)


async def kept(who: Someone, case_id: str) -> list[Any]:
    found: list[Any] = (await who.http.get(f"/evidence/case/{case_id}")).json()["evidence"]
    return found


async def messages(who: Someone, case_id: str) -> list[Any]:
    found: list[Any] = (await who.http.get(f"/cases/{case_id}/messages")).json()["messages"]
    return found


async def test_a_query_is_answered(ana: Someone, prefix: str) -> None:
    """It waits, and gives everything that either kind of caller needs to show it."""
    case_id = (await ana.case())["case_id"]

    answer = await ana.http.post(f"/cases/{case_id}/queries", json={"message": ASKED})

    turn = answer.json()
    assert answer.status_code == 200
    assert turn["content"] == turn["agent_response"] != ""
    assert (turn["response_type"], turn["session_id"], turn["turn_number"]) == ("ANSWER", case_id, 1)
    assert (turn["case_status"], turn["case_state"]) == ("consulting", "inquiry")
    assert turn["role"] == ("agent" if prefix == "/v1" else "assistant")
    assert (turn["attachments_processed"], turn["is_stuck"]) == ([], False)


async def test_every_way_of_asking_gives_the_same_value(ana: Someone, fm: FaultMaven) -> None:
    """Both forms, JSON, a job and a chat that waits write a turn with the same fields."""
    case_id = (await ana.case())["case_id"]
    body = {"case_id": case_id, "message": ASKED}

    answers = [
        await ana.http.post(f"/cases/{case_id}/queries", json={"message": ASKED}),
        await said(ana, case_id, query=ASKED),
        await said(ana, case_id, {"files": ("a.yaml", CONFIG)}, query=ASKED),
        await ana.http.post("/agent/chat", json=body, headers={"Prefer": "wait=30"}),
    ]
    job = await ana.http.post("/agent/chat", json=body)
    await settled(fm)
    polled = (await ana.http.get(job.headers["location"])).json()["result"]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [set(answer.json()) for answer in answers] == [set(polled)] * 4


async def test_a_session_is_told_by_its_header(ana: Someone) -> None:
    """The session a turn was asked in comes back with it."""
    case_id = (await ana.case())["case_id"]

    answer = await ana.http.post(
        f"/cases/{case_id}/queries", json={"message": ASKED}, headers={"X-Session-Id": "ses_gone"}
    )

    assert answer.json()["session_id"] == "ses_gone"


@pytest.mark.parametrize("route", ["queries", "turns"])
async def test_an_ended_case_takes_no_turn(ana: Someone, route: str) -> None:
    """The conflict carries no x-error-code: that is how its callers know that the case is closed."""
    case_id = (await ana.case())["case_id"]
    await ana.http.post(f"/cases/{case_id}/close")
    body: dict[str, Any] = {"json": {"message": ASKED}} if route == "queries" else {"data": {"query": ASKED}}

    answer = await ana.http.post(f"/cases/{case_id}/{route}", **body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CASE_CLOSED")
    assert "x-error-code" not in answer.headers


async def test_an_ended_case_keeps_no_file(ana: Someone, fm: FaultMaven) -> None:
    """What came with a turn that is refused is not stored."""
    case_id = (await ana.case())["case_id"]
    await ana.http.post(f"/cases/{case_id}/close")
    await settled(fm)

    answer = await said(ana, case_id, {"files": ("a.log", LOG)}, query=ASKED)

    assert answer.status_code == 409
    assert await fm.files.keys("evidence/", older_than=fm.clock.now()) == []


@pytest.mark.parametrize("route", ["queries", "turns", "data"])
async def test_an_unknown_case_is_not_found(ana: Someone, bob: Someone, route: str) -> None:
    """So is another user's, in the words that callers look for."""
    theirs = (await bob.case())["case_id"]
    bodies: dict[str, dict[str, Any]] = {
        "queries": {"json": {"message": ASKED}},
        "turns": {"data": {"query": ASKED}, "files": {"files": ("a.log", LOG)}},
        "data": {"files": {"file": ("a.log", LOG)}},
    }

    for case_id in ("case_none", theirs):
        answer = await ana.http.post(f"/cases/{case_id}/{route}", **bodies[route])
        assert (answer.status_code, answer.json()["detail"]) == (404, "Case not found.")


@pytest.mark.parametrize("encoding", ["multipart", "urlencoded"])
async def test_a_turn_may_come_in_either_encoding(ana: Someone, encoding: str) -> None:
    """A form without files is the same as multipart and urlencoded; what nobody knows is ignored."""
    case_id = (await ana.case())["case_id"]
    fields = {"query": "Why do “checkouts” fail? 50 % + more", "surprise": "1", "intent_type": "evidence_need"}
    body: dict[str, Any] = {"data": fields}
    if encoding == "multipart":
        body = {"files": {name: (None, value) for name, value in fields.items()}}

    answer = await ana.http.post(f"/cases/{case_id}/turns", **body)

    assert answer.status_code == 200, answer.text
    assert encoding in answer.request.headers["content-type"]
    assert (await messages(ana, case_id))[0]["content"] == fields["query"]


async def test_files_come_with_a_turn(ana: Someone) -> None:
    """Several of one name: each is evidence of the case, read before the turn is answered, and told of in its order."""
    case_id = (await ana.case())["case_id"]
    files = [("files", ("app.log", LOG, "text/plain")), ("files", ("db.yaml", CONFIG, "application/yaml"))]

    answer = await said(ana, case_id, files, query=ASKED, input_type="file", source_url="https://grafana.example/d/1")

    turn = answer.json()
    assert answer.status_code == 200
    log, config = turn["attachments_processed"]
    assert (log["filename"], log["file_size"], log["source_type"]) == ("app.log", len(LOG), "file_upload")
    assert [log["processing_status"], config["processing_status"]] == ["completed", "completed"]
    assert log["evidence_id"] == log["file_id"]
    assert log["summary"].startswith("A log of 30 lines, from 2026-03-14 12:00:00 to 2026-03-14 12:00:29.")
    assert "1 failing pattern in 30 records" in log["summary"]
    assert any(citation["source_id"] == log["evidence_id"] for citation in turn["citations"])
    records = {record["evidence_id"]: record for record in await kept(ana, case_id)}
    assert set(records) == {log["evidence_id"], config["evidence_id"]}
    assert records[log["evidence_id"]]["metadata"] == {
        "source_type": "file_upload",
        "source_url": "https://grafana.example/d/1",
        "turn_number": 1,
    }


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (["app.log"], "What does app.log show?"),
        (["a.log", "b.yaml", "c.txt"], "What do a.log, b.yaml and c.txt show?"),
    ],
)
async def test_files_alone_ask_what_they_show(ana: Someone, names: list[str], asked: str) -> None:
    """Without words the turn asks about the files by their names."""
    case_id = (await ana.case())["case_id"]

    answer = await said(ana, case_id, [("files", (name, LOG)) for name in names])

    assert answer.status_code == 200
    assert (await messages(ana, case_id))[0]["content"] == asked
    assert [file["filename"] for file in answer.json()["attachments_processed"]] == names


@pytest.mark.parametrize(
    ("fields", "name", "source"),
    [
        ({"pasted_content": LOG.decode()}, r"pasted-\d{8}-\d{6}\.txt", "text_paste"),
        ({"pasted_content": LOG.decode(), "input_type": "paste"}, r"pasted-\d{8}-\d{6}\.txt", "text_paste"),
        (
            {"pasted_content": "<!DOCTYPE html><p>502 Bad Gateway</p>", "input_type": "page_capture"},
            r"page-\d{8}-\d{6}\.html",
            "page_capture",
        ),
        (
            {"pasted_content": "502 Bad Gateway <nginx>", "input_type": "page_capture"},
            r"page-\d{8}-\d{6}\.txt",
            "page_capture",
        ),
    ],
)
async def test_what_was_pasted_is_kept(ana: Someone, fields: dict[str, str], name: str, source: str) -> None:
    """Pasted text and pages become files of the case, with where and when they were seen."""
    case_id = (await ana.case())["case_id"]
    seen = {"source_url": "https://shop.example/", "observed_at": "2026-03-14T12:00:00Z"}

    answer = await said(ana, case_id, query=ASKED, **fields, **seen)

    assert answer.status_code == 200, answer.text
    (file,) = answer.json()["attachments_processed"]
    assert file["source_type"] == source
    if file["filename"].endswith(".txt"):
        assert file["processing_status"] == "completed"
    else:  # nothing but plain text is read where all is in memory, and that is said
        assert (file["processing_status"], file["summary"][:22]) == ("failed", "It could not be read: ")
    (record,) = await kept(ana, case_id)
    assert re.fullmatch(name, record["filename"])
    assert record["metadata"] == {**seen, "source_type": source, "turn_number": 1}
    assert record["file_size"] == len(fields["pasted_content"].encode())


async def test_words_files_and_pasted_text_come_together(ana: Someone) -> None:
    """A turn takes all of them, and what the files are is not what the paste is."""
    case_id = (await ana.case())["case_id"]

    answer = await said(
        ana, case_id, {"files": ("app.log", LOG)}, query=ASKED, pasted_content="50x at noon", input_type="paste"
    )

    found = [(file["filename"][:6], file["source_type"]) for file in answer.json()["attachments_processed"]]
    assert found == [("app.lo", "file_upload"), ("pasted", "text_paste")]


@pytest.mark.parametrize(
    ("files", "field", "status", "named"),
    [
        ([("ok.log", LOG), ("setup.exe", b"MZ")], "files", 415, "setup.exe"),
        ([("ok.log", LOG), ("empty.log", b"")], "files", None, "empty.log"),
        ([("ok.log", LOG), ("...", b"x")], "files", None, None),
        ([(f"{n}.log", LOG) for n in range(11)], None, None, None),
    ],
)
async def test_one_bad_file_keeps_none_of_them(
    ana: Someone,
    fm: FaultMaven,
    invalid: int,
    files: list[tuple[str, bytes]],
    field: str | None,
    status: int | None,
    named: str | None,
) -> None:
    """What can be refused unread is refused before anything is stored, and the file is named."""
    case_id = (await ana.case())["case_id"]

    answer = await said(ana, case_id, [("files", file) for file in files], query=ASKED)

    assert answer.status_code == (status or invalid)
    details = answer.json()["error"]["details"]
    assert (details.get("field"), details.get("filename")) == (field, named)
    assert await kept(ana, case_id) == []
    assert await messages(ana, case_id) == []
    assert await fm.files.keys("evidence/", older_than=fm.clock.now()) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "query"),
        ({"query": " ", "pasted_content": "\n"}, "query"),
        ({"intent_type": "dance"}, "query"),
        ({"query": "x" * 50_001}, "query"),
        ({"query": ASKED, "intent_type": "status_transition", "intent_data": "{"}, "intent_data"),
        ({"query": ASKED, "intent_type": "status_transition", "intent_data": "[]"}, "intent_data"),
        ({"query": ASKED, "intent_type": "status_transition", "intent_data": '{"to_state": "open"}'}, "intent_data"),
        ({"query": ASKED, "source_url": "x" * 8_001}, "source_url"),
        ({"query": ASKED, "observed_at": "x" * 101}, "observed_at"),
        ({"query": ASKED, "files": "app.log"}, "files"),
    ],
)
async def test_a_wrong_field_of_a_turn_is_named(ana: Someone, invalid: int, fields: dict[str, str], field: str) -> None:
    """What is wrong about a turn is named in the details, and nothing was asked."""
    case_id = (await ana.case())["case_id"]

    answer = await said(ana, case_id, {"surprise": (None, "1")}, **fields)

    assert answer.status_code == invalid, answer.text
    assert answer.json()["error"]["details"]["field"] == field
    assert await messages(ana, case_id) == []


async def test_a_form_sent_with_no_file_chosen_has_none(ana: Someone) -> None:
    """A browser sends an empty part without a name then."""
    case_id = (await ana.case())["case_id"]
    body = (
        b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nWhy?\r\n--x\r\n'
        b'Content-Disposition: form-data; name="files"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n'
        b"\r\n--x--\r\n"
    )

    answer = await ana.http.post(
        f"/cases/{case_id}/turns", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert (answer.status_code, answer.json()["attachments_processed"]) == (200, [])


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", ""])
async def test_a_turn_is_a_form(ana: Someone, media_type: str) -> None:
    """Another content type is refused, and the message says which are taken."""
    case_id = (await ana.case())["case_id"]

    answer = await ana.http.post(f"/cases/{case_id}/turns", content=b"{}", headers={"Content-Type": media_type})

    assert answer.status_code == 415
    assert "multipart/form-data or application/x-www-form-urlencoded" in answer.json()["detail"]


@pytest.mark.parametrize("prefix", ["/api/v1"])
async def test_a_form_is_bounded(ana: Someone, sign_in: SignIn, with_settings: Any) -> None:
    """Each file, all of a form together, and a urlencoded one: what is larger is 413 and nothing is kept."""
    bob = await sign_in("bob", into=create_app(with_settings(max_upload_bytes=100_000)))
    case_id = (await bob.case())["case_id"]
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}

    one = await said(bob, case_id, [("files", ("a.log", b"x" * 100_001))], query=ASKED)
    whole = await said(
        bob, case_id, [("files", (f"{n}.log", b"x" * 100_000)) for n in range(10)], pasted_content="x" * 200_000
    )
    plain = await ana.http.post(
        f"/cases/{(await ana.case())['case_id']}/turns",
        content=urlencode({"pasted_content": "x" * 3_000_000}),
        headers=urlencoded,
    )

    text = await said(ana, case_id, {"pasted_content": (None, "x" * 11_000_000)})

    assert [answer.status_code for answer in (one, whole, plain, text)] == [413] * 4
    assert one.json()["error"]["details"]["field"] == "files"
    assert await kept(bob, case_id) == []


async def test_a_form_that_was_cut_short_is_refused(ana: Someone, invalid: int) -> None:
    """A multipart form without its last line is not taken for a whole one."""
    case_id = (await ana.case())["case_id"]
    body = b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nWhy?\r\n'

    answer = await ana.http.post(
        f"/cases/{case_id}/turns", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert (answer.status_code, answer.json()["detail"]) == (invalid, "The form was cut short.")


@pytest.mark.parametrize(("words", "kept_words"), [({"query": ASKED}, ASKED), ({}, "Start the investigation.")])
async def test_a_menu_changes_the_status(ana: Someone, words: dict[str, str], kept_words: str) -> None:
    """A confirmed transition moves the case, whatever is said with it; without words the click's own are said."""
    case_id = (await ana.case())["case_id"]
    data = {"type": "status_transition", "from_state": "inquiry", "to_state": "investigating", "user_confirmed": True}

    answer = await said(ana, case_id, **words, intent_type="status_transition", intent_data=json.dumps(data))

    assert answer.status_code == 200, answer.text
    assert (answer.json()["case_status"], answer.json()["case_state"]) == ("investigating", "investigating")
    assert answer.json()["progress_made"] is True
    assert (await messages(ana, case_id))[0]["content"] == kept_words


@pytest.mark.parametrize("added", [{}, {"user_confirmed": True}])
@pytest.mark.parametrize("says", ["its payload", ASKED])
async def test_every_button_can_be_replayed(ana: Someone, added: dict[str, object], says: str) -> None:
    """The intent of a suggested action goes back as it came, and does what its label says."""
    case_id = (await ana.case())["case_id"]
    turn = (await said(ana, case_id, query="Checkout fails with 502 since noon.")).json()
    button = next(a for a in turn["suggested_actions"] if a.get("intent", {}).get("to_state") == "investigating")
    assert (button["type"], button["intent"]["from_state"]) == ("DECIDE", "inquiry")

    intent = {**button["intent"], **added}
    query = button["payload"] if says == "its payload" else says
    answer = await said(ana, case_id, query=query, intent_type=intent["type"], intent_data=json.dumps(intent))

    assert answer.json()["case_state"] == "investigating"


async def test_a_no_stays_a_no(ana: Someone) -> None:
    """Whoever marks each click as confirmed by the user does not agree to what was declined."""
    case_id = (await ana.case())["case_id"]
    turn = (await said(ana, case_id, query="Checkout fails with 502 since noon.")).json()
    yes, no = (
        next(a for a in turn["suggested_actions"] if a.get("intent", {}).get("value") == value)
        for value in ("yes", "no")
    )
    assert yes["intent"]["subject"] == no["intent"]["subject"] == "problem_statement"

    intent = {**no["intent"], "user_confirmed": True}
    answer = await said(ana, case_id, query=ASKED, intent_type="confirmation", intent_data=json.dumps(intent))

    assert answer.json()["content"] == "Then please say in a sentence or two what is wrong."
    assert answer.json()["case_state"] == "inquiry"


async def test_a_confirmed_cause_is_told_as_one(ana: Someone) -> None:
    """Suspected after the evidence; confirmed, and no overclaim, once the user said so of what the evidence shows."""
    case_id = (await ana.case())["case_id"]
    healthy = "".join(f"2026-03-14 11:{n:02}:00 INFO pool: connection {n} given\n" for n in range(60)).encode()
    data = json.dumps({"to_state": "investigating", "user_confirmed": True})
    await said(ana, case_id, {"files": ("pool.log", healthy + LOG)}, query=ASKED)
    turn = (await said(ana, case_id, intent_type="status_transition", intent_data=data)).json()
    assert turn["cause_assurance"] == "suspected"

    yes = next(a["intent"] for a in turn["suggested_actions"] if a.get("intent", {}).get("subject") == "root_cause")
    turn = (await said(ana, case_id, intent_type="confirmation", intent_data=json.dumps(yes))).json()

    assert (turn["cause_assurance"], turn["cause_overclaim"]) == ("confirmed", False)
    assert turn["milestones_completed"] == ["root_cause_identified"]
    assert (await messages(ana, case_id))[-2]["content"] == "Yes."


async def test_files_of_the_case_can_be_asked_about(ana: Someone) -> None:
    """A query names files that are there already, and those of this case only."""
    case_id, other = (await ana.case())["case_id"], (await ana.case())["case_id"]
    form = {"file": ("app.log", LOG)}
    file_id = (await ana.http.post("/evidence", data={"case_id": case_id}, files=form)).json()["evidence_id"]
    body = {"message": ASKED, "attachments": [{"file_id": file_id, "filename": "app.log"}]}

    here = await ana.http.post(f"/cases/{case_id}/queries", json=body)
    elsewhere = await ana.http.post(f"/cases/{other}/queries", json=body)

    assert [file["file_id"] for file in here.json()["attachments_processed"]] == [file_id]
    assert here.json()["attachments_processed"][0]["processing_status"] == "completed"
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (404, "EVIDENCE_NOT_FOUND")


async def test_a_turn_that_is_sent_again_happened_once(ana: Someone, fm: FaultMaven) -> None:
    """The same key at the same time and later: one turn, each file once, one answer."""
    case_id = (await ana.case())["case_id"]
    files = [("files", ("a.log", LOG)), ("files", ("b.log", LOG))]

    async def send() -> Response:
        return await said(ana, case_id, files, query=ASKED, headers=KEY)

    first, second = await asyncio.gather(send(), send())
    third = await send()
    await settled(fm)

    assert first.json() == second.json() == third.json()
    assert len(await kept(ana, case_id)) == 2
    assert len(await messages(ana, case_id)) == 2
    assert len(await fm.files.keys("evidence/", older_than=fm.clock.now())) == 4  # each with its text


async def test_what_was_done_before_a_crash_is_found_again(
    ana: Someone, fm: FaultMaven, clients: Clients, prefix: str
) -> None:
    """A request whose answer nobody kept finds its files and its turn by their ids, and leaves no second file."""
    case_id = (await ana.case())["case_id"]
    files = {"files": ("a.log", LOG)}
    first = await said(ana, case_id, files, query=ASKED, headers=KEY)
    forgetful = await clients(create_app(evolve(fm, replies=type(fm.replies)())), prefix)
    forgetful.headers["Authorization"] = ana.http.headers["Authorization"]

    second = await forgetful.post(f"/cases/{case_id}/turns", data={"query": ASKED}, files=files, headers=KEY)

    assert first.json() == second.json()
    assert "idempotency-replayed" not in second.headers
    assert len(await kept(ana, case_id)) == 1
    assert len(await fm.files.keys("evidence/", older_than=fm.clock.now())) == 2  # it and its text


class TestWithoutAWorker:
    """Turns that nobody answers, unless the test does something about it."""

    @pytest.fixture
    def fm(self, fm: FaultMaven) -> FaultMaven:
        return unworked(fm)

    @pytest.mark.parametrize("route", ["queries", "turns"])
    async def test_a_turn_that_takes_longer_is_a_job(self, ana: Someone, prefix: str, route: str) -> None:
        """When the time is up its caller gets the absolute address to poll."""
        case_id = (await ana.case())["case_id"]
        body: dict[str, Any] = {"json": {"message": ASKED}} if route == "queries" else {"data": {"query": ASKED}}

        answer = await ana.http.post(f"/cases/{case_id}/{route}", headers={"Prefer": "wait=1"}, **body)

        job_id = answer.json()["job_id"]
        assert (answer.status_code, answer.json()) == (202, {"job_id": job_id, "status": "processing"})
        assert answer.headers["location"] == f"{HOST}{prefix}/agent/chat/{job_id}"
        assert answer.headers["preference-applied"] == "wait=1"
        assert (await ana.http.get(answer.headers["location"])).status_code == 202

    async def called_off(self, who: Someone, asked: "asyncio.Task[Response]") -> Response:
        """The answer to a turn whose job is called off while its caller waits."""
        path = "/jobs?status=processing"
        async with asyncio.timeout(30):  # lest a broken one hang the suite
            while not (jobs := (await who.http.get(path)).json()["jobs"]):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.005)
        await who.http.delete(f"/jobs/{jobs[0]['job_id']}")
        return await asked

    @pytest.mark.parametrize("route", ["queries", "turns"])
    async def test_a_turn_that_fails_is_an_error(self, ana: Someone, route: str) -> None:
        """Its reason is the message, and it is no conflict and no empty answer."""
        case_id = (await ana.case())["case_id"]
        body: dict[str, Any] = {"json": {"message": ASKED}} if route == "queries" else {"data": {"query": ASKED}}
        asked = asyncio.create_task(ana.http.post(f"/cases/{case_id}/{route}", **body))

        answer = await self.called_off(ana, asked)

        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "TURN_FAILED")
        assert answer.json()["detail"] == "Cancelled."

    async def test_a_turn_that_failed_is_asked_anew(self, ana: Someone) -> None:
        """The same key asks again what was not answered, as a turn of its own; its files are not added twice."""
        case_id = (await ana.case())["case_id"]
        jobs = []
        for _ in range(2):
            files = {"files": ("a.log", LOG)}
            asked = asyncio.create_task(said(ana, case_id, files, query=ASKED, headers=KEY))
            answer = await self.called_off(ana, asked)
            assert answer.status_code == 503
            jobs.append(answer.json()["error"]["details"]["job_id"])

        assert len(set(jobs)) == 2
        assert len(await kept(ana, case_id)) == 1
