"""What every LLMProvider promises. An adapter's test class inherits this and gives `llm`."""

import asyncio

import pytest

from faultmaven_domain.agent import ChatResponse, LLMProvider, Message, Source, SourceKind, Task

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


def question(*sources: Source, task: Task = Task.TURN, text: str = "why is the disk full?") -> tuple[Message, ...]:
    return (
        Message(role="system", content="Answer from the sources.", task=task),
        Message(role="user", content=f"Question: {text}", sources=sources, task=task),
    )


async def chatted(llm: LLMProvider, messages: tuple[Message, ...]) -> ChatResponse:
    return await llm.chat(messages)


async def streamed(llm: LLMProvider, messages: tuple[Message, ...]) -> ChatResponse:
    """The whole, after its pieces were put together and compared with it."""
    *pieces, whole = [item async for item in llm.stream(messages)]
    assert isinstance(whole, ChatResponse)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert "".join(map(str, pieces)) == whole.content
    return whole


class LLMProviderContract:
    @pytest.fixture
    def llm(self) -> LLMProvider:
        raise NotImplementedError

    async def test_answers(self, llm: LLMProvider) -> None:
        """A question gets an answer that is not empty, and says who gave it."""
        answer = await llm.chat(question(RUNBOOK))

        assert answer.content.strip()
        assert (answer.provider, answer.model) == (llm.name, llm.model)
        assert answer.stop_reason == "stop"

    async def test_streams_the_same(self, llm: LLMProvider) -> None:
        """Streamed, a question gets the same answer in pieces, and last as a whole."""
        assert await streamed(llm, question(RUNBOOK)) == await llm.chat(question(RUNBOOK))

    async def test_a_stream_may_be_closed_early(self, llm: LLMProvider) -> None:
        """Whoever heard enough closes the stream, and the next question is answered."""
        stream = llm.stream(question(RUNBOOK))
        assert await anext(stream)
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

        assert (await streamed(llm, question(RUNBOOK))).content.strip()

    async def test_a_stream_that_was_never_begun_may_be_closed(self, llm: LLMProvider) -> None:
        """Closing one that nobody read from is no error."""
        await llm.stream(question(RUNBOOK)).aclose()

    async def test_counts_tokens_or_does_not(self, llm: LLMProvider) -> None:
        """Tokens are counted on both sides or on none."""
        answer = await llm.chat(question(RUNBOOK))

        assert (answer.input_tokens is None) == (answer.output_tokens is None)
        assert all(count is None or count > 0 for count in (answer.input_tokens, answer.output_tokens))

    async def test_says_where_it_answers(self, llm: LLMProvider) -> None:
        """Name and model are given, and an address that does not end in a slash."""
        assert llm.name
        assert llm.model
        assert not llm.address.endswith("/")

    async def test_answers_without_sources(self, llm: LLMProvider) -> None:
        """Where nothing was found there is still an answer."""
        assert (await llm.chat(question())).content.strip()
        assert (await streamed(llm, question())).content.strip()

    async def test_writes_a_post_mortem(self, llm: LLMProvider) -> None:
        """The other task is answered too."""
        assert (await llm.chat(question(RUNBOOK, task=Task.POST_MORTEM))).content.strip()
        assert (await streamed(llm, question(RUNBOOK, task=Task.POST_MORTEM))).content.strip()

    async def test_takes_every_option(self, llm: LLMProvider) -> None:
        """Model, temperature and token limit are taken together, streamed or not."""
        answer = await llm.chat(question(RUNBOOK), model="another-model", temperature=0.0, max_tokens=50)
        stream = llm.stream(question(RUNBOOK), model="another-model", temperature=0.0, max_tokens=50)

        assert answer.content.strip()
        assert [item async for item in stream][-1] == answer

    async def test_answers_many_at_once(self, llm: LLMProvider) -> None:
        """Concurrent questions do not mix, whether they stream or not."""
        asked = [question(RUNBOOK, text=f"why did volume {number} fill up?") for number in range(10)]
        alone = [(await llm.chat(one)).content for one in asked]

        chats, streams = await asyncio.gather(
            asyncio.gather(*[chatted(llm, one) for one in asked]),
            asyncio.gather(*[streamed(llm, one) for one in asked]),
        )

        assert [answer.content for answer in chats] == alone
        assert [answer.content for answer in streams] == alone
