import json
from typing import Any

import pytest
from attrs import evolve
from httpx2 import Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.case import Hypothesis, HypothesisStatus
from faultmaven_domain.evidence import EvidenceStatus
from faultmaven_http.wire.summaries import FileView, size_display
from faultmaven_http.wire.uploads import FileDetail, uploaded_file_detail_out
from tests.http.conftest import Someone
from tests.http.turns import settled
from tests.http.watching import unworked

LOG = "".join(f"2026-03-14 12:00:{n:02} ERROR pool: timed out waiting for connection {n}\n" for n in range(30)).encode()
QUIET = b"2026-03-14 12:00:00 INFO started\n" * 3
KEY = {"Idempotency-Key": "opt_upload_1"}


async def put(who: Someone, case_id: str, name: str = "pool.log", data: bytes = LOG, **form: str) -> Response:
    return await who.http.post(f"/cases/{case_id}/data", data=form, files={"file": (name, data, "text/plain")})


async def files_of(who: Someone, case_id: str, **query: Any) -> dict[str, Any]:
    answer = await who.http.get(f"/cases/{case_id}/uploaded-files", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_file_is_put_in_and_talked_about(ana: Someone) -> None:
    """201 with the file under all its names, what it is and shows, and a whole turn about it."""
    case_id = (await ana.case())["case_id"]
    source = {"source_type": "text_paste", "source_url": "https://x.example/", "captured_at": "2026-03-14T12:00:00Z"}

    answer = await put(
        ana, case_id, session_id="ses_1", source_metadata=json.dumps(source), description="From the pool."
    )

    data = answer.json()
    assert answer.status_code == 201
    assert data["data_id"] == data["evidence_id"] == data["file_id"] == data["id"]
    assert data["file_name"] == data["filename"] == data["name"] == "pool.log"
    assert data["file_size"] == data["size_bytes"] == len(LOG)
    assert (data["case_id"], data["data_type"], data["processing_status"]) == (case_id, "logs_and_errors", "completed")
    assert data["classification"] == {
        "data_type": "logs_and_errors",
        "kind": "log",
        "line_count": 30,
        "failing_patterns": 1,
        "compression_ratio": 30.0,
    }
    assert data["insights"].startswith("A log of 30 lines")
    assert (data["source_type"], data["source_metadata"]) == ("text_paste", {**source, "turn_number": 1})
    turn = data["agent_response"]
    assert turn["content"] != ""
    assert (turn["response_type"], turn["session_id"]) == ("ANSWER", "ses_1")
    assert [file["file_id"] for file in turn["attachments_processed"]] == [data["data_id"]]
    record = (await ana.http.get(f"/evidence/{data['data_id']}/metadata")).json()
    assert record["description"] == "From the pool."


async def test_the_question_about_a_file_names_it(ana: Someone) -> None:
    """What is asked on the caller's behalf is in the conversation."""
    case_id = (await ana.case())["case_id"]
    await put(ana, case_id)

    messages = (await ana.http.get(f"/cases/{case_id}/messages")).json()["messages"]

    assert messages[0]["content"] == "I added pool.log. What does it show?"
    assert len(messages) == 2


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.log", LOG, "logs_and_errors"),
        ("a.yaml", b"a: 1\nb: 2\n", "structured_config"),
        ("a.ini", b"[a]\nb = 1\n", "structured_config"),
        ("a.csv", b"a,b\n1,2\n", "metrics_and_performance"),
        ("a.md", b"# Title\n\nSome words.\n", "unstructured_text"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40), "unanalyzable"),
    ],
)
async def test_a_file_is_of_a_kind(ana: Someone, name: str, data: bytes, kind: str) -> None:
    """What it holds decides, then its name; what could not be read is of none."""
    case_id = (await ana.case())["case_id"]

    body = (await put(ana, case_id, name, data)).json()

    assert body["data_type"] == body["classification"]["data_type"] == kind
    assert body["classification"]["compression_ratio"] >= 1.0
    assert body["processing_status"] == ("failed" if kind == "unanalyzable" else "completed")
    assert body["insights"]


@pytest.mark.parametrize(
    ("name", "data", "status", "field"),
    [("a.exe", b"MZ", 415, "file"), ("a.log", b"", None, "file"), ("..", b"x", None, "file")],
)
async def test_a_file_that_is_not_taken_is_named(
    ana: Someone, invalid: int, name: str, data: bytes, status: int | None, field: str
) -> None:
    """Its kind, or that it is empty: refused by its field, and nothing is asked about it."""
    case_id = (await ana.case())["case_id"]

    answer = await put(ana, case_id, name, data)

    assert answer.status_code == (status or invalid)
    assert answer.json()["error"]["details"]["field"] == field
    assert (await ana.http.get(f"/cases/{case_id}/messages")).json()["messages"] == []


@pytest.mark.parametrize("source", ["{", "[]", "text"])
async def test_where_it_is_from_is_an_object(ana: Someone, invalid: int, source: str) -> None:
    """Source metadata that is no JSON object is refused by its name."""
    case_id = (await ana.case())["case_id"]

    answer = await put(ana, case_id, source_metadata=source)

    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (invalid, "source_metadata")


