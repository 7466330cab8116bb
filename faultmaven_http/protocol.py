"""HTTP/1.1 as uvicorn speaks it, among strangers: a request's head is waited for so long, and refused in our shape."""

import asyncio
import sys
from typing import ClassVar

from attrs import define, field
from uvicorn.protocols.http.h11_impl import H11Protocol

from .errors import ErrorResponse, error_body
from .load import TRY_AGAIN


@define(eq=False)
class Crowd:
    """One server's connections: how many it holds, and which of them it waits for, the longest silent first."""

    most: int
    _silent: "dict[PatientProtocol, None]" = field(factory=dict, init=False)

    def heard(self, one: "PatientProtocol") -> None:
        """It is its turn to say something, from now on."""
        self._silent.pop(one, None)
        self._silent[one] = None

    def forget(self, one: "PatientProtocol") -> None:
        self._silent.pop(one, None)

    def has_room(self, count: int) -> bool:
        """Whether there is, for the last one of so many that there are now: where not, the longest silent goes."""
        if count <= self.most:
            return True
        oldest = next(iter(self._silent), None)
        if oldest is None:
            return False
        self.forget(oldest)
        oldest.make_room()
        return True


class PatientProtocol(H11Protocol):
    """uvicorn waits for the head of a request for ever; here a connection that sends none is closed.

    And there are no more connections than ``crowd`` holds. Who answers slowly, says nothing or reads no answer keeps
    nobody out: where it is full, whoever we have waited for the longest makes room.
    """

    #: How long a head may take to come, in seconds.
    head_seconds: ClassVar[float] = 20.0
    #: How long someone who was refused may go on sending: who is still sending reads no answer.
    heard_out_seconds: ClassVar[float] = 5.0
    #: How long someone may leave so much of an answer unread that no more can be sent.
    unread_seconds: ClassVar[float] = 60.0
    crowd: ClassVar[Crowd] = Crowd(most=sys.maxsize)
    _waiting: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.crowd.has_room(len(self.connections)):
            self._refuse(503, "OVERLOADED", "Too many connections are open here; come again.", retry_after=TRY_AGAIN)
            return
        self.crowd.heard(self)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._refused:
            return
        self._note()
        if str(self.conn.their_state) == "IDLE":  # in the middle of a head; h11's own name of that state
            self._wait_for_head()
        else:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._note()

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.forget(self)
        self._stop_waiting()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """It is its turn to read."""
        super().pause_writing()
        self.crowd.heard(self)
        self._wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()
        self._note()

    def timeout_keep_alive_handler(self) -> None:
        """A close waits until all was read."""
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._wait_for_reader()

    def send_400_response(self, msg: str) -> None:
        """What is no request, or has a head larger than uvicorn takes (64 KiB)."""
        self._refuse(400, "BAD_REQUEST", "This is no HTTP request, or its head is larger than is taken here.")

    def make_room(self) -> None:
        """Close it, whatever is still to come: it was silent for longer than all others."""
        self._stop_waiting()
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _note(self) -> None:
        """Whether this is waited for: for a head, the rest of a body or the next request. h11's own names of that."""
        if self.flow.write_paused:
            return  # it is waited for since then, whatever it says meanwhile
        if str(self.conn.their_state) in ("IDLE", "SEND_BODY") and not self.transport.is_closing():
            self.crowd.heard(self)
        else:
            self.crowd.forget(self)

    def _wait_for_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _wait_for_reader(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _head_is_late(self) -> None:
        """Browsers open connections ahead of need, and may take what is said there for the answer to what they ask
        next: a connection nothing came over is closed without a word."""
        if self.conn.trailing_data[0]:
            self._refuse(408, "REQUEST_TIMEOUT", "The head of the request did not come.")
        else:
            self.transport.close()

    def _refuse(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        self._stop_waiting()
        self.crowd.forget(self)
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        headers = {"Connection": "close"} | ({} if retry_after is None else {"Retry-After": str(retry_after)})
        answer = ErrorResponse(status, error_body(code, message, retry_after=retry_after), headers)
        head = b"".join(b"%s: %s\r\n" % pair for pair in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 %d \r\n%s\r\n%s" % (status, head, answer.body))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._waiting = self.loop.call_later(self.heard_out_seconds, self.transport.close)


def protocol_for(most_connections: int) -> type[PatientProtocol]:
    """One server's."""

    class Crowded(PatientProtocol):
        crowd = Crowd(most=most_connections)

    return Crowded
