"""What leaves a module through its outbox: every message is in the table of jobs, and none changes unnoticed."""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from inspect import iscoroutinefunction, signature
from pkgutil import walk_packages
from typing import ClassVar

import pytest
from attrs import NOTHING, fields, frozen

import faultmaven_domain
from faultmaven_adapters.jobs import JOBS
from faultmaven_domain.kernel.events import Message

#: Each message as other releases know it; ``?`` marks a field that may be left out. A new optional field raises the
#: minor number of ``current``; any other change raises the major one and gives the topic another name.
WRITTEN: dict[str, tuple[str, dict[str, str]]] = {
    "jobs.embedding": (
        "1.0",
        {"job_id": "str", "version": "str?", "document_id": "str", "content": "str", "metadata": "dict[str, object]?"},
    ),
    "jobs.extraction": ("1.0", {"job_id": "str", "version": "str?", "evidence_id": "str"}),
    "jobs.chat_turn": ("1.0", {"job_id": "str", "version": "str?", "case_id": "str", "user_id": "str"}),
    "jobs.post_mortem": ("1.0", {"job_id": "str", "version": "str?", "case_id": "str", "owner_id": "str"}),
    "jobs.report": (
        "1.0",
        {"job_id": "str", "version": "str?", "case_id": "str", "user_id": "str", "report_type": "str"},
    ),
    "events.document_deleted": (
        "1.0",
        {"job_id": "str", "version": "str?", "document_id": "str", "file_key": "str | None?"},
    ),
    "events.evidence_files_dropped": ("1.0", {"job_id": "str", "version": "str?", "keys": "tuple[str, ...]"}),
    "events.case_deleted": ("1.0", {"job_id": "str", "version": "str?", "case_id": "str"}),
}


def messages() -> Iterator[type[Message]]:
    """Every message of the domain, wherever it is defined."""
    for module in walk_packages(faultmaven_domain.__path__, f"{faultmaven_domain.__name__}."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Message) and value.__module__ == module.name:
                yield value


def shape(message: type[Message]) -> dict[str, str]:
    """The fields of a message as :data:`WRITTEN` has them."""
    return {
        one.name: (one.type.__name__ if type(one.type) is type else str(one.type))
        + ("" if one.default is NOTHING else "?")
        for one in fields(message)
    }


def changes(found: Iterable[type[Message]], written: Mapping[str, tuple[str, dict[str, str]]]) -> list[str]:
    """Where messages and the written list are not the same."""
    current = {message.topic: (message.current, shape(message)) for message in found}
    return [topic for topic in sorted({*current, *written}) if current.get(topic) != written.get(topic)]


def concrete() -> list[type[Message]]:
    return [message for message in messages() if message is not Message]


def test_every_message_has_its_job() -> None:
    """The table of jobs holds each message of the domain, under its own topic."""
    assert {job.message for job in JOBS.values()} == set(concrete())
    assert len(JOBS) == len(concrete())


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_a_job_names_use_cases(job) -> None:  # type: ignore[no-untyped-def]
    """A job's use-cases are there, and take its message by the name it is given."""
    for service, method in job.use_cases:
        use_case = getattr(service, method)
        assert iscoroutinefunction(use_case)
        assert signature(use_case).parameters["request"].annotation is job.message


def test_messages_are_as_written() -> None:
    """No field of a message comes, goes or changes its type without the written list and its version."""
    assert changes(concrete(), WRITTEN) == []


def test_topics_say_what_they_are() -> None:
    """Work that is asked for is a job, what has happened an event, and no two messages share a topic."""
    topics = [message.topic for message in concrete()]

    assert len(set(topics)) == len(topics)
    assert all(topic.startswith(("jobs.", "events.")) for topic in topics)


@frozen(kw_only=True)
class _Embedding(Message):
    topic: ClassVar[str] = "jobs.planted"
    document_id: str


@frozen(kw_only=True)
class _WithMore(_Embedding):
    urgent: bool = False


@frozen(kw_only=True)
class _OfAnotherType(Message):
    topic: ClassVar[str] = "jobs.planted"
    document_id: int


@frozen(kw_only=True)
class _Optional(Message):
    topic: ClassVar[str] = "jobs.planted"
    document_id: str = ""


@frozen(kw_only=True)
class _Newer(_Embedding):
    current: ClassVar[str] = "1.1"


PLANTED = {"jobs.planted": ("1.0", {"job_id": "str", "version": "str?", "document_id": "str"})}


def test_an_unchanged_message_is_no_change() -> None:
    """A message as it is written is passed over."""
    assert changes([_Embedding], PLANTED) == []


@pytest.mark.parametrize("message", [_WithMore, _OfAnotherType, _Optional, _Newer])
def test_a_change_is_found(message: type[Message]) -> None:
    """A field more, of another type, or optional, and a number raised alone, are each found."""
    assert changes([message], PLANTED) == ["jobs.planted"]


def test_a_message_nobody_wrote_down_is_found() -> None:
    """A new message, and one that is gone, are named by their topics."""
    assert changes([_Embedding], {}) == ["jobs.planted"]
    assert changes([], PLANTED) == ["jobs.planted"]
