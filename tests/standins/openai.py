"""OpenAI's chat completions and embeddings, as its reference describes them.

``python -m tests.standins.openai --port 0 --sleep 0.3 --grounded`` runs one in a process of its own.
"""

import json
from array import array
from base64 import b64encode
from collections.abc import Mapping
from functools import partial
from typing import Any

from attrs import frozen

from tests.standins.playing import Frames, StandIn
from tests.standins.script import GIVEN, KEY, MADE, SAID, Says
from tests.standins.serving import serve

_FINISH = {"stop": "stop", "length": "length", "filtered": "content_filter", "refused": "stop"}
_TROUBLE = {
    "overloaded": (503, "server_error", "server_error"),
    "limited": (429, "requests", "rate_limit_exceeded"),
    "invalid": (400, "invalid_request_error", "context_length_exceeded"),
}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_USAGE = {"prompt_tokens": GIVEN, "completion_tokens": MADE, "total_tokens": GIVEN + MADE}


@frozen
class OpenAIDialect:
    chat_path: str = "/v1/chat/completions"
    models_path: str = "/v1/models"
    media_type: str = "text/event-stream"

    def admits(self, headers: Mapping[str, str]) -> bool:
        return headers.get("authorization") == f"Bearer {KEY}"

    def wants_stream(self, body: dict[str, Any]) -> bool:
        return bool(body.get("stream"))

    def question(self, body: dict[str, Any]) -> str:
        return str(body["messages"][-1]["content"])

    def models(self) -> dict[str, Any]:
        model = {"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "stand-in"}
        return {"object": "list", "data": [model]}

    def whole(self, body: dict[str, Any], said: Says) -> dict[str, Any]:
        refused = said.ending == "refused"
        message = {
            "role": "assistant",
            "content": None if refused else said.text,
            "refusal": said.text if refused else None,
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[said.ending]}
        return _envelope(body, "chat.completion", [choice], _USAGE)

    def frames(self, body: dict[str, Any], said: Says, pieces: list[str]) -> Frames:
        words = "refusal" if said.ending == "refused" else "content"
        counting = (body.get("stream_options") or {}).get("include_usage")
        last = [_chunk(body, {}, finish_reason=_FINISH[said.ending])]
        if counting:
            last.append(_event(_envelope(body, "chat.completion.chunk", [], _USAGE)))
        return Frames(
            [_chunk(body, {"role": "assistant", "content": "", "refusal": None})],
            [_chunk(body, {words: piece}) for piece in pieces],
            [*last, b"data: [DONE]\n\n"],
        )

    def failure(self, status: int, message: str) -> dict[str, Any]:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": _CODES.get(status)}}

    def trouble(self, error: str) -> tuple[int, bytes]:
        status, kind, code = _TROUBLE[error]
        return status, _event({"error": {"message": SAID, "type": kind, "param": None, "code": code}})


#: A text may have so many tokens; here a letter is one.
_LONGEST_TEXT = 8_192


@frozen
class OpenAIEmbeds:
    path: str = "/v1/embeddings"

    def refusal(self, texts: list[str]) -> str | None:
        if not all(texts):
            return "input cannot be an empty string"
        return "maximum context length" if max(map(len, texts)) > _LONGEST_TEXT else None

    def answer(self, body: dict[str, Any], vectors: list[list[float]]) -> dict[str, Any]:
        encoded = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": at,
                "embedding": b64encode(array("f", vector).tobytes()).decode() if encoded else vector,
            }
            for at, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": GIVEN, "total_tokens": GIVEN}
        return {"object": "list", "data": data[::-1], "model": body["model"], "usage": usage}  # the index tells which


OpenAIStandIn = partial(StandIn, OpenAIDialect(), embeds=OpenAIEmbeds())


def _envelope(body: dict[str, Any], kind: str, choices: list[Any], usage: dict[str, int] | None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1,
        "model": body["model"],
        "choices": choices,
        "usage": usage,
    }


def _chunk(body: dict[str, Any], delta: dict[str, Any], *, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _event(_envelope(body, "chat.completion.chunk", [choice], None))


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


if __name__ == "__main__":
    serve(OpenAIStandIn, "/v1")
