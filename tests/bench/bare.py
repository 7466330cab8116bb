"""The least that can answer ``GET /v1/cases/{id}``: one Starlette route, and no more than the request needs.

It checks the token with the same library, takes from the same limit with the same script, and reads the same rows on a
kept connection, right on the event loop, which is quicker than any thread; no operation, no converter, no middleware.
Run as a process of its own, ``python -m tests.bench.bare DATABASE REDIS_SOCKET SECRET_FILE``; its address is its first
line.
"""

import json
import math
import socket
import sqlite3
import sys
import time
from collections.abc import Awaitable
from typing import Any, cast
from uuid import uuid4

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from faultmaven_adapters.redis.rate_limiter import _TAKE

LIMIT, WINDOW = 100_000_000, 60_000_000  # requests, microseconds
STATES = {"consulting": "inquiry"}
FAMILY = "SELECT user_id, revoked_at FROM auth_token_families WHERE family_id = ?"
USER = "SELECT is_active FROM auth_users WHERE user_id = ?"
CASE = """SELECT case_id, owner_id, title, description, status, priority, created_at, updated_at, version,
          message_count, current_turn, metadata, resolved_at, closed_at, closure_reason, resolution_notes
          FROM case_cases WHERE case_id = ?"""
MESSAGES = """SELECT message_id, case_id, role, content, turn_number, created_at, metadata
              FROM case_messages WHERE case_id = ? ORDER BY seq LIMIT 1000 OFFSET ?"""


class Bare:
    def __init__(self, database: str, redis: str, secret: str) -> None:
        self.connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        self.take = Redis(unix_socket_path=redis).register_script(_TAKE)
        self.key = OctKey.import_key(secret)

    async def case(self, request: Request) -> JSONResponse:
        scheme, _, token = request.headers["authorization"].partition(" ")
        claims = jwt.decode(token, self.key, algorithms=["HS256"]).claims
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": "faultmaven"},
            aud={"essential": True, "value": "faultmaven"},
            sub={"essential": True},
            exp={"essential": True},
        ).validate(claims)
        now = int(time.time() * 1e6)
        arguments: list[str | int] = [now, WINDOW, LIMIT, uuid4().hex]
        allowed, used, moment = await cast(
            Awaitable[Any], self.take(keys=[f"bare:reads:{claims['sub']}"], args=arguments)
        )
        body = self.read(claims["fam"], claims["sub"], request.path_params["case_id"])
        if scheme.lower() != "bearer" or not allowed or body is None:
            return JSONResponse({}, 403)
        reset = now + WINDOW if moment is None else int(float(moment))
        headers = {
            "X-RateLimit-Limit": str(LIMIT),
            "X-RateLimit-Remaining": str(LIMIT - used),
            "X-RateLimit-Reset": str(math.ceil(reset / 1e6)),
        }
        return JSONResponse(body, headers=headers)

    def read(self, family_id: str, user_id: str, case_id: str) -> dict[str, Any] | None:
        ask = self.connection.execute
        family, user = ask(FAMILY, (family_id,)).fetchone(), ask(USER, (user_id,)).fetchone()
        case = ask(CASE, (case_id,)).fetchone()
        if not family or family[0] != user_id or family[1] or not user or not user[0] or case[1] != user_id:
            return None
        messages = ask(MESSAGES, (case_id, max(0, case[9] - 1000))).fetchall()
        return {
            "case_id": case[0],
            "title": case[2],
            "description": case[3],
            "status": case[4],
            "state": STATES.get(case[4], case[4]),
            "owner_id": case[1],
            "user_id": case[1],
            "organization_id": None,
            "priority": case[5],
            "message_count": case[9],
            "current_turn": case[10],
            "version": case[8],
            "metadata": json.loads(case[11]),
            "created_at": stamp(case[6]),
            "updated_at": stamp(case[7]),
            "resolved_at": case[12] and stamp(case[12]),
            "closed_at": case[13] and stamp(case[13]),
            "closure_reason": case[14],
            "resolution_notes": case[15],
            "messages": [
                {
                    "message_id": message[0],
                    "case_id": message[1],
                    "role": message[2],
                    "content": message[3],
                    "turn_number": message[4],
                    "timestamp": stamp(message[5]),
                    "created_at": stamp(message[5]),
                    "metadata": json.loads(message[6]),
                }
                for message in messages
            ],
        }


def stamp(text: str) -> str:
    return text.replace("+00:00", "Z")


def main(database: str, redis: str, secret_file: str) -> None:
    with open(secret_file, encoding="utf-8") as file:
        bare = Bare(database, redis, file.read())
    app = Starlette(routes=[Route("/v1/cases/{case_id}", bare.case)])
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(512)
        sys.stdout.write(f"http://127.0.0.1:{sock.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips="",
            proxy_headers=False,
        )
        uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main(*sys.argv[1:])
