"""A client that plays the demo's flow over and over, through every fault, and writes down what it was promised."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from random import Random
from threading import Event
from typing import Any, TypeVar

from attrs import define, field

from .client import Client, Refused, Unanswered, pause
from .ledger import Asked, Kind, Ledger
from .material import a_marker, a_runbook, incident_files

R = TypeVar("R")
#: How long a job may take across faults before it counts as hanging, in seconds.
HANGING = 150.0
#: How long a client waits before it tries again a server that gave no answer or a refusal, in seconds.
AWAY = 0.2


class Stopped(Exception):
    """The play is over."""


@define(eq=False)
class Player:
    """What gets no answer, or a refusal, is asked for again under another name until it is acknowledged."""

    base: str
    ledger: Ledger
    random: Random
    over: Event
    #: How many of the flow's runbooks and files one play takes.
    runbooks: int = 3
    files: int = 3
    turns: int = 2
    plays: int = 0
    #: How long it waits for a job.
    patience: float = HANGING
    #: What ended the thread, were it not the end of the play.
    broken: BaseException | None = None
    _client: Client = field(init=False)
    _email: str = ""

    def __attrs_post_init__(self) -> None:
        self._client = Client(self.base, self.ledger)

    def run(self, play: Callable[[], None] | None = None) -> None:
        """A thread's work: the play, over and over, until it is over."""
        try:
            while True:
                (play or self.play)()
                self.plays += 1
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - the thread's end is told by whoever started it
            self.broken = error
        finally:
            self._client.close()

    def play(self) -> None:
        """From a new account to its case's post-mortem. Raises: Stopped."""
        self._client.close()
        self._client = Client(self.base, self.ledger)
        self.until(self.register)
        self.until(self.log_in)
        self.until(self.open_session)
        taught = [self.until(self.teach_text)]
        taught += [self.until(self.teach_file) for _ in range(self.runbooks - 1)]
        case_id = self.until(self.open_case).id or ""
        names = self.random.sample(sorted(incident_files()), self.files)
        given = [self.until(partial(self.give, case_id, name)) for name in names]
        for asked in (*taught, *given):
            self._ended(asked)
        for _ in range(self.turns):
            self._answered(self.until(lambda: self.ask(case_id)))
        self._reported(self.until(lambda: self.close_case(case_id)))

    def register(self) -> Asked:
        asked = self._asked(Kind.USER, f"{a_marker()}@example.com")
        asked.owner = self._email = asked.name
        asked.id = self._client.register(asked.name)
        return asked

    def log_in(self) -> None:
        self._client.log_in(self._email)

    def open_session(self) -> Asked:
        asked = self._asked(Kind.SESSION, a_marker())
        asked.id = self._client.call("POST", "/v1/sessions", json={"client_id": asked.name})["session_id"]
        return asked

    def teach_text(self) -> Asked:
        text = a_runbook(self.random)
        asked = self._asked(Kind.DOCUMENT, text.title, content=text.content)
        body = {"title": text.title, "content": text.content, "document_type": "runbook"}
        return self._job(asked, self._client.call("POST", "/v1/knowledge/documents", json=body), "document_id")

    def teach_file(self, *, sections: int = 0) -> Asked:
        text = a_runbook(self.random, sections=sections)
        asked = self._asked(Kind.DOCUMENT, text.title, content=text.content)
        file = {"file": (f"{text.marker}.md", text.content.encode())}
        form = {"document_type": "runbook", "title": text.title}
        given = self._client.call("POST", "/v1/knowledge/documents", files=file, data=form)
        return self._job(asked, given, "document_id")

    def open_case(self) -> Asked:
        asked = self._asked(Kind.CASE, f"Checkout fails {a_marker()}")
        asked.id = asked.case_id = self._client.call("POST", "/v1/cases", json={"title": asked.name})["case_id"]
        return asked

    def give(self, case_id: str, name: str) -> Asked:
        content = incident_files()[name]
        stem, _, ending = name.rpartition(".")
        asked = self._asked(Kind.EVIDENCE, f"{stem}-{a_marker()}.{ending}", case_id=case_id)
        asked.content = sha256(content).hexdigest()
        form = {"case_id": case_id}
        given = self._client.call("POST", "/v1/evidence/upload", files={"file": (asked.name, content)}, data=form)
        return self._job(asked, given, "evidence_id")

    def ask(self, case_id: str) -> Asked:
        question = f"Why can customers not check out since 14:00 UTC, and what is {a_marker()}?"
        asked = self._asked(Kind.TURN, question, case_id=case_id)
        given = self._client.call("POST", "/v1/agent/chat", json={"case_id": case_id, "message": question})
        return self._job(asked, given, "job_id")

    def close_case(self, case_id: str) -> Asked:
        asked = self._asked(Kind.CLOSING, f"end of {case_id} {a_marker()}", case_id=case_id)
        body = {"reason": "other", "resolution_notes": asked.name}
        asked.id = self._client.call("POST", f"/v1/cases/{case_id}/close", json=body)["case_id"]
        return asked

    def until(self, step: Callable[[], R]) -> R:
        """The step's result, once it has one. Raises: Stopped."""
        while not self.over.is_set():
            try:
                return step()
            except (Unanswered, Refused):
                pause(AWAY)
        raise Stopped

    def close(self) -> None:
        self._client.close()

    # --- how

    def _asked(self, kind: Kind, name: str, *, content: str = "", case_id: str = "") -> Asked:
        return self.ledger.ask(Asked(kind=kind, owner=self._email, name=name, content=content, case_id=case_id))

    def _job(self, asked: Asked, given: dict[str, Any], named: str) -> Asked:
        asked.job_id = given["job_id"]
        asked.id = given[named]
        return asked

    def _polled(self, path: str, asked: Asked) -> Iterator[Any]:
        """Answers of an address, pause by pause, as long as it is worth waiting. Raises: Stopped."""
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            yield self.until(lambda: self._client.call("GET", path))
            pause()
        self.ledger.complain(f"{asked} hung for {self.patience:.0f} s")

    def _ended(self, asked: Asked) -> None:
        for job in self._polled(f"/v1/jobs/{asked.job_id}", asked):
            if job["status"] != "processing":
                return

    def _answered(self, asked: Asked) -> None:
        for turn in self._polled(f"/v1/agent/chat/{asked.job_id}", asked):
            if turn["status"] == "completed":
                asked.shown = turn["content"]
            if turn["status"] != "processing":
                return

    def _reported(self, asked: Asked) -> None:
        """Unless its job was given up, which the jobs tell."""
        for listed in self._polled(f"/v1/cases/{asked.case_id}/reports", asked):
            if listed["reports"]:
                asked.shown = listed["reports"][0]["content"]
                return
            jobs = self.until(lambda: self._client.call("GET", "/v1/jobs?status=failed&limit=100"))["jobs"]
            if any(job["subject_id"] == asked.case_id for job in jobs):
                return
