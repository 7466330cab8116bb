"""What only OpenAI's wire has, and what servers make of it that speak something like it."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from faultmaven_adapters.llm.openai import OpenAIProvider
from faultmaven_domain.agent import THINKING_TOKENS, ChatResponse, LLMError, LLMRateLimited, LLMRefused
from faultmaven_domain.kernel.errors import FaultMavenError
from tests.contracts.llm_provider import RUNBOOK, chatted, question, streamed
from tests.standins.openai import OpenAIStandIn
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import KEY, Garbles

ASKED = question(RUNBOOK)
MESSAGES = [
    {"role": "system", "content": "Answer from the sources."},
    {"role": "user", "content": "Question: why is the disk full?"},
]


@pytest.fixture
def standin() -> StandIn:
    return OpenAIStandIn()


@pytest.fixture
def address(standin: StandIn) -> Iterator[str]:
    with running(standin.app) as base:
        yield f"{base}/v1"


@pytest.fixture
async def llm(address: str) -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider(address, KEY)
    yield provider
    await provider.close()


def stream_of(*data: object, comments: bool = False) -> Garbles:
    """Events as a server of somebody else's sends them; a text is sent as it is."""
    texts = [one if isinstance(one, str) else json.dumps(one) for one in data]
    between = ": keep-alive\n\n" if comments else ""
    return Garbles(
        body="".join(f"{between}data: {text}\n\n" for text in texts).encode(), media_type="text/event-stream"
    )


def chunk(**choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, **choice}]}


async def test_asks_what_it_was_told_to(llm: OpenAIProvider, standin: StandIn) -> None:
    """The model, the limits and the messages' words reach the vendor, and nothing else does."""
    await llm.chat(ASKED, model="m", temperature=0.1, max_tokens=9)
    await anext(llm.stream(ASKED, model="m", temperature=0.1))

    assert standin.requests == [
        {"model": "m", "messages": MESSAGES, "temperature": 0.1, "max_tokens": 9},
        {
            "model": "m",
            "messages": MESSAGES,
            "temperature": 0.1,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    ]


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("o1", True),
        ("o3-mini", True),
        ("o4-mini-2025-04-16", True),
        ("gpt-5", True),
        ("gpt-5.1-mini", True),
        ("gpt-10", True),
        ("ft:o4-mini-2025-04-16:acme", True),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("gpt-3.5-turbo", False),
        ("chatgpt-4o-latest", False),
        ("olmo-2", False),
        ("openai/gpt-5", False),  # a router's name for it, which takes the old words
        ("gpt-oss-120b", False),
    ],
)
async def test_models_that_think_are_asked_otherwise(
    llm: OpenAIProvider, standin: StandIn, model: str, thinks: bool
) -> None:
    """They refuse a temperature and the old name of the limit, and need room for what they think."""
    await llm.chat(ASKED, model=model, temperature=0.2, max_tokens=100)

    [body] = standin.requests
    told = {key: value for key, value in body.items() if key not in {"model", "messages"}}
    assert told == (
        {"max_completion_tokens": 100 + THINKING_TOKENS} if thinks else {"temperature": 0.2, "max_tokens": 100}
    )


@pytest.mark.parametrize(
    "reply",
    [
        stream_of(chunk(delta={"content": "The disk."}), "[DONE]"),
        stream_of(chunk(delta={"content": "The disk."}, finish_reason="stop")),
        stream_of(chunk(delta={"content": "The "}), chunk(delta={"content": "disk."}), "[DONE]", comments=True),
        stream_of({"choices": [], "prompt_filter_results": []}, chunk(delta={"content": "The disk."}), "[DONE]"),
        stream_of(chunk(delta={"role": "assistant", "content": None}), chunk(delta={"content": "The disk."}), "[DONE]"),
        stream_of(chunk(delta={"reasoning_content": "Hm."}), chunk(delta={"content": "The disk."}), "[DONE]"),
        stream_of(chunk(delta={"content": "The disk."}), chunk(delta=None, finish_reason="eos"), "[DONE]"),
        stream_of(chunk(delta={"content": "The disk."}), {"choices": None, "usage": None}, " [DONE]"),
        Garbles(
            body=b'event: x\rdata:{"choices":[{"delta":\rdata:{"content":"The disk."}}]}\r\rdata:[DONE]\r\n\r\n',
            media_type="text/event-stream",
        ),
    ],
)
async def test_compatible_servers_are_understood(llm: OpenAIProvider, standin: StandIn, reply: Garbles) -> None:
    """Streams without usage, without a reason or an end mark, with comments and empty chunks, are answers."""
    standin.replies.append(reply)

    assert await streamed(llm, ASKED) == ChatResponse(content="The disk.", model=llm.model, provider="openai")


