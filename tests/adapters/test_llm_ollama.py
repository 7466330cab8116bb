"""What only Ollama's wire has."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from faultmaven_adapters.llm.ollama import OllamaProvider, address_of
from faultmaven_domain.agent import LLMError, LLMRefused, Message
from tests.contracts.llm_provider import RUNBOOK, question, streamed
from tests.standins.ollama import OllamaStandIn
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import Garbles

ASKED = question(RUNBOOK)


@pytest.fixture
def standin() -> StandIn:
    return OllamaStandIn()


@pytest.fixture
def address(standin: StandIn) -> Iterator[str]:
    with running(standin.app) as base:
        yield base


@pytest.fixture
async def llm(address: str) -> AsyncIterator[OllamaProvider]:
    provider = OllamaProvider(address)
    yield provider
    await provider.close()


def stream_of(*lines: object) -> Garbles:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return Garbles(body=text.encode(), media_type="application/x-ndjson")


def said(text: object, **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}, "done": False, **more}


async def test_asks_what_it_was_told_to(llm: OllamaProvider, standin: StandIn) -> None:
    """The limits are options of Ollama's own, and the window is always named."""
    await llm.chat(ASKED, model="m", temperature=0.1, max_tokens=9)
    await anext(llm.stream(ASKED))

    first, second = standin.requests
    assert first == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Answer from the sources."},
            {"role": "user", "content": "Question: why is the disk full?"},
        ],
        "stream": False,
        "think": False,
        "options": {"temperature": 0.1, "num_ctx": 4_096, "num_predict": 9},
    }
    assert (second["model"], second["stream"]) == ("llama3.2", True)
    assert second["options"] == {"temperature": 0.7, "num_ctx": 4_096}


@pytest.mark.parametrize(
    ("characters", "max_tokens", "window"),
    [(6_144, 2_048, 4_096), (6_147, 2_048, 8_192), (30_000, 2_000, 16_384), (60_000, None, 32_768)],
)
async def test_the_window_fits_the_prompt(
    llm: OllamaProvider, standin: StandIn, characters: int, max_tokens: int | None, window: int
) -> None:
    """Ollama cuts a prompt past its window without a word, so the window grows with the prompt, by doubling."""
    await llm.chat([Message(role="user", content="x" * characters)], max_tokens=max_tokens)

    assert standin.requests[0]["options"]["num_ctx"] == window


async def test_a_prompt_past_the_widest_window_is_told(
    standin: StandIn, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The window ends where it was told to, and the log says when a prompt wants more."""
    provider = OllamaProvider(address, context=8_192)
    with caplog.at_level(logging.WARNING):
        await provider.chat([Message(role="user", content="x" * 60_000)], max_tokens=100)
    await provider.close()

    assert standin.requests[0]["options"]["num_ctx"] == 8_192
    assert "the window ends at 8192" in caplog.text


async def test_a_model_that_is_not_there_is_named(address: str) -> None:
    """A ping says how to fetch the model, whose tag may be left out."""
    for model in ("llama3.2", "llama3.2:latest", "LLama3.2"):
        provider = OllamaProvider(address, model)
        await provider.ping()
        await provider.close()
    for model in ("llama3.2:1b", "qwen3", "localhost:5000/team/llama3.2"):
        provider = OllamaProvider(address, model)
        with pytest.raises(LLMRefused, match=f"run `ollama pull {model}`"):
            await provider.ping()
        await provider.close()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost:11434", "http://localhost:11434"),
        ("localhost", "http://localhost:11434"),
        ("gpu.example", "http://gpu.example:11434"),
        ("0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        (":8080", "http://127.0.0.1:8080"),
        ("", "http://127.0.0.1:11434"),
        ("[::]:11434", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("http://localhost:1234/", "http://localhost:1234"),
        ("http://localhost", "http://localhost"),
        ("https://ollama.example/proxy/", "https://ollama.example/proxy"),
        (" gpu:1 ", "http://gpu:1"),
    ],
)
async def test_a_host_is_written_as_ollama_writes_it(host: str, address: str) -> None:
    """Scheme and port may be left out, and the address to listen on everywhere is one to ask at home."""
    assert address_of(host) == address
    provider = OllamaProvider(host)
    assert provider.address == address
    await provider.close()


async def test_what_is_thought_is_left_out(llm: OllamaProvider, standin: StandIn) -> None:
    """A model that thinks all the same is heard from its first word of answer."""
    standin.replies.append(
        stream_of(
            {"message": {"role": "assistant", "content": "", "thinking": "Hm."}, "done": False},
            "",
            said("The disk."),
            said("", done=True, done_reason="stop", eval_count=4),
        )
    )

    answer = await streamed(llm, ASKED)

    assert (answer.content, answer.stop_reason) == ("The disk.", "stop")
    assert (answer.input_tokens, answer.output_tokens) == (None, 4)


@pytest.mark.parametrize(
    "reply",
    [
        stream_of(said("The disk.")),
        stream_of(said("", done=True, done_reason="load")),
        stream_of(said(7, done=True)),
        stream_of({"message": 7, "done": True}),
        stream_of(said("The disk."), '{"message": {"con'),
        stream_of(said("The disk."), "[]"),
        stream_of(said("The disk."), {"error": "the runner has died"}),
    ],
)
async def test_streams_of_another_form_are_nonsense(llm: OllamaProvider, standin: StandIn, reply: Garbles) -> None:
    """A line that is not what it should be, or an end that never comes, is an error of ours."""
    standin.replies.append(reply)

    with pytest.raises(LLMError) as raised:
        await streamed(llm, ASKED)
    assert type(raised.value) is LLMError


async def test_an_answer_that_is_not_done_is_none(llm: OllamaProvider, standin: StandIn) -> None:
    """An answer in one piece says itself that it is whole."""
    standin.replies.append(stream_of(said("The disk.")))

    with pytest.raises(LLMError):
        await llm.chat(ASKED)


@pytest.mark.parametrize("tags", [b"{}", b'{"models": 7}', b'{"models": [{}]}'])
async def test_a_ping_of_something_else_fails(tags: bytes) -> None:
    """A server that lists no models is not Ollama."""

    async def other(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": tags})

    with running(other) as base:
        provider = OllamaProvider(base)
        with pytest.raises(LLMError):
            await provider.ping()
        await provider.close()
