"""Each stand-in is what its vendor's own SDK expects, which is what makes the other tests worth something."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from faultmaven_domain.agent import Task
from faultmaven_domain.agent.context import rendered
from faultmaven_domain.agent.prompts import prompt
from tests.contracts.llm_provider import RUNBOOK
from tests.standins.anthropic import AnthropicStandIn
from tests.standins.grounded import composed
from tests.standins.ollama import OllamaStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import GIVEN, KEY, MADE, Breaks, Fails, Says

HELLO = [{"role": "user", "content": "hello"}]


@contextmanager
def up(make: Callable[[], StandIn]) -> Iterator[tuple[StandIn, str]]:
    standin = make()
    with running(standin.app) as base:
        yield standin, base


async def test_openais_sdk_chats_and_lists_models() -> None:
    """Answers, refusals, endings, counts and models are what the SDK makes of them."""
    import openai

    with up(OpenAIStandIn) as (standin, base):
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{base}/v1", max_retries=0) as client:
            answer = await client.chat.completions.create(model="m", messages=HELLO)
            assert answer.choices[0].message.content == "You said: hello"
            assert answer.choices[0].finish_reason == "stop"
            assert answer.usage is not None
            assert answer.usage.total_tokens == GIVEN + MADE
            standin.replies.append(Says(text="No.", ending="refused"))
            refused = await client.chat.completions.create(model="m", messages=HELLO)
            assert refused.choices[0].message.refusal == "No."
            assert [model.id async for model in client.models.list()] == ["gpt-4o-mini"]


async def test_openais_sdk_streams() -> None:
    """Pieces, the last reason and the counts asked for arrive."""
    import openai

    with up(OpenAIStandIn) as (_, base):
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{base}/v1", max_retries=0) as client:
            async with client.chat.completions.stream(
                model="m", messages=HELLO, stream_options={"include_usage": True}
            ) as stream:
                kinds = {event.type async for event in stream}
                whole = await stream.get_final_completion()
    assert {"content.delta", "content.done"} <= kinds
    assert whole.choices[0].message.content == "You said: hello"
    assert whole.usage is not None
    assert whole.usage.completion_tokens == MADE


async def test_openais_sdk_sees_failures() -> None:
    """Each status, and an error in the middle, is the exception the SDK has for it."""
    import openai

    with up(OpenAIStandIn) as (standin, base):
        async with openai.AsyncOpenAI(api_key=KEY, base_url=f"{base}/v1", max_retries=0) as client:
            standin.replies += [Fails(status=429, retry_after="2"), Fails(status=500), Breaks(after=1, error="invalid")]
            with pytest.raises(openai.RateLimitError) as limited:
                await client.chat.completions.create(model="m", messages=HELLO)
            assert limited.value.response.headers["retry-after"] == "2"
            assert limited.value.code == "rate_limit_exceeded"
            with pytest.raises(openai.InternalServerError):
                await client.chat.completions.create(model="m", messages=HELLO)
            stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
            with pytest.raises(openai.APIError):
                [chunk async for chunk in stream]
        async with openai.AsyncOpenAI(api_key="wrong", base_url=f"{base}/v1", max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError):
                await client.models.list()


async def test_anthropics_sdk_chats_and_lists_models() -> None:
    """Answers, refusals, endings, counts and models are what the SDK makes of them."""
    import anthropic

    with up(AnthropicStandIn) as (standin, base):
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=base, max_retries=0) as client:
            answer = await client.messages.create(model="m", max_tokens=9, messages=HELLO)
            assert [block.text for block in answer.content if block.type == "text"] == ["You said: hello"]
            assert answer.stop_reason == "end_turn"
            cached = (answer.usage.cache_creation_input_tokens, answer.usage.cache_read_input_tokens)
            assert answer.usage.input_tokens + sum(tokens or 0 for tokens in cached) == GIVEN
            standin.replies.append(Says(text="", ending="refused"))
            refused = await client.messages.create(model="m", max_tokens=9, messages=HELLO)
            assert (refused.content, refused.stop_reason) == ([], "refusal")
            assert [model.id async for model in client.models.list()] == ["claude-haiku-4-5"]


async def test_anthropics_sdk_streams() -> None:
    """Pieces, the last reason and the counts arrive."""
    import anthropic

    with up(AnthropicStandIn) as (_, base):
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=base, max_retries=0) as client:
            async with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
                pieces = [text async for text in stream.text_stream]
                whole = await stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == "You said: hello"
    assert (whole.stop_reason, whole.usage.output_tokens) == ("end_turn", MADE)


async def test_anthropics_sdk_sees_failures() -> None:
    """Each status, and an error in the middle, is the exception the SDK has for it."""
    import anthropic

    with up(AnthropicStandIn) as (standin, base):
        async with anthropic.AsyncAnthropic(api_key=KEY, base_url=base, max_retries=0) as client:
            standin.replies += [Fails(status=429, retry_after="2"), Fails(status=529)]
            with pytest.raises(anthropic.RateLimitError) as limited:
                await client.messages.create(model="m", max_tokens=9, messages=HELLO)
            assert limited.value.response.headers["retry-after"] == "2"
            with pytest.raises(anthropic.APIStatusError, match="boom") as overloaded:
                await client.messages.create(model="m", max_tokens=9, messages=HELLO)
            assert overloaded.value.status_code == 529
            standin.replies.append(Breaks(after=1, error="overloaded"))
            with pytest.raises(anthropic.APIStatusError):
                async with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream:
                    await stream.get_final_message()
        async with anthropic.AsyncAnthropic(api_key="wrong", base_url=base, max_retries=0) as client:
            with pytest.raises(anthropic.AuthenticationError):
                await client.models.list()


async def test_ollamas_sdk_chats_and_lists_models() -> None:
    """Answers, endings, counts and models are what the SDK makes of them."""
    import ollama

    with up(OllamaStandIn) as (standin, base):
        async with ollama.AsyncClient(host=base) as client:
            answer = await client.chat(model="m", messages=HELLO, think=False, options={"num_ctx": 4_096})
            assert answer.message.content == "You said: hello"
            assert (answer.done, answer.done_reason) == (True, "stop")
            assert (answer.prompt_eval_count, answer.eval_count) == (GIVEN, MADE)
            standin.replies.append(Says(text="The", ending="length"))
            assert (await client.chat(model="m", messages=HELLO)).done_reason == "length"
            assert [model.model for model in (await client.list()).models] == ["llama3.2:latest"]


async def test_ollamas_sdk_streams() -> None:
    """Pieces arrive, and last the counts."""
    import ollama

    with up(OllamaStandIn) as (_, base):
        async with ollama.AsyncClient(host=base) as client:
            parts = [part async for part in await client.chat(model="m", messages=HELLO, stream=True)]
    assert len(parts) > 2
    assert "".join(part.message.content or "" for part in parts) == "You said: hello"
    assert (parts[-1].done, parts[-1].eval_count) == (True, MADE)


async def test_ollamas_sdk_sees_failures() -> None:
    """A status, and an error in the middle, is the SDK's own exception."""
    import ollama

    with up(OllamaStandIn) as (standin, base):
        async with ollama.AsyncClient(host=base) as client:
            standin.replies += [Fails(status=404), Breaks(after=1, error="overloaded")]
            with pytest.raises(ollama.ResponseError) as missing:
                await client.chat(model="m", messages=HELLO)
            assert missing.value.status_code == 404
            with pytest.raises(ollama.ResponseError, match="boom"):
                [part async for part in await client.chat(model="m", messages=HELLO, stream=True)]


