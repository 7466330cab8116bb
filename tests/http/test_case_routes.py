import re

import pytest

from faultmaven_adapters.library import FaultMaven
from tests.http.conftest import Someone
from tests.http.turns import answered, settled


async def test_a_case_is_opened_with_every_field(ana: Someone) -> None:
    """The answer is the whole superset, at the root, with its address."""
    answer = await ana.http.post(
        "/cases", json={"title": "Checkout  fails", "description": "503s", "priority": "high", "metadata": {"a": [1]}}
    )

    case = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/cases/{case['case_id']}")
    assert (case["title"], case["description"], case["priority"]) == ("Checkout fails", "503s", "high")
    assert (case["status"], case["state"]) == ("consulting", "inquiry")
    assert case["owner_id"] == case["user_id"] == ana.principal.user_id
    assert (case["message_count"], case["current_turn"], case["metadata"]) == (0, 0, {"a": [1]})
    assert case["organization_id"] is case["resolved_at"] is case["closed_at"] is case["closure_reason"] is None
    assert case["created_at"].endswith("Z")
    assert not case["case_id"].startswith("opt_")


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": "  "}])
async def test_a_case_names_itself(ana: Someone, body: dict[str, object]) -> None:
    """Without a title it is Case-MMDD-N."""
    assert re.fullmatch(r"Case-\d{4}-1", (await ana.http.post("/cases", json=body)).json()["title"])


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("title", {"title": "x" * 201}),
        ("title", {"title": 5}),
        ("description", {"description": "x" * 20_001}),
        ("priority", {"priority": "urgent"}),
        ("priority", {"priority": ["high"]}),
        ("metadata", {"metadata": "a"}),
        ("metadata", {"metadata": {"a": "x" * 70_000}}),
    ],
)
async def test_a_wrong_field_is_named(ana: Someone, invalid: int, field: str, body: dict[str, object]) -> None:
    """What is wrong about a new case is named in the details."""
    answer = await ana.http.post("/cases", json=body)

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] == field
    assert answer.json()["detail"].startswith(field)


async def test_cases_are_listed_last_changed_first(ana: Someone) -> None:
    """By offset or by page, with every spelling of the total."""
    made = [(await ana.case(title=f"Case {n}"))["case_id"] for n in range(5)]

    by_offset = (await ana.http.get("/cases?limit=2&offset=2")).json()
    by_page = (await ana.http.get("/cases", params={"page": 2, "page_size": 2})).json()

    assert [c["case_id"] for c in by_offset["cases"]] == [made[2], made[1]]
    assert by_offset == by_page
    assert (by_page["total"], by_page["total_count"], by_page["page"], by_page["page_size"]) == (5, 5, 2, 2)
    assert (by_page["limit"], by_page["offset"], by_page["total_pages"], by_page["has_more"]) == (2, 2, 3, True)


async def test_cases_are_listed_by_status(ana: Someone) -> None:
    """Only those in the status that was asked for, and counted so."""
    await ana.case()
    closed = await ana.case()
    await ana.http.post(f"/cases/{closed['case_id']}/close")

    found = (await ana.http.get("/cases", params={"status": "closed"})).json()

    assert ([c["case_id"] for c in found["cases"]], found["total"]) == ([closed["case_id"]], 1)


@pytest.mark.parametrize(
    ("field", "query"),
    [
        ("limit", "limit=0"),
        ("limit", "limit=101"),
        ("limit", "limit=many"),
        ("limit", "limit=1.5"),
        ("offset", "offset=-1"),
        ("offset", "offset=99999999999999999999"),
        ("page", "page=0"),
        ("page_size", "page=1&page_size=101"),
        ("status", "status=open"),
    ],
)
async def test_a_wrong_query_is_named(ana: Someone, invalid: int, field: str, query: str) -> None:
    """Each parameter of the list is checked, and the wrong one named."""
    answer = await ana.http.get(f"/cases?{query}")

    assert answer.status_code == invalid
    assert answer.json()["error"]["details"]["field"] == field


async def test_an_empty_parameter_is_none(ana: Someone) -> None:
    """A form that sends its empty fields along asks for nothing special."""
    assert (await ana.http.get("/cases?status=&limit=&page=")).json()["limit"] == 50


async def test_a_case_shows_what_was_said(ana: Someone, fm: FaultMaven, prefix: str) -> None:
    """A case holds its messages; the role of who answers is the dialect's word."""
    case = await ana.case()
    await answered(ana, fm, case["case_id"], "Why do checkouts fail?")

    found = (await ana.http.get(f"/cases/{case['case_id']}")).json()

    assert [m["role"] for m in found["messages"]] == ["user", "agent" if prefix == "/v1" else "assistant"]
    assert found["messages"][0]["content"] == "Why do checkouts fail?"
    assert found["messages"][0]["timestamp"] == found["messages"][0]["created_at"]
    assert (found["message_count"], found["current_turn"]) == (2, 1)


async def test_messages_come_in_pages(ana: Someone, fm: FaultMaven) -> None:
    """In the order they were said, with how many were given and whether there are more."""
    case = await ana.case()
    await answered(ana, fm, case["case_id"], "Why?")

    page = (await ana.http.get(f"/cases/{case['case_id']}/messages?limit=1&include_debug=true")).json()

    assert ([m["content"] for m in page["messages"]], page["retrieved_count"]) == (["Why?"], 1)
    assert (page["total_count"], page["has_more"], page["case_id"]) == (2, True, case["case_id"])
    assert page["debug_info"] == {"storage_errors": []}


