"""What every LLMProvider promises. An adapter's test class inherits this and gives `llm`."""

import asyncio

import pytest

from faultmaven_domain.agent import LLMProvider, Message, Source, SourceKind, Task

RUNBOOK = Source(
    number=1,
    kind=SourceKind.RUNBOOK,
    source_id="doc_1",
    title="Disk full",
    role="section",
    section="Diagnosis",
    quote="Run df -h and look for a volume at 100 %.",
    score=0.9,
)


def question(*sources: Source, task: Task = Task.TURN) -> tuple[Message, ...]:
    return (
        Message(role="system", content="Answer from the sources.", task=task),
        Message(role="user", content="Question: why is the disk full?", sources=sources, task=task),
    )


class LLMProviderContract:
    @pytest.fixture
    def llm(self) -> LLMProvider:
        raise NotImplementedError

    async def test_answers(self, llm: LLMProvider) -> None:
        """A question gets an answer that is not empty, and says who gave it."""
        answer = await llm.chat(question(RUNBOOK))

        assert answer.content.strip()
        assert answer.provider == llm.name
        assert answer.model
        assert answer.stop_reason == "stop"

    async def test_answers_without_sources(self, llm: LLMProvider) -> None:
        """Where nothing was found there is still an answer."""
        assert (await llm.chat(question())).content.strip()

    async def test_writes_a_post_mortem(self, llm: LLMProvider) -> None:
        """The other task is answered too."""
        assert (await llm.chat(question(RUNBOOK, task=Task.POST_MORTEM))).content.strip()

    async def test_takes_every_option(self, llm: LLMProvider) -> None:
        """Model, temperature and token limit are taken together."""
        answer = await llm.chat(question(RUNBOOK), model="another-model", temperature=0.0, max_tokens=50)

        assert answer.content.strip()

    async def test_answers_many_at_once(self, llm: LLMProvider) -> None:
        """Concurrent questions do not mix."""
        answers = await asyncio.gather(*[llm.chat(question(RUNBOOK)) for _ in range(10)])

        assert all(answer.content for answer in answers)