@pytest.mark.parametrize(
    ("name", "path"), [("openai", "/v1/models"), ("anthropic", "/v1/models"), ("ollama", "/api/tags")]
)
def test_a_stand_in_runs_by_itself(name: str, path: str) -> None:
    """In a process of its own it says its address and answers there until it is told to stop."""
    words = [sys.executable, "-m", f"tests.standins.{name}", "--port", "0", "--sleep", "0.01", "--grounded"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        headers = {"authorization": f"Bearer {KEY}", "x-api-key": KEY, "anthropic-version": "2023-06-01"}
        there = httpx2.get(f"{address.removesuffix('/v1')}{path}", headers=headers)
        process.terminate()
    assert address.startswith("http://127.0.0.1:")
    assert there.status_code == 200


@pytest.mark.parametrize("task", Task)
def test_a_grounded_answer_cites_its_prompt(task: Task) -> None:
    """It quotes the prompt's sources by their numbers, and writes the chapters a post-mortem is asked for."""
    names = ("title", "description", "files", "history", "question", "left_out", "state")
    words = {name: f"The {name}." for name in names}
    said = composed(prompt(task.value).substitute(words, sources=rendered(RUNBOOK)))

    assert "- Run df -h and look for a volume at 100 %. [1]" in said
    assert ("## Root cause" in said) == (task is Task.POST_MORTEM)


def test_a_grounded_answer_says_when_there_is_nothing() -> None:
    """Without sources it says so, and cites none."""
    assert "[" not in composed("Sources:\nnone\n\nQuestion: why?")