async def test_who_names_no_limit_gets_the_whole_conversation(ana: Someone, fm: FaultMaven) -> None:
    """Up to a thousand messages: there are callers that ask once and never page."""
    case = await ana.case()
    for number in range(51):
        await fm.cases.record_message(
            principal=ana.principal,
            case_id=case["case_id"],
            message_id=f"msg_{number}",
            role="user",
            content=f"And {number}?",
            created_at=fm.clock.now(),
        )

    page = (await ana.http.get(f"/cases/{case['case_id']}/messages")).json()

    assert [m["content"] for m in page["messages"]] == [f"And {number}?" for number in range(51)]
    assert "debug_info" not in page


async def test_a_case_is_changed_where_something_is_given(ana: Someone) -> None:
    """The rest stays as it was."""
    case = await ana.case(description="503s")

    changed = (
        await ana.http.put(f"/cases/{case['case_id']}", json={"title": "Payments", "status": "investigating"})
    ).json()

    assert (changed["title"], changed["description"]) == ("Payments", "503s")
    assert (changed["status"], changed["state"]) == ("investigating", "investigating")


async def test_a_change_on_an_old_version_is_a_conflict(ana: Someone) -> None:
    """Who read the case before someone else's change is told both versions."""
    case = await ana.case()
    path = f"/cases/{case['case_id']}"
    await ana.http.put(path, json={"title": "Other"})

    answer = await ana.http.put(path, json={"title": "Mine", "expected_version": case["version"]})

    assert answer.status_code == 409
    assert answer.headers["x-error-code"] == "CASE_VERSION_CONFLICT"
    assert (answer.headers["x-expected-version"], answer.headers["x-actual-version"]) == ("1", "2")


async def test_a_case_moves_along_its_statuses_only(ana: Someone, invalid: int) -> None:
    """A step that is not one is a conflict; a word that is none is invalid input."""
    path = f"/cases/{(await ana.case())['case_id']}/status"

    too_far = await ana.http.post(path, json={"status": "resolved"})
    no_word = await ana.http.post(path, json={"status": "done"})
    nothing = await ana.http.post(path, json={})
    step = await ana.http.post(path, json={"status": "investigating"})
    last = await ana.http.post(path, json={"status": "resolved", "resolution_notes": "Raised the pool."})

    assert (too_far.status_code, too_far.json()["error"]["code"]) == (409, "INVALID_TRANSITION")
    assert too_far.headers["x-error-code"] == "INVALID_TRANSITION"
    assert [no_word.status_code, nothing.status_code] == [invalid, invalid]
    assert nothing.json()["detail"] == "status is required."
    assert step.json()["status"] == "investigating"
    assert (last.json()["closure_reason"], last.json()["resolution_notes"]) == ("resolved", "Raised the pool.")
    assert last.json()["resolved_at"] is not None


async def test_closing_says_why(ana: Someone, invalid: int) -> None:
    """A reason is kept, under either name; one that is none is refused; closing twice is closed."""
    path = f"/cases/{(await ana.case())['case_id']}/close"

    wrong = await ana.http.post(path, json={"reason": "bored"})
    closed = await ana.http.post(path, json={"resolution": "duplicate", "resolution_notes": "See the other."})
    again = await ana.http.post(path)

    assert (wrong.status_code, wrong.json()["error"]["details"]["field"]) == (invalid, "reason")
    assert (closed.json()["status"], closed.json()["closure_reason"]) == ("closed", "duplicate")
    assert again.status_code == 200
    assert again.json()["closed_at"] == closed.json()["closed_at"]


async def test_an_ended_case_has_its_post_mortem(ana: Someone, fm: FaultMaven) -> None:
    """It is listed, read and downloaded as Markdown soon after."""
    case = await ana.case()
    await answered(ana, fm, case["case_id"], "Why do checkouts fail?")
    await ana.http.post(f"/cases/{case['case_id']}/close")
    await settled(fm)
    path = f"/cases/{case['case_id']}/reports"

    listed = (await ana.http.get(path)).json()
    report = listed["reports"][0]
    one = (await ana.http.get(f"{path}/{report['report_id']}")).json()
    file = await ana.http.get(f"{path}/{report['report_id']}/download")

    assert (listed["total"], report["report_type"], report["status"]) == (1, "post_mortem", "completed")
    assert one == report
    assert file.text == report["content"]
    assert file.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "attachment" in file.headers["content-disposition"]


async def test_a_deleted_case_is_gone(ana: Someone) -> None:
    """Every way to it is 404 from then on."""
    path = f"/cases/{(await ana.case())['case_id']}"

    assert (await ana.http.delete(path)).status_code == 204
    for method, rest in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/close"), ("GET", "/messages")):
        answer = await ana.http.request(method, path + rest, json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "CASE_NOT_FOUND")


async def test_a_report_that_is_not_there_is_not_found(ana: Someone) -> None:
    """An unknown report of one's own case is 404."""
    answer = await ana.http.get(f"/cases/{(await ana.case())['case_id']}/reports/rep_none")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "REPORT_NOT_FOUND")