async def test_an_ended_case_takes_no_file(ana: Someone, fm: FaultMaven) -> None:
    """The conflict carries no x-error-code, and nothing is stored."""
    case_id = (await ana.case())["case_id"]
    await ana.http.post(f"/cases/{case_id}/close")
    await settled(fm)

    answer = await put(ana, case_id)

    assert answer.status_code == 409
    assert "x-error-code" not in answer.headers
    assert await fm.files.keys("evidence/", older_than=fm.clock.now()) == []


async def test_a_file_that_is_sent_again_is_one(ana: Someone) -> None:
    """The same key gives the same file, and one turn about it."""
    case_id = (await ana.case())["case_id"]
    path, form = f"/cases/{case_id}/data", {"file": ("pool.log", LOG, "text/plain")}

    answers = [(await ana.http.post(path, files=form, headers=KEY)).json() for _ in range(2)]

    assert answers[0] == answers[1]
    assert (await files_of(ana, case_id))["total_count"] == 1


@pytest.mark.parametrize("path", ["/evidence/upload", "/evidence"])
async def test_evidence_that_is_sent_again_is_one(ana: Someone, fm: FaultMaven, path: str) -> None:
    """An upload with a key adds one file, which knows that it came by itself."""
    case_id = (await ana.case())["case_id"]
    form: dict[str, Any] = {"data": {"case_id": case_id}, "files": {"file": ("pool.log", LOG, "text/plain")}}

    answers = [(await ana.http.post(path, **form, headers=KEY)).json() for _ in range(2)]
    await settled(fm)

    assert answers[0] == answers[1]
    assert answers[0]["metadata"] == {"source_type": "file_upload", "turn_number": 0}
    assert len(await fm.files.keys("evidence/", older_than=fm.clock.now())) == 2  # it and its text


async def test_a_cases_files_are_listed_newest_first(ana: Someone) -> None:
    """Each with its size, its turn and what it shows; in pages."""
    case_id = (await ana.case())["case_id"]
    await put(ana, case_id, "pool.log", LOG)
    await put(ana, case_id, "quiet.log", QUIET)
    await put(ana, case_id, "picture.png", b"\x89PNG\r\n\x1a\n" + bytes(1_500))

    page = await files_of(ana, case_id)
    second = await files_of(ana, case_id, limit=1, offset=1)

    picture, quiet, pool = page["files"]
    assert (page["case_id"], page["total"], page["total_count"]) == (case_id, 3, 3)
    assert second["files"] == [quiet]
    assert (pool["filename"], pool["size_bytes"], pool["size_display"]) == ("pool.log", len(LOG), "2.0 KB")
    assert [file["uploaded_at_turn"] for file in (pool, quiet, picture)] == [1, 2, 3]
    assert [file["analysis_status"] for file in (pool, quiet, picture)] == ["completed", "completed", "failed"]
    assert (pool["source_type"], pool["evidence_count"]) == ("file_upload", 1)
    assert (quiet["summary"], quiet["evidence_count"]) == (
        "A log of 3 lines, all at 2026-03-14 12:00:00. Nothing in it fails.",
        0,
    )
    assert picture["summary"].startswith("It could not be read: ")
    assert pool["source_metadata"]["turn_number"] == 1


async def test_a_file_tells_what_it_shows(ana: Someone) -> None:
    """Its failing patterns, and the hypotheses that rest on them."""
    case_id = (await ana.case())["case_id"]
    file_id = (await put(ana, case_id)).json()["data_id"]

    detail = (await ana.http.get(f"/cases/{case_id}/uploaded-files/{file_id}")).json()

    (listed,) = (await files_of(ana, case_id))["files"]
    assert {name: detail[name] for name in listed} == listed
    (derived,) = detail["derived_evidence"]
    assert derived["summary"] == (
        "30 times from 2026-03-14 12:00:00 to 2026-03-14 12:00:29: pool: timed out waiting for connection …"
    )
    assert derived["collected_at_turn"] == 1
    assert derived["evidence_id"].startswith(file_id)
    assert derived["category"] == ("CAUSAL_EVIDENCE" if derived["related_hypothesis_ids"] else "SYMPTOM_EVIDENCE")


async def test_a_hypothesis_is_told_with_what_it_rests_on(ana: Someone, fm: FaultMaven) -> None:
    """A pattern the case supposes to be the cause names that hypothesis."""
    case_id = (await ana.case())["case_id"]
    before = "".join(f"2026-03-14 11:{n:02}:00 INFO pool: connection {n} given\n" for n in range(60)).encode()
    data = (await put(ana, case_id, data=before + LOG)).json()
    file_id = data["data_id"]
    assert data["agent_response"]["cause_assurance"] == "suspected"
    overview = await fm.cases.overview(principal=ana.principal, case_id=case_id)
    supposed = {one.hypothesis_id for one in overview.investigation.hypotheses if file_id in one.evidence_ids}
    assert supposed

    detail = (await ana.http.get(f"/cases/{case_id}/uploaded-files/{file_id}")).json()

    assert {id for one in detail["derived_evidence"] for id in one["related_hypothesis_ids"]} == supposed
    assert detail["derived_evidence"][0]["category"] == "CAUSAL_EVIDENCE"


