import pytest

from faultmaven_adapters.memory.offload import InlineOffload
from faultmaven_domain.evidence import CaseFindings, EvidenceService, EvidenceStatus, Finding
from tests.fakes.outage import Out
from tests.fakes.people import ANA

from .room import LOG, PNG, Room

CONFIG = "server:\n  port: 8080\n" + "# nothing here\n" * 30 + "pool:\n  connection_timeout: 30000\n  maximum: 10\n"


async def findings(
    room: Room, case_id: str, query: str = "timeout waiting for connection", limit: int = 12
) -> CaseFindings:
    return await room.service.findings(principal=ANA, case_id=case_id, query=query, limit=limit)


def quoted(finding: Finding, text: str) -> bool:
    """Whether each line it names is quoted as it stands in the file."""
    lines = text.split("\n")
    return finding.text == "\n".join(lines[number - 1] for number in finding.lines)


async def test_an_empty_case_shows_nothing(room: Room) -> None:
    """No files, no findings."""
    assert await findings(room, await room.case()) == CaseFindings(files=(), findings=())


async def test_a_logs_patterns_come_first(room: Room) -> None:
    """What fails, with its count and its own lines; a question's everyday words find nothing in a log."""
    case_id = await room.case()
    await room.added(case_id)

    found = await findings(room, case_id)

    first = found.findings[0]
    assert first.pattern is not None
    assert (first.pattern.count, first.pattern.severity, first.score) == (39, "failure", 1.0)
    assert all(quoted(finding, LOG) for finding in found.findings)
    assert [f.score for f in found.findings] == sorted((f.score for f in found.findings), reverse=True)
    assert all(finding.pattern is not None for finding in found.findings)
    assert found.suspects
    assert {onset.source for onset in found.onsets} == {"app.log"}


@pytest.mark.parametrize("query", ['What became of "connection 105"?', "why did req105abc wait"])
async def test_a_logs_lines_are_found_by_names(room: Room, query: str) -> None:
    """What is quoted or can only be an id is looked for in logs too."""
    case_id = await room.case()
    text = LOG.replace("connection 105", "connection 105 req105abc")
    await room.added(case_id, data=text)

    found = [finding for finding in (await findings(room, case_id, query)).findings if finding.pattern is None]

    assert 1 <= len(found) <= 2
    assert "connection 105" in found[0].text
    assert all(quoted(finding, text) for finding in found)


async def test_a_summary_holds_numbers_only(room: Room) -> None:
    """The patterns are told once, as findings."""
    case_id = await room.case()
    evidence = await room.added(case_id)

    [summary] = (await findings(room, case_id)).files

    assert summary.evidence == evidence
    assert summary.report is not None
    assert (summary.report.record_count, summary.report.patterns) == (300, ())


async def test_no_more_patterns_than_asked_for(room: Room) -> None:
    """The limit holds for each file."""
    case_id = await room.case()
    await room.added(case_id)
    await room.added(case_id, "b.log")

    found = await findings(room, case_id, limit=1)

    assert len([finding for finding in found.findings if finding.pattern]) == 2


async def test_a_config_is_found_by_its_words(room: Room) -> None:
    """The passage that has the question's words, with its line numbers."""
    case_id = await room.case()
    await room.added(case_id, "app.yaml", CONFIG)

    best = (await findings(room, case_id, "which connection_timeout is set")).findings[0]

    assert "connection_timeout: 30000" in best.text
    assert best.filename == "app.yaml"
    assert quoted(best, CONFIG)
    assert 0 < best.score < 1


async def test_a_file_without_the_words_shows_its_head(room: Room) -> None:
    """A small file may matter although it uses other words; a log without them stays silent."""
    case_id = await room.case()
    await room.added(case_id, "app.yaml", CONFIG)
    await room.added(case_id)

    found = (await findings(room, case_id, "zzz")).findings
    passages = [finding for finding in found if finding.pattern is None]

    [head] = passages
    assert (head.filename, head.lines, head.score) == ("app.yaml", tuple(range(1, 13)), 0.0)
    assert quoted(head, CONFIG)


async def test_what_could_not_be_read_is_told_too(room: Room) -> None:
    """Files still being read and unreadable ones are listed, and show nothing."""
    case_id = await room.case()
    await room.add(case_id, "later.log")
    await room.work(await room.add(case_id, "shot.png", PNG))

    found = await findings(room, case_id)

    assert {summary.evidence.status for summary in found.files} == {
        EvidenceStatus.PROCESSING,
        EvidenceStatus.UNREADABLE,
    }
    assert (found.findings, found.onsets, found.suspects) == ((), (), ())


async def test_two_files_of_one_name_are_told_apart(room: Room) -> None:
    """Their onsets name which of them is meant."""
    case_id = await room.case()
    first, second = await room.added(case_id), await room.added(case_id)

    sources = {onset.source for onset in (await findings(room, case_id)).onsets}

    assert sources == {f"app.log ({one.evidence_id})" for one in (first, second)}


async def test_a_text_that_vanished_shows_nothing(room: Room) -> None:
    """Deleted between listing and reading, a file is left out and the others are not."""
    case_id = await room.case()
    gone, _ = await room.added(case_id, "a.yaml", CONFIG), await room.added(case_id, "b.yaml", CONFIG)
    await room.files.delete(gone.text_key)

    found = await findings(room, case_id, "connection_timeout")

    assert {finding.filename for finding in found.findings} == {"b.yaml"}


class TestPassages:
    async def test_of_what_is_no_log(self, room: Room) -> None:
        """Configs and outputs by their words, best first; logs are left to their patterns."""
        case_id = await room.case()
        await room.added(case_id)
        await room.added(case_id, "app.yaml", CONFIG)
        await room.added(case_id, "notes.txt", "We raised the maximum.")
        await room.add(case_id, "unread.yaml", CONFIG)

        found = await room.service.passages(principal=ANA, case_id=case_id, query="maximum connection_timeout pool")

        assert [finding.filename for finding in found] == ["app.yaml", "notes.txt"]
        assert found[0].score > found[1].score

    async def test_do_not_wait_behind_files_that_are_read(self, room: Room) -> None:
        """They are looked for where no reading is done."""
        case_id = await room.case()
        await room.added(case_id, "app.yaml", CONFIG)
        taken, free = Out(InlineOffload(), "pipe"), InlineOffload()
        service = EvidenceService(
            room.transactions, room.cases, room.files, room.extractor, taken, free, room.clock, room.ids
        )

        assert await service.passages(principal=ANA, case_id=case_id, query="maximum")

    async def test_no_more_than_asked_for(self, room: Room) -> None:
        """The limit is of all files together."""
        case_id = await room.case()
        for name in ("a.yaml", "b.yaml", "c.yaml"):
            await room.added(case_id, name, CONFIG)

        assert len(await room.service.passages(principal=ANA, case_id=case_id, query="maximum", limit=2)) == 2


@pytest.mark.parametrize("lines", [1, 11, 12, 13])
async def test_a_short_files_head_is_all_of_it(room: Room, lines: int) -> None:
    """Its last line is the file's last, up to twelve."""
    case_id = await room.case()
    text = "\n".join(f"key{n}: {n}" for n in range(lines))
    await room.added(case_id, "app.yaml", text)

    [head] = (await findings(room, case_id, "zzz")).findings

    assert head.lines == tuple(range(1, min(lines, 12) + 1))
    assert quoted(head, text)
