"""A short day in one combination: a person signs in, uploads a log, teaches a runbook, and is answered from both."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from tests.faults.life import PLAIN, Life, free_port, server, worker
from tests.fleet.day import Day

from .combinations import Combination
from .places import Place, Shared, placed

LOG = "\n".join(f"2026-03-14T12:00:{n:02} ERROR FATAL: sorry, too many clients already" for n in range(40))
RUNBOOK = "# Too many clients\n\n## Diagnosis\n\n- Count sessions: `select count(*) from pg_stat_activity`.\n"
QUESTION = "Why does the server say too many clients already, and what do I count?"


class ShortDay(Day):
    """Of somebody with an account here, or with an issuer's token."""

    def begun(self, token: str | None) -> None:
        if token is None:
            self.registered()
        else:
            self._http.headers["Authorization"] = f"Bearer {token}"

    def lived(self) -> None:
        self.opened("Too many clients")
        self.done(self.uploaded("postgres.log", LOG.encode()), self.taught("clients.md", RUNBOOK))
        answer = self.answer(self.asked(QUESTION))
        kinds = {citation["kind"] for citation in answer["citations"]}
        assert kinds >= {"evidence", "runbook"}, answer
        for citation in answer["citations"]:
            self.holds(citation)


def tried(combination: Combination, directory: Path, shared: Shared) -> None:
    """Raises: AssertionError, or what a process said that did not start; with the logs."""
    with placed(combination, directory, shared) as place, _up(combination, place) as (url, lives):
        day = ShortDay([url])
        try:
            day.begun(place.issuer.token() if place.issuer is not None else None)
            day.lived()
            unused = [name for name, used in place.used.items() if not used()]
            assert not unused, f"nothing came to {', '.join(unused)}"
            said = "\n".join(life.log.read_text() for life in lives)
            assert "No embedding model" not in said, said
        except Exception as error:
            error.add_note("\n".join(f"--- {life.log.name}\n{life.log.read_text()[-3_000:]}" for life in lives))
            raise
        finally:
            day.close()


def refusing(combination: Combination, words: str, directory: Path, shared: Shared) -> None:
    """Raises: AssertionError where a start is not refused, or in other words."""
    with placed(combination, directory, shared) as place:
        command = [sys.executable, "-m", "faultmaven_http.cli", "serve", "--port", "0", "--data-dir", str(directory)]
        environment = {**os.environ, **PLAIN, **place.settings}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0, "it started"
    assert words in done.stderr, done.stderr


@contextmanager
def _up(combination: Combination, place: Place) -> Iterator[tuple[str, list[Life]]]:
    """The server's address, and it and its worker, for as long as the block lasts."""
    port = free_port()
    lives = [server(place.directory / "server", port, place.settings)]
    if combination.apart():
        lives.append(worker(place.directory / "worker", "worker", place.settings))
    with ExitStack() as stack:
        for life in lives:
            life.start()
            stack.callback(life.kill, Random(0))
        for life in lives:
            life.wait()
        yield f"http://127.0.0.1:{port}", lives
