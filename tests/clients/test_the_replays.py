"""The test of those tests: whatever is taken away or falsified in an answer that was right, is found."""

import copy
from collections.abc import Iterator
from typing import Any

from attrs import evolve

from tests.clients.needs import Need
from tests.clients.paths import Answer, Place, grown, parents, places
from tests.clients.replays import faults
from tests.clients.wire import Step


def field(answer: Answer, path: str, need: Need) -> Place:
    """Where it is, the last of several places, so that all must be looked at."""
    return grown(answer, path) if need.optional else places(answer, path)[-1]


def wrongs(answer: Answer, path: str, need: Need) -> list[Any]:
    """Values that the client could not use instead of the one it got."""
    place = field(copy.deepcopy(answer), path, need)
    return need.wrongs(place.value if place.is_there else None)


def spoilt(answer: Answer, path: str, need: Need) -> Iterator[tuple[str, Answer]]:
    """The answer with one thing wrong, and what that is."""
    for wrong in wrongs(answer, path, need):
        again = copy.deepcopy(answer)
        field(again, path, need).put(wrong)
        yield f"is {wrong!r}", again
    if need.optional:
        return
    again = copy.deepcopy(answer)
    field(again, path, need).remove()
    yield "is left out", again
    for parent in parents(path):
        for wrong in (None, {}, []):
            again = copy.deepcopy(answer)
            places(again, parent)[-1].put(wrong)
            yield f"is under {parent}, which is {wrong!r}", again


def test_every_field_is_missed(steps: list[Step]) -> None:
    """A field that is left out, falsified or lost with what it was in is a fault, in every answer it is read in."""
    assert faults(steps) == ""  # what is wrong already cannot be spoilt
    unnoticed = [
        f"{step}: {path} {what}"
        for step in steps
        for path, need in step.reads.items()
        for what, answer in spoilt(step.answer, path, need)
        if not evolve(step, reads={path: need}, answer=answer).faults()
    ]

    assert unnoticed == []


def test_every_status_counts(steps: list[Step]) -> None:
    """Another status is a fault, whatever the answer holds."""
    assert [str(step) for step in steps if not evolve(step, answer={**step.answer, "status": 500}).faults()] == []


def test_every_field_can_be_wrong(steps: list[Step]) -> None:
    """Leaving out is not all that is tried: for each field there is a value that its client could not use."""
    assert [
        f"{step}: {path}" for step in steps for path, need in step.reads.items() if not wrongs(step.answer, path, need)
    ] == []
