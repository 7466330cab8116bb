"""What only Anthropic's wire has."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from faultmaven_adapters.llm.anthropic import AnthropicProvider
from faultmaven_domain.agent import THINKING_TOKENS, LLMError, Message
from tests.contracts.llm_provider import RUNBOOK, chatted, question, streamed
from tests.standins.anthropic import AnthropicStandIn
from tests.standins.playing import StandIn
from tests.standins.running import running
from tests.standins.script import KEY, Garbles, Says

ASKED = question(RUNBOOK)


@pytest.fixture
def standin() -> StandIn:
    return AnthropicStandIn()


@pytest.fixture
async def llm(standin: StandIn) -> AsyncIterator[AnthropicProvider]:
    with running(standin.app) as base:
        provider = AnthropicProvider(base, KEY)
        yield provider
        await provider.close()


def stream_of(*events: dict[str, Any]) -> Garbles:
    text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return Garbles(body=text.encode(), media_type="text/event-stream")


def deltas(*deltas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}


STOP = {"type": "message_stop"}


async def test_rules_are_sent_apart(llm: AnthropicProvider, standin: StandIn) -> None:
    """System messages become the system prompt, the others keep their order; there is always a limit."""
    said = [
        Message(role="system", content="Be short."),
        Message(role="user", content="Why?"),
        Message(role="assistant", content="The disk."),
        Message(role="system", content="Be kind."),
        Message(role="user", content="And now?"),
    ]
    await llm.chat(said, temperature=0.2)
    await llm.chat(said[1:2], temperature=1.7, max_tokens=9)

    first, second = standin.requests
    assert first == {
        "model": "claude-haiku-4-5",
        "system": "Be short.\n\nBe kind.",
        "messages": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "The disk."},
            {"role": "user", "content": "And now?"},
        ],
        "temperature": 0.2,
        "max_tokens": 4_096,
    }
    assert second == {
        "model": "claude-haiku-4-5",
        "messages": [{"role": "user", "content": "Why?"}],
        "temperature": 1.0,
        "max_tokens": 9,
    }


@pytest.mark.parametrize(
    ("model", "takes_temperature"),
    [
        ("claude-3-5-haiku-20241022", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-opus-4-1", True),
        ("claude-haiku-4-5-20251001", True),
        ("claude-sonnet-4-6", True),
        ("claude-opus-4-7", False),
        ("claude-opus-5", False),
        ("claude-haiku-5-5", False),
        ("our-gateways-own-name", False),
    ],
)
async def test_later_models_take_no_temperature(
    llm: AnthropicProvider, standin: StandIn, model: str, takes_temperature: bool
) -> None:
    """They refuse it, and need room for what they think."""
    await llm.chat(ASKED, model=model, temperature=0.3, max_tokens=100)

    [body] = standin.requests
    told = (body.get("temperature"), body["max_tokens"])
    assert told == ((0.3, 100) if takes_temperature else (None, 100 + THINKING_TOKENS))


@pytest.mark.parametrize("ask", [chatted, streamed])
async def test_a_refusal_without_a_word_is_told_in_ours(llm: AnthropicProvider, standin: StandIn, ask: Any) -> None:
    """A model that declines and says nothing is spoken for."""
    standin.replies.append(Says(text="", ending="refused"))

    answer = await ask(llm, ASKED)

    assert (answer.content, answer.stop_reason) == ("The language model declined to answer this.", "refused")


@pytest.mark.parametrize(
    ("theirs", "ours"), [("stop_sequence", "stop"), ("model_context_window_exceeded", "length"), ("new_one", "stop")]
)
async def test_other_reasons_to_stop(llm: AnthropicProvider, standin: StandIn, theirs: str, ours: str) -> None:
    """A full window cuts an answer as the limit does; reasons that are not known are taken for an end."""
    ending = {"type": "message_delta", "delta": {"stop_reason": theirs}}
    standin.replies.append(stream_of(*deltas({"type": "text_delta", "text": "The disk."}), ending, STOP))

    assert (await streamed(llm, ASKED)).stop_reason == ours


async def test_what_is_not_text_is_passed_over(llm: AnthropicProvider, standin: StandIn) -> None:
    """Thoughts, signatures and events of kinds yet to come are left out; blocks are joined."""
    standin.replies.append(
        stream_of(
            {"type": "message_start", "message": {"model": "claude-x", "usage": {"input_tokens": 3}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "Hm"}},
            *deltas({"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "x"}),
            {"type": "ping"},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "The "}},
            *deltas({"type": "text_delta", "text": "disk."}, {"type": "citations_delta", "citation": {}}),
            {"type": "tomorrow", "what": ["ever"]},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
            STOP,
        )
    )

    answer = await streamed(llm, ASKED)

    assert (answer.content, answer.model, answer.input_tokens, answer.output_tokens) == ("The disk.", "claude-x", 3, 9)


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "message_start"}],
        [{"type": "message_start", "message": 7}],
        [{"type": "content_block_delta", "delta": {"type": "text_delta"}}],
        [{"type": "content_block_delta", "delta": {"type": "text_delta", "text": 7}}],
        [{"type": "message_delta", "delta": None}],
        [{"type": "message_delta", "delta": {}, "usage": 7}],
        [*deltas({"type": "text_delta", "text": "The disk."})],
    ],
)
async def test_streams_of_another_form_are_nonsense(
    llm: AnthropicProvider, standin: StandIn, events: list[dict[str, Any]]
) -> None:
    """An event that is not what it should be, or an end that never comes, is an error of ours."""
    closing = [STOP] if events[0]["type"] != "content_block_delta" or "text" not in events[0]["delta"] else []
    standin.replies.append(stream_of(*events, *closing))

    with pytest.raises(LLMError) as raised:
        await streamed(llm, ASKED)
    assert type(raised.value) is LLMError
