"""Anthropic's Messages API, as its reference describes it.

``python -m tests.standins.anthropic --port 0 --sleep 0.3 --grounded`` runs one in a process of its own.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from attrs import frozen

from tests.standins.playing import Frames, StandIn
from tests.standins.script import GIVEN, KEY, MADE, SAID, Says
from tests.standins.serving import serve

_STOP = {"stop": "end_turn", "length": "max_tokens", "refused": "refusal"}
_TROUBLE = {
    "overloaded": (529, "overloaded_error"),
    "limited": (429, "rate_limit_error"),
    "invalid": (400, "invalid_request_error"),
}
#: What is asked and answered here is the same in both.
_VERSIONS = {"2023-06-01", "2026-10-21"}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
#: Of the tokens given, one was put into the vendor's cache and two were read from it.
_CACHE = {"cache_creation_input_tokens": 1, "cache_read_input_tokens": 2}
_USAGE = {"input_tokens": GIVEN - 3, "output_tokens": MADE, **_CACHE}


@frozen
class AnthropicDialect:
    chat_path: str = "/v1/messages"
    models_path: str = "/v1/models"
    media_type: str = "text/event-stream"

    def admits(self, headers: Mapping[str, str]) -> bool:
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        return key == KEY and headers.get("anthropic-version") in _VERSIONS

    def wants_stream(self, body: dict[str, Any]) -> bool:
        return bool(body.get("stream"))

    def question(self, body: dict[str, Any]) -> str:
        return str(body["messages"][-1]["content"])

    def models(self) -> dict[str, Any]:
        model = {
            "type": "model",
            "id": "claude-haiku-4-5",
            "display_name": "Stand-in",
            "created_at": "2025-10-01T00:00:00Z",
        }
        return {"data": [model], "has_more": False, "first_id": model["id"], "last_id": model["id"]}

    def whole(self, body: dict[str, Any], said: Says) -> dict[str, Any]:
        content = [{"type": "text", "text": said.text}] if said.text else []
        return _message(body, content, _STOP[said.ending], _USAGE)

    def frames(self, body: dict[str, Any], said: Says, pieces: list[str]) -> Frames:
        beginning = _message(body, [], None, {**_USAGE, "output_tokens": 1})
        ending = {"stop_reason": _STOP[said.ending], "stop_sequence": None}
        return Frames(
            [
                _event("message_start", message=beginning),
                _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
                _event("ping"),
            ],
            [_event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece}) for piece in pieces],
            [
                _event("content_block_stop", index=0),
                _event("message_delta", delta=ending, usage={"output_tokens": MADE}),
                _event("message_stop"),
            ],
        )

    def failure(self, status: int, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": message}}

    def trouble(self, error: str) -> tuple[int, bytes]:
        status, kind = _TROUBLE[error]
        return status, _event("error", error={"type": kind, "message": SAID})


AnthropicStandIn = partial(StandIn, AnthropicDialect())


def _message(body: dict[str, Any], content: list[Any], stop: str | None, usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
    }


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


if __name__ == "__main__":
    serve(AnthropicStandIn)
