"""What a command tells a person while it works: to stderr, as a bar on a terminal and as plain lines off it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


@define
class Steps:
    """Numbered, timed steps of ``total``."""

    total: int
    console: Console = field(factory=lambda: Console(stderr=True, highlight=False))
    _number: int = 0

    @contextmanager
    def step(self, what: str) -> Iterator["Bar"]:
        """One step; its line says how long it took, or that it failed."""
        self._number += 1
        label = f"[{self._number}/{self.total}] {what}"
        began = time.monotonic()
        bar = Bar(label, self.console)
        try:
            with bar:
                yield bar
        except BaseException:
            self._say(f"{label} … failed after {time.monotonic() - began:.1f} s")
            raise
        self._say(f"{label} … {bar.note or 'done'} ({time.monotonic() - began:.1f} s)")

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)


@define
class Bar:
    """Progress within a step. Off a terminal it says a line every few seconds and nothing where it is quick."""

    label: str
    console: Console
    note: str = ""
    _progress: Progress | None = None
    _task: TaskID | None = None
    _said: float = field(factory=time.monotonic)

    def __enter__(self) -> "Bar":
        if self.console.is_terminal:
            text = TextColumn("{task.description}", markup=False)
            self._progress = Progress(
                SpinnerColumn(), text, BarColumn(), TimeElapsedColumn(), console=self.console, transient=True
            )
            self._progress.start()
            self._task = self._progress.add_task(self.label, total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, what: str, done: int, total: int | None) -> None:
        """The shape of ``faultmaven_adapters``' progress."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"{self.label}: {what}", completed=done, total=total)
        elif time.monotonic() - self._said > 5:
            self._said = time.monotonic()
            share = f" {done * 100 // total} %" if total else ""
            self.console.print(f"{self.label}: {what}{share}", markup=False, soft_wrap=True)


@contextmanager
def bar(label: str) -> Iterator[Bar]:
    """A single bar that leaves no line behind."""
    with Bar(label, Console(stderr=True, highlight=False)) as one:
        yield one


def warn(text: str) -> None:
    sys.stderr.write(text + "\n")
