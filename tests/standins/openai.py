"""OpenAI's chat completions as its reference describes them: what is asked is kept, what is answered can be told."""

import asyncio
import time
from typing import Any

from attrs import define, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "sk-stand-in"


@define
class OpenAIStandIn:
    """``replies`` are taken from the front: a text, a response, or seconds to wait before the next; then it echoes."""

    replies: list[str | Response | float] = field(factory=list)
    requests: list[dict[str, Any]] = field(factory=list)
    finish_reason: str = "stop"

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/models", self._models),
            ]
        )

    async def _models(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        model = {"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "stand-in"}
        return JSONResponse({"object": "list", "data": [model]})

    async def _chat(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        body = await request.json()
        self.requests.append(body)
        reply = self.replies.pop(0) if self.replies else "You said: " + body["messages"][-1]["content"]
        while isinstance(reply, float):
            await asyncio.sleep(reply)
            reply = self.replies.pop(0) if self.replies else "late"
        if isinstance(reply, Response):
            return reply
        return JSONResponse(completion(reply, model=body["model"], finish_reason=self.finish_reason))

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {KEY}":
            return None
        return failure(401, "Incorrect API key provided: sk-secret.", "invalid_api_key")


def completion(content: str, *, model: str, finish_reason: str = "stop") -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }


def failure(status: int, message: str, code: str, **headers: str) -> Response:
    error = {"message": message, "type": "error", "param": None, "code": code}
    return JSONResponse({"error": error}, status, headers={k.replace("_", "-"): v for k, v in headers.items()})
