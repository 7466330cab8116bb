"""Where in an answer a field is.

``user.roles`` is a field of an object in the body; ``cases[].title`` one of each item, of which there must be one;
``sources[type=log_file].content`` one of each item of that kind; ``header:location`` a header; the empty path the body.
"""

import re
from collections.abc import Iterator
from typing import Any

from attrs import frozen

Answer = dict[str, Any]
_PART = re.compile(r"(?P<name>[\w-]+)(?P<items>\[(?:(?P<key>\w+)=(?P<value>[\w-]+))?\])?")
_HEADER = "header:"


class Absent(AssertionError):
    """The way to a field ends before it."""


@frozen
class Place:
    """A field: what it is in, and its name there."""

    container: Any
    name: str

    @property
    def is_there(self) -> bool:
        return isinstance(self.container, dict) and self.name in self.container

    @property
    def value(self) -> Any:
        return self.container[self.name]

    def put(self, value: Any) -> None:
        self.container[self.name] = value

    def remove(self) -> None:
        del self.container[self.name]


def places(answer: Answer, path: str) -> list[Place]:
    """Every place a path leads to; the field itself may be missing there. Raises: Absent."""
    if path.startswith(_HEADER):
        return [Place(answer["headers"], path.removeprefix(_HEADER))]
    if not path:
        return [Place(answer, "body")]
    *parents, name = path.split(".")
    found = [answer["body"]]
    for parent in parents:
        found = [inner for container in found for inner in _into(container, parent)]
    return [Place(container, name) for container in found]


def parents(path: str) -> Iterator[str]:
    """The ways to what a field is in: ``a`` and ``a.b`` for ``a.b[].c``."""
    parts = [] if path.startswith(_HEADER) else path.split(".")
    for end in range(1, len(parts)):
        yield ".".join([*parts[: end - 1], parts[end - 1].partition("[")[0]])


def grown(answer: Answer, path: str) -> Place:
    """The place a path leads to, made where there is none."""
    if path.startswith(_HEADER):
        return Place(answer["headers"], path.removeprefix(_HEADER))
    *parts, name = path.split(".")
    here = answer["body"]
    for part in parts:
        match = _PART.fullmatch(part)
        assert match, part
        if not here.get(match["name"]):
            item = {match["key"]: match["value"]} if match["key"] else {}
            here[match["name"]] = [item] if match["items"] else item
        inner = here[match["name"]]
        here = inner[-1] if match["items"] else inner
    return Place(here, name)


def _into(container: Any, part: str) -> list[Any]:
    match = _PART.fullmatch(part)
    assert match, part
    if not isinstance(container, dict) or match["name"] not in container:
        raise Absent(f"there is no {match['name']}")
    inner = container[match["name"]]
    if not match["items"]:
        return [inner]
    if not isinstance(inner, list):
        raise Absent(f"{match['name']} is no array")
    items = [item for item in inner if not match["key"] or _says(item, match["key"], match["value"])]
    if not items:
        raise Absent(f"{part} has no item")
    return items


def _says(item: Any, key: str, value: str) -> bool:
    return isinstance(item, dict) and item.get(key) == value
