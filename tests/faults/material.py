"""What the players bring along: the demo's runbooks and incident, each copy with a word of its own to be found by."""

import secrets
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from attrs import frozen

from faultmaven_http import demo
from faultmaven_http.demo.incident import write_incident

RUNBOOKS = Path(demo.__file__).parent / "runbooks"


@frozen
class Text:
    """``marker`` is a word that is in no other text; it is in the title too."""

    marker: str
    title: str
    content: str


def a_marker() -> str:
    """A word in letters only, so that no tokenizer takes it apart."""
    return "q" + "".join(secrets.choice("bcdfghjklmnprstvwxz") for _ in range(13))


def a_runbook(random: Random, *, sections: int = 0) -> Text:
    """One of the demo's, and behind it as many more sections as asked for; the marker is in the first and the last."""
    marker = a_marker()
    title = f"Runbook {marker}"
    text = random.choice(_runbooks())
    more = [f"## Note {n}\n\n{_paragraph(random)}\n" for n in range(sections)]
    content = "\n".join(
        [f"# {title}", "", f"Known as {marker}.", "", text, *more, "## Names", "", f"Also {marker}.", ""]
    )
    return Text(marker, title, content)


def incident_files() -> dict[str, bytes]:
    """The incident's five files by name."""
    return dict(_incident())


@cache
def _runbooks() -> tuple[str, ...]:
    """Without their front matter and title, which each copy has of its own."""
    texts = [path.read_text() for path in sorted(RUNBOOKS.glob("*.md"))]
    return tuple("## " + text.split("\n## ", 1)[-1] for text in texts)


@cache
def _incident() -> tuple[tuple[str, bytes], ...]:
    with TemporaryDirectory() as place:
        write_incident(Path(place))
        return tuple((path.name, path.read_bytes()) for path in sorted(Path(place).iterdir()))


def _paragraph(random: Random) -> str:
    words = ("pool", "timeout", "replica", "quota", "lease", "rollout", "socket", "shard", "cache", "broker", "probe")
    return " ".join(random.choice(words) for _ in range(120)).capitalize() + "."
