"""Answers put together from the prompt alone, so that a turn with a stand-in ends in citations that hold."""

import re
from itertools import islice

from attrs import frozen

_SOURCES = re.compile(r"^Sources:\n(.*)", re.MULTILINE | re.DOTALL)
_SOURCE = re.compile(r"^\[(\d+)\] (\w+).*\n(?:\(.*\)\n)?> (.*)$", re.MULTILINE)
_HEADINGS = re.compile(r"with these headings: ([^.]+)\.")
#: How many of a kind are quoted.
_MOST = {"file": 5, "runbook": 2, "case": 1}


@frozen
class Quote:
    number: str
    kind: str
    line: str

    @property
    def cited(self) -> str:
        words = re.sub(r"[\[\]`]", " ", self.line).lstrip("#-* ").strip()[:200]
        return f"- {words} [{self.number}]"


def composed(prompt: str) -> str:
    """A short answer, or the chapters of a post-mortem where the prompt names them."""
    found = _SOURCES.search(prompt)
    quotes = [Quote(*match) for match in _SOURCE.findall(found[1])] if found else []
    chosen = [quote for kind in _MOST for quote in islice((q for q in quotes if q.kind == kind), _MOST[kind])]
    cited = "\n".join(quote.cited for quote in chosen) or "- The sources do not answer this."
    headings = _HEADINGS.search(prompt)
    if not headings:
        return f"This is what the sources show first.\n\n{cited}\n\nCheck the first of these, then the others."
    return "\n\n".join(
        f"## {heading.strip()}\n\n{cited if place == 0 or 'cause' in heading else 'Not known from the evidence.'}"
        for place, heading in enumerate(headings[1].split(","))
    )
