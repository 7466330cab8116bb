"""What an older version wrote is read by this one."""

from faultmaven_adapters.sql import migrate, open_sql
from faultmaven_domain.agent import SourceKind, TurnStatus
from tests.adapters.sql_engines import new_url, scripted, taken_back

__all__ = ["new_url"]

ANSWER = """{"message_id": "m_1", "case_id": "case_1", "content": "The disk is full [1].", "turn_number": 1,
"created_at": "2026-03-14T12:00:00+00:00", "model": "m", "provider": "p", "citations": [{"number": 1,
"kind": "evidence", "source_id": "ev_1", "title": "app.log", "section": "", "lines": [7], "quote": "full"}]}"""


async def test_turns_from_before_intents_and_progress(new_url: str) -> None:
    """They have no intent, no attachments and no progress; what they were asked and answered stays."""
    await migrate({"agent": new_url})
    await taken_back(new_url, "agent", "agent_0002")
    for job_id, answer in (("old_1", f"'{ANSWER}'"), ("old_2", "NULL")):
        await scripted(
            new_url,
            "INSERT INTO agent_turns (job_id, case_id, user_id, message, status, submitted_at, context, answer) VALUES "
            f"('{job_id}', 'case_1', 'ana', 'Why?', 'completed', '2026-03-14T11:59:00.000000+00:00', '{{}}', {answer})",
        )

    assert await migrate({"agent": new_url}) == ["agent_0003"]

    async with open_sql({"agent": new_url}, lambda: None) as opened, opened["agent"].view() as unit:
        answered, waits = await unit.turns.get("old_1"), await unit.turns.get("old_2")
    assert answered is not None
    assert waits is not None
    assert (answered.message, answered.status) == ("Why?", TurnStatus.COMPLETED)
    assert (answered.intent, answered.attachments, waits.attachments) == (None, (), ())
    assert answered.answer is not None
    assert answered.answer.progress is None
    assert [citation.kind for citation in answered.answer.citations] == [SourceKind.EVIDENCE]
