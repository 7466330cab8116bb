"""Lines and server-sent events out of bytes that come in pieces; nothing here reads or waits.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import re

from attrs import define, field, frozen

_END = re.compile(rb"\r\n|\r|\n")


@define
class Lines:
    """Cuts what it is fed after LF, CR LF or CR, wherever the pieces were cut. ``longest`` in bytes."""

    longest: int
    _rest: bytearray = field(factory=bytearray, init=False)
    _after_cr: bool = field(default=False, init=False)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ended, without their ends. Raises: ValueError for a line that is too long."""
        if self._after_cr and data.startswith(b"\n"):  # the other half of a CR LF
            data, self._after_cr = data[1:], False
        if data:
            self._after_cr = data.endswith(b"\r")
        *ended, rest = _END.split(data)
        if ended:
            ended[0] = bytes(self._rest) + ended[0]
            self._rest.clear()
        self._rest += rest
        if max(len(self._rest), *map(len, ended), 0) > self.longest:
            raise ValueError(f"a line of more than {self.longest} bytes")
        return ended

    def last(self) -> bytes:
        """What came after the last end of a line."""
        return bytes(self._rest)


@frozen
class Event:
    """``name`` is "message" where the stream gave none."""

    name: str
    data: str


@define
class Events:
    """Puts lines together to events. Comments, ``id`` and ``retry`` are passed over: nobody here reconnects."""

    _name: str = field(default="", init=False)
    _data: list[str] = field(factory=list, init=False)
    _begun: bool = field(default=False, init=False)

    def feed(self, line: bytes) -> Event | None:
        """The event that an empty line ends, if there is one; one that is never ended is never given."""
        text = line.decode("utf-8", "replace")
        if not self._begun:
            self._begun, text = True, text.removeprefix("\ufeff")
        if not text:
            name, data = self._name or "message", self._data
            self._name, self._data = "", []
            return Event(name, "\n".join(data)) if data else None
        key, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            self._data.append(value)
        elif key == "event":
            self._name = value
        return None
