"""What is pushed while a turn is answered, as an event stream's frames and as a socket's messages; and what a socket's
client may say."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from .common import ErrorOut
from .reading import Metadata

#: The id of a turn's last event: who has seen it has seen all.
END = "end"
Kind = Literal["progress", "token", "restart", "completed", "failed"]


@frozen(kw_only=True)
class Happening:
    """``data`` is ready to be written; of ``completed`` it is what the polled turn holds under ``result``, of
    ``failed`` what it holds under ``error``, under that name."""

    id: str
    kind: Kind
    data: object


@frozen(kw_only=True)
class Authenticate:
    token: str


@frozen(kw_only=True)
class Ask:
    """``context`` is the caller's own and kept with the turn."""

    case_id: str
    message: str
    context: Metadata | None = None


@frozen(kw_only=True)
class Follow:
    """``after`` is the id of the last event that was seen."""

    job_id: str
    after: str | None = None


@frozen(kw_only=True)
class Unfollow:
    job_id: str


@frozen(kw_only=True)
class Cancel:
    job_id: str


@frozen(kw_only=True)
class Ping: ...


#: What a client may say, by the message's ``type``.
SAYABLE: Mapping[str, type] = {
    "authenticate": Authenticate,
    "ask": Ask,
    "follow": Follow,
    "unfollow": Unfollow,
    "cancel": Cancel,
    "ping": Ping,
}


def frame(happening: Happening) -> bytes:
    """One event of an event stream (WHATWG HTML, 9.2.5)."""
    return f"id: {happening.id}\nevent: {happening.kind}\ndata: {compact(happening.data)}\n\n".encode()


def message_of(job_id: str, happening: Happening) -> dict[str, object]:
    return {"type": happening.kind, "job_id": job_id, "id": happening.id, "data": happening.data}


def error_message(error: ErrorOut, request_id: str | None) -> dict[str, object]:
    return {"type": "error", **error, **({"request_id": request_id} if request_id is not None else {})}


def compact(value: Any) -> str:
    """On one line and in ASCII: half a sign, which a piece of an answer may end in, could not be written otherwise."""
    return json.dumps(value, separators=(",", ":"), default=str)