async def test_usage_may_come_early(llm: OpenAIProvider, standin: StandIn) -> None:
    """A server that counts in every chunk is read to its last count."""
    counts = [{"usage": {"prompt_tokens": 5, "completion_tokens": made}} for made in (1, 2)]
    standin.replies.append(
        stream_of(*[chunk(delta={"content": "word "}) | usage for usage in counts], {"usage": None}, "[DONE]")
    )

    answer = await streamed(llm, ASKED)

    assert (answer.input_tokens, answer.output_tokens) == (5, 2)


async def test_parts_of_text_are_put_together(llm: OpenAIProvider, standin: StandIn) -> None:
    """Content as a list is its texts, without what was thought."""
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "The "}, {"type": "text", "text": "disk."}]
    standin.replies.append(Garbles(body=json.dumps(chunk(message={"content": parts})).encode()))

    assert (await llm.chat(ASKED)).content == "The disk."


@pytest.mark.parametrize(
    "reply",
    [
        stream_of(chunk(delta={"content": "The "})),
        stream_of("[DONE]"),
        stream_of(chunk(delta={"content": 7}), "[DONE]"),
        stream_of(chunk(delta=[1]), "[DONE]"),
        stream_of({"choices": [7]}, "[DONE]"),
        stream_of({"choices": {"0": 1}}, "[DONE]"),
        stream_of(chunk(delta={"content": "a"}, finish_reason=["stop"]), "[DONE]"),
        stream_of(chunk(delta={"content": "a"}) | {"usage": 5}, "[DONE]"),
        stream_of("[1, 2]", "[DONE]"),
        stream_of('{"choices": ', "[DONE]"),
    ],
)
async def test_streams_of_another_form_are_nonsense(llm: OpenAIProvider, standin: StandIn, reply: Garbles) -> None:
    """A chunk that is not what a chunk should be ends the answer in an error of ours."""
    standin.replies.append(reply)

    with pytest.raises(LLMError) as raised:
        await streamed(llm, ASKED)
    assert type(raised.value) is LLMError


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        ({"message": "boom", "code": 429}, LLMRateLimited),
        ({"message": "boom", "code": 502}, LLMError),
        ({"message": "boom", "type": "BadRequestError", "code": 400}, LLMRefused),
        ({"message": "boom", "type": "rate_limit_error"}, LLMRateLimited),
        ({"message": "boom", "code": "insufficient_quota"}, LLMRefused),
        ({"message": "boom", "code": True, "type": None}, LLMError),
        ({"message": "boom", "code": 7}, LLMError),
        ("boom", LLMError),
        (["boom"], LLMError),
    ],
)
@pytest.mark.parametrize("ask", [chatted, streamed])
async def test_errors_with_the_status_of_success(
    llm: OpenAIProvider, standin: StandIn, ask: Any, error: object, ours: type[FaultMavenError]
) -> None:
    """Routers tell of an error inside an answer, by number or by name."""
    body = json.dumps({"error": error})
    text = body if ask is chatted else f"data: {body}\n\n"
    standin.replies.append(Garbles(body=text.encode()))

    with pytest.raises(ours) as raised:
        await ask(llm, ASKED)
    assert type(raised.value) is ours
    assert "boom" not in raised.value.message


async def test_an_empty_purse_is_no_passing_fault(standin: StandIn) -> None:
    """A quota that is used up comes as a 429, and waiting does not fill it."""
    error = {"error": {"message": "boom", "type": "insufficient_quota", "code": "insufficient_quota"}}

    async def broke(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(error).encode()})

    with running(broke) as base:
        provider = OpenAIProvider(base, KEY)
        with pytest.raises(LLMRefused):
            await provider.chat(ASKED)
        await provider.close()


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "ftp://localhost/v1", "http://localhost:port", ""])
async def test_an_address_that_is_none_is_refused(base_url: str) -> None:
    """A base URL that cannot be one is no passing fault."""
    provider = OpenAIProvider(base_url, None)
    with pytest.raises(LLMRefused):
        await provider.chat(ASKED)
    with pytest.raises(LLMRefused):
        await streamed(provider, ASKED)
    await provider.close()


async def test_without_a_key_none_is_sent(standin: StandIn, address: str) -> None:
    """Servers at home ask for no key, and one that does refuses."""
    provider = OpenAIProvider(address, None)
    with pytest.raises(LLMRefused):
        await provider.ping()
    await provider.close()
