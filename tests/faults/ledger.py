"""What was asked of the server and what it acknowledged: the promises that are checked."""

from collections import Counter
from enum import StrEnum
from threading import Lock

from attrs import define, field


class Kind(StrEnum):
    USER = "user"
    SESSION = "session"
    CASE = "case"
    DOCUMENT = "document"
    EVIDENCE = "evidence"
    TURN = "turn"
    CLOSING = "closing"


@define(kw_only=True, eq=False)
class Asked:
    """One request that makes something. Its ``name`` is in no other request: an e-mail address, title or question.

    ``id`` is what the server gave back: until then nothing is promised, though the thing may be there, once and whole.
    ``content`` is what must be found there: a document's text, or the SHA-256 of a file. ``shown`` is the answer's or
    the report's text once a client has seen it.
    """

    kind: Kind
    owner: str
    name: str
    content: str = ""
    case_id: str = ""
    id: str | None = None
    job_id: str | None = None
    shown: str | None = None

    @property
    def acknowledged(self) -> bool:
        return self.id is not None

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id} ({self.name}, job {self.job_id}) of {self.owner}"


@define(eq=False)
class Ledger:
    """Written by several players at once."""

    _asked: list[Asked] = field(factory=list)
    #: Why each request that was answered with an error was refused, and how often.
    refusals: Counter[str] = field(factory=Counter)
    #: What no client should ever have seen.
    complaints: list[str] = field(factory=list)
    _lock: Lock = field(factory=Lock)

    def ask(self, asked: Asked) -> Asked:
        """Before it is sent."""
        with self._lock:
            self._asked.append(asked)
        return asked

    def all(self, *kinds: Kind) -> list[Asked]:
        with self._lock:
            return [asked for asked in self._asked if not kinds or asked.kind in kinds]

    def acknowledged(self, *kinds: Kind) -> list[Asked]:
        return [asked for asked in self.all(*kinds) if asked.acknowledged]

    def refuse(self, why: str) -> None:
        with self._lock:
            self.refusals[why] += 1

    def complain(self, what: str) -> None:
        with self._lock:
            self.complaints.append(what)
