"""Ollama's own API, as its reference describes it.

``python -m tests.standins.ollama --port 0 --sleep 0.3 --grounded`` runs one in a process of its own.
"""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from attrs import frozen

from tests.standins.playing import Frames, StandIn
from tests.standins.script import GIVEN, MADE, SAID, Says
from tests.standins.serving import serve

_TROUBLE = {"overloaded": 503, "limited": 429, "invalid": 400}


@frozen
class OllamaDialect:
    chat_path: str = "/api/chat"
    models_path: str = "/api/tags"
    media_type: str = "application/x-ndjson"

    def admits(self, headers: Mapping[str, str]) -> bool:
        return True

    def wants_stream(self, body: dict[str, Any]) -> bool:
        return bool(body.get("stream", True))

    def question(self, body: dict[str, Any]) -> str:
        return str(body["messages"][-1]["content"])

    def models(self) -> dict[str, Any]:
        details = {"format": "gguf", "family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"}
        model = {
            "name": "llama3.2:latest",
            "model": "llama3.2:latest",
            "modified_at": "2026-01-01T00:00:00Z",
            "size": 2_019_393_189,
            "digest": "0" * 64,
            "details": details,
        }
        return {"models": [model]}

    def whole(self, body: dict[str, Any], said: Says) -> dict[str, Any]:
        return _part(body, said.text, said)

    def frames(self, body: dict[str, Any], said: Says, pieces: list[str]) -> Frames:
        return Frames([], [_line(_part(body, piece)) for piece in pieces], [_line(_part(body, "", said))])

    def failure(self, status: int, message: str) -> dict[str, Any]:
        return {"error": message}

    def trouble(self, error: str) -> tuple[int, bytes]:
        return _TROUBLE[error], _line({"error": SAID})


@frozen
class OllamaEmbeds:
    path: str = "/api/embed"

    def refusal(self, texts: list[str]) -> str | None:
        return None  # what is too long is cut

    def answer(self, body: dict[str, Any], vectors: list[list[float]]) -> dict[str, Any]:
        times = {"total_duration": 5_000_000, "load_duration": 1_000_000, "prompt_eval_count": GIVEN}
        return {"model": body["model"], "embeddings": vectors, **times}


OllamaStandIn = partial(StandIn, OllamaDialect(), embeds=OllamaEmbeds())


def _part(body: dict[str, Any], text: str, ended: Says | None = None) -> dict[str, Any]:
    part = {
        "model": body["model"],
        "created_at": "2026-01-01T00:00:00.000000Z",
        "message": {"role": "assistant", "content": text},
        "done": ended is not None,
    }
    if ended is None:
        return part
    return part | {
        "done_reason": "length" if ended.ending == "length" else "stop",
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": GIVEN,
        "prompt_eval_duration": 1_000_000,
        "eval_count": MADE,
        "eval_duration": 3_000_000,
    }


def _line(data: dict[str, Any]) -> bytes:
    return f"{json.dumps(data)}\n".encode()


if __name__ == "__main__":
    serve(OllamaStandIn)
