from collections.abc import AsyncIterator, Iterator

import httpx2
import openai
import pytest
from starlette.responses import PlainTextResponse, Response

from faultmaven_adapters.llm.extractive import ExtractiveProvider
from faultmaven_adapters.llm.openai import OpenAIProvider
from faultmaven_domain.agent import LLMError, LLMRateLimited, LLMRefused, LLMTimeout
from faultmaven_domain.kernel.errors import FaultMavenError
from tests.contracts.llm_provider import RUNBOOK, LLMProviderContract, question
from tests.standins.openai import KEY, OpenAIStandIn, failure
from tests.standins.running import running


@pytest.fixture
def standin() -> OpenAIStandIn:
    return OpenAIStandIn()


@pytest.fixture
def address(standin: OpenAIStandIn) -> Iterator[str]:
    with running(standin.app) as base:
        yield f"{base}/v1"


async def test_the_vendors_sdk_drives_the_stand_in(standin: OpenAIStandIn, address: str) -> None:
    """The stand-in is what the vendor's own client expects, in success and in error."""
    async with openai.AsyncOpenAI(api_key=KEY, base_url=address, max_retries=0) as client:
        answer = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
        assert answer.choices[0].message.content == "You said: hello"
        assert answer.usage is not None
        assert answer.usage.total_tokens == 18
        assert [model.id async for model in client.models.list()] == ["gpt-4o-mini"]
        standin.replies.append(failure(429, "Rate limit reached", "rate_limit_exceeded", retry_after="2"))
        with pytest.raises(openai.RateLimitError, match="Rate limit reached"):
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    async with openai.AsyncOpenAI(api_key="wrong", base_url=address, max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])


class TestExtractiveProvider(LLMProviderContract):
    @pytest.fixture
    def llm(self) -> ExtractiveProvider:
        return ExtractiveProvider()


class TestOpenAIProvider(LLMProviderContract):
    @pytest.fixture
    async def llm(self, address: str) -> AsyncIterator[OpenAIProvider]:
        provider = OpenAIProvider(address, KEY)
        yield provider
        await provider.close()

    async def test_asks_what_it_was_told_to(self, llm: OpenAIProvider, standin: OpenAIStandIn) -> None:
        """The model, the limits and the messages' words reach the vendor, and nothing else does."""
        await llm.chat(question(RUNBOOK), model="m", temperature=0.1, max_tokens=9)

        assert standin.requests == [
            {
                "model": "m",
                "messages": [
                    {"role": "system", "content": "Answer from the sources."},
                    {"role": "user", "content": "Question: why is the disk full?"},
                ],
                "temperature": 0.1,
                "max_tokens": 9,
            }
        ]

    async def test_counts_tokens(self, llm: OpenAIProvider) -> None:
        """The vendor's own count is passed on."""
        answer = await llm.chat(question(RUNBOOK))

        assert (answer.input_tokens, answer.output_tokens) == (11, 7)

    @pytest.mark.parametrize(("theirs", "ours"), [("length", "length"), ("content_filter", "filtered")])
    async def test_says_why_it_stopped(
        self, llm: OpenAIProvider, standin: OpenAIStandIn, theirs: str, ours: str
    ) -> None:
        """A cut or filtered answer says so."""
        standin.finish_reason = theirs

        assert (await llm.chat(question(RUNBOOK))).stop_reason == ours

    @pytest.mark.parametrize(
        ("reply", "error"),
        [
            (failure(500, "boom sk-secret", "server_error"), LLMError),
            (failure(503, "overloaded", "server_error"), LLMError),
            (failure(429, "slow down", "rate_limit_exceeded", retry_after="3"), LLMRateLimited),
            (failure(400, "context too long", "context_length_exceeded"), LLMRefused),
            (failure(403, "no", "forbidden"), LLMRefused),
            (PlainTextResponse("<html>not json</html>"), LLMError),
            (PlainTextResponse("{}", media_type="application/json"), LLMError),
            (PlainTextResponse("[]", media_type="application/json"), LLMError),
            (PlainTextResponse('{"choices": []}', media_type="application/json"), LLMError),
            (PlainTextResponse('{"choices": [{"message": null}]}', media_type="application/json"), LLMError),
            (failure(502, "", ""), LLMError),
        ],
    )
    async def test_failures_come_in_our_words(
        self, llm: OpenAIProvider, standin: OpenAIStandIn, reply: Response, error: type[FaultMavenError]
    ) -> None:
        """Each way to fail is one of ours, and no word of the vendor's is in it."""
        standin.replies.append(reply)

        with pytest.raises(error) as raised:
            await llm.chat(question(RUNBOOK))

        assert type(raised.value) is error
        assert not any(word in raised.value.message for word in ("sk-secret", "boom", "slow down", "html"))

    async def test_an_empty_answer_is_none(self, llm: OpenAIProvider, standin: OpenAIStandIn) -> None:
        """White space is no answer."""
        standin.replies.append("  \n")

        with pytest.raises(LLMError):
            await llm.chat(question(RUNBOOK))

    async def test_says_when_to_come_back(self, llm: OpenAIProvider, standin: OpenAIStandIn) -> None:
        """A rate limit carries the vendor's waiting time; one that is no number is left out."""
        standin.replies += [
            failure(429, "x", "rate_limit_exceeded", retry_after="3"),
            failure(429, "x", "rate_limit_exceeded", retry_after="Wed, 21 Oct 2026 07:28:00 GMT"),
        ]
        waits = []
        for _ in range(2):
            with pytest.raises(LLMRateLimited) as raised:
                await llm.chat(question(RUNBOOK))
            waits.append(raised.value.retry_after)

        assert waits == [3.0, None]

    async def test_a_wrong_key_is_refused(self, address: str) -> None:
        """A key the vendor does not take is no passing fault."""
        provider = OpenAIProvider(address, "wrong")
        with pytest.raises(LLMRefused):
            await provider.chat(question(RUNBOOK))
        with pytest.raises(LLMRefused):
            await provider.ping()
        await provider.close()

    async def test_a_server_that_is_away_is_unavailable(self) -> None:
        """Nobody listening is an LLMError, for a ping too."""
        provider = OpenAIProvider("http://127.0.0.1:9/v1", None)
        with pytest.raises(LLMError):
            await provider.chat(question(RUNBOOK))
        with pytest.raises(LLMError):
            await provider.ping()
        await provider.close()

    async def test_a_server_that_is_slow_times_out(self, standin: OpenAIStandIn, address: str) -> None:
        """No answer in time is a timeout of ours."""
        standin.replies += [1.0, "late"]
        provider = OpenAIProvider(address, KEY, client=httpx2.AsyncClient(timeout=0.1))
        with pytest.raises(LLMTimeout):
            await provider.chat(question(RUNBOOK))
        await provider.close()

    async def test_a_ping_is_answered(self, llm: OpenAIProvider) -> None:
        """A well server pings without an error."""
        await llm.ping()

        assert llm.key == KEY

    def test_does_not_show_its_key(self, llm: OpenAIProvider) -> None:
        """A provider's repr keeps the key to itself."""
        assert KEY not in repr(llm)