async def test_a_hypothesis_is_not_told_with_what_it_does_not_rest_on(ana: Someone, fm: FaultMaven) -> None:
    """One that rests on another file is none of this one's, though both say the same, nor is one of other words."""
    case_id = (await ana.case())["case_id"]
    evidence_id = (await put(ana, case_id)).json()["data_id"]
    evidence = await fm.evidence.get(principal=ana.principal, evidence_id=evidence_id)
    report = await fm.evidence.report(principal=ana.principal, evidence_id=evidence_id)
    rests = Hypothesis(
        hypothesis_id="hyp_1",
        text="pool: timed out waiting for connection …",
        why="",
        status=HypothesisStatus.ACTIVE,
        likelihood=0.6,
        evidence_ids=(evidence_id,),
        turn_number=1,
    )
    others = (evolve(rests, evidence_ids=("ev_other",)), evolve(rests, text="pool: closed"))

    def related(*hypotheses: Hypothesis) -> list[str]:
        detail = FileDetail(view=FileView(evidence=evidence, report=report), hypotheses=hypotheses)
        return [
            id for one in uploaded_file_detail_out(detail)["derived_evidence"] for id in one["related_hypothesis_ids"]
        ]

    assert related(rests) == ["hyp_1"]
    assert related(evolve(rests, text="pool: timed out wait…")) == ["hyp_1"]
    assert related(*others) == []


async def test_a_file_that_is_being_read_says_so(ana: Someone, fm: FaultMaven) -> None:
    """Until then nothing is said about what it shows."""
    case_id = (await ana.case())["case_id"]
    form = {"file": ("pool.log", LOG, "text/plain")}
    record = (await ana.http.post("/evidence", data={"case_id": case_id}, files=form)).json()
    assert record["status"] == EvidenceStatus.PROCESSING

    listed = (await files_of(ana, case_id))["files"][0]
    await settled(fm)

    if listed["analysis_status"] == "processing":  # it may have been quicker
        assert (listed["summary"], listed["evidence_count"]) == (None, 0)
    assert (await files_of(ana, case_id))["files"][0]["analysis_status"] == "completed"


async def test_files_are_their_cases_and_their_owners(ana: Someone, bob: Someone) -> None:
    """Through another case, or by another user, a file is not found."""
    case_id, other = (await ana.case())["case_id"], (await ana.case())["case_id"]
    theirs = (await bob.case())["case_id"]
    file_id = (await put(ana, case_id)).json()["data_id"]

    for who, where in ((ana, other), (bob, case_id), (bob, theirs)):
        assert (await who.http.get(f"/cases/{where}/uploaded-files/{file_id}")).status_code == 404
    assert (await bob.http.get(f"/cases/{case_id}/uploaded-files")).status_code == 404
    assert (await files_of(ana, other))["files"] == []


async def test_a_deleted_file_is_no_longer_told_of(ana: Someone) -> None:
    """Neither in the list nor with the turn it came with."""
    case_id = (await ana.case())["case_id"]
    data = (await put(ana, case_id)).json()
    await ana.http.delete(f"/evidence/{data['data_id']}")

    polled = (await ana.http.get(f"/agent/chat/{data['job_id']}")).json()

    assert (await files_of(ana, case_id))["files"] == []
    assert polled["attachments_processed"] == []


@pytest.mark.parametrize(
    ("size", "display"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 KB"),
        (2_300_000, "2.3 MB"),
        (999_949, "999.9 KB"),
        (999_950, "1.0 MB"),
        (5 * 10**15, "5000.0 TB"),
    ],
)
def test_sizes_are_said_as_people_say_them(size: int, display: str) -> None:
    """In thousands, with one digit behind the point, and never a thousand of a unit that has a larger one."""
    assert size_display(size) == display


class TestWithoutAWorker:
    """Turns that nobody answers."""

    @pytest.fixture
    def fm(self, fm: FaultMaven) -> FaultMaven:
        return unworked(fm)

    async def test_a_file_is_there_though_nothing_is_said_of_it(self, ana: Someone) -> None:
        """When the time is up the file is given as it is, and the turn can be polled."""
        case_id = (await ana.case())["case_id"]
        form = {"file": ("pool.log", LOG, "text/plain")}

        answer = await ana.http.post(f"/cases/{case_id}/data", files=form, headers={"Prefer": "wait=1"})

        data = answer.json()
        assert (answer.status_code, answer.headers["preference-applied"]) == (201, "wait=1")
        assert (data["agent_response"], data["data_type"]) == (None, "logs_and_errors")
        assert (await ana.http.get(f"/agent/chat/{data['job_id']}")).status_code == 202
