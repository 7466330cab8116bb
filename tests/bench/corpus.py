"""Runbooks and questions in any number, with words of their own each, made of the demo's runbooks: always the same."""

import random
import re
from collections.abc import Iterator
from importlib.resources import as_file, files

from attrs import frozen

SECTIONS = 5  # of a runbook
_SENTENCES = 3  # of a section
_HEADINGS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Afterwards")
_PARTS = ("billing", "checkout", "search", "ledger", "inbox", "catalog", "fraud", "payout", "media", "report", "stock")
_KINDS = ("api", "worker", "gateway", "cache", "store", "proxy", "indexer", "scheduler", "replica", "queue")
_TROUBLES = ("is slow", "is down", "runs out of memory", "refuses connections", "lags behind", "fills its disk")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+")


@frozen
class Runbook:
    title: str
    content: str


def runbooks(count: int) -> Iterator[Runbook]:
    """Each of SECTIONS sections that become a passage each, about 60 tokens long."""
    said, chance = sentences(), random.Random(7)
    for number in range(count):
        service = _service(number)
        title = f"{service} {chance.choice(_TROUBLES)}"
        parts = [
            f"## {heading}\n\nOn {service}: {' '.join(chance.sample(said, _SENTENCES))}\n" for heading in _HEADINGS
        ]
        yield Runbook(title, f"# {title}\n\n" + "\n".join(parts))


def questions(count: int, *, among: int) -> Iterator[str]:
    """Of a dozen words each, about one of so many runbooks; no two are the same."""
    said, chance = sentences(), random.Random(11)
    for number in range(count):
        words = chance.choice(said).split()
        start = chance.randrange(max(1, len(words) - 6))
        phrase = " ".join(words[start : start + 6])
        yield f"{_service(chance.randrange(among))} {chance.choice(_TROUBLES)}: {phrase}, seen {number} times"


def texts() -> list[str]:
    """The demo's runbooks as they are."""
    with as_file(files("faultmaven_http.demo") / "runbooks") as folder:
        return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))]


def sentences() -> list[str]:
    """The prose of the demo's runbooks, sentence by sentence, of 30 to 200 characters each."""
    prose = [re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL) for text in texts()]
    lines = [line.strip("-#> ") for text in prose for line in re.split(r"\n\s*\n|\n(?=- )", text) if "```" not in line]
    found = [sentence for line in lines for sentence in _SENTENCE.split(" ".join(line.split()))]
    return [sentence for sentence in dict.fromkeys(found) if 30 <= len(sentence) <= 200]


def _service(number: int) -> str:
    part, kind = _PARTS[number % len(_PARTS)], _KINDS[number // len(_PARTS) % len(_KINDS)]
    return f"{part}-{kind}-{number // (len(_PARTS) * len(_KINDS))}"
