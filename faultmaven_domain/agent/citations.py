"""Citations that hold: an answer may cite only what it was given."""

import re
from collections.abc import Callable, Sequence

from .models import Citation, Source

_MARK = re.compile(r"\s?\[(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\]")


def hold_to(sources: Sequence[Source], text: str) -> tuple[str, tuple[Citation, ...]]:
    """The text without marks of unknown sources, ``[1, 2]`` written ``[1][2]``; the citations in order of first use."""
    known = {source.number: source for source in sources}
    used: dict[int, Citation] = {}

    def written(match: re.Match[str]) -> str:
        numbers = [int(number) for number in re.findall(r"\d+", match[1])]
        held = [number for number in numbers if number in known]
        for number in held:
            used.setdefault(number, Citation.of(known[number]))
        space = match[0][0] if match[0][0].isspace() and held else ""
        return space + "".join(f"[{number}]" for number in held)

    while True:  # what is taken out of "[1[9]]" leaves a mark behind
        used.clear()
        held = _outside_code(_MARK, written, text)
        if held == text:
            return text, tuple(used.values())
        text = held


def _outside_code(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str) -> str:
    """``[0]`` inside a code block is an index, not a citation."""
    parts = re.split(r"(```.*?(?:```|\Z)|`[^`\n]*`)", text, flags=re.DOTALL)
    return "".join(part if i % 2 else pattern.sub(replace, part) for i, part in enumerate(parts))
