"""HTTP/1.1 as uvicorn speaks it, among strangers: a request's head is waited for so long, and refused in our shape."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from .errors import ErrorResponse, error_body


class PatientProtocol(H11Protocol):
    """uvicorn waits for the head of a request for ever; here a connection that sends none is closed."""

    #: How long a head may take to come, in seconds.
    head_seconds: ClassVar[float] = 20.0
    #: How long someone who was refused may go on sending: who is still sending reads no answer.
    heard_out_seconds: ClassVar[float] = 5.0
    _waiting: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._refused:
            return
        if str(self.conn.their_state) == "IDLE":  # in the middle of a head; h11's own name of that state
            self._wait_for_head()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no request, or has a head larger than uvicorn takes (64 KiB)."""
        self._refuse(400, "BAD_REQUEST", "This is no HTTP request, or its head is larger than is taken here.")

    def _wait_for_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _head_is_late(self) -> None:
        """Browsers open connections ahead of need, and may take what is said there for the answer to what they ask
        next: a connection nothing came over is closed without a word."""
        if self.conn.trailing_data[0]:
            self._refuse(408, "REQUEST_TIMEOUT", "The head of the request did not come.")
        else:
            self.transport.close()

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._stop_waiting()
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        answer = ErrorResponse(status, error_body(code, message), {"Connection": "close"})
        head = b"".join(b"%s: %s\r\n" % pair for pair in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 %d \r\n%s\r\n%s" % (status, head, answer.body))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._waiting = self.loop.call_later(self.heard_out_seconds, self.transport.close)
