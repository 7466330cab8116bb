"""Reports without a language model: what the case, its evidence and its runbooks say, under the headings of each."""

from faultmaven_domain.agent import Source

from .extractive_parts import (
    CAUSE,
    CHECK,
    FIX,
    MOST_FAILURES,
    MOST_STEPS,
    NO_MODEL,
    PREVENT,
    VERIFY,
    Sources,
    as_sentence,
    cite,
    counted,
    in_code,
    loudest,
    moment_of,
    shortened,
    steps_of,
    template_of,
    time_of,
    what_of,
    where_in,
)

_NOTES = "Resolution notes"
_NOTHING_FAILS = "- No line of the evidence says that something failed."


def post_mortem(sources: Sources) -> str:
    failures = [counted(s) for s in loudest(sources.failures)[:MOST_FAILURES]]
    suspects = _suspects(sources)
    return _written(
        {
            "Summary": [*_facts(sources), *_asked(sources), *([] if _confirmed(sources) else suspects[:1])]
            + ([] if sources.failures else [_NOTHING_FAILS]),
            "Impact": _impact(sources),
            "Timeline": _timeline(sources),
            "Root cause": [*_cause(sources), *_says(sources, CAUSE)],
            "Evidence": [*failures, *[f"- {s.title}, {where_in(s)} {cite(s)}" for s in sources.passages[:4]]],
            "Resolution": _done(sources),
            "Action items": [*_says(sources, FIX), *_says(sources, PREVENT)][: 2 * MOST_STEPS],
            "Lessons": _says(sources, PREVENT)[:2],
        },
        unknown="Not known from the evidence.",
    )


def incident_report(sources: Sources) -> str:
    return _written(
        {
            "What happened": [*_lines(sources.facts("problem")), *_asked(sources), *_failing(sources)],
            "Impact": [*_lines(sources.facts("severity")), *_impact(sources)],
            "Timeline": _timeline(sources),
            "Cause": _cause(sources),
            "Actions taken": _done(sources),
            "Status": [line for line in _facts(sources) if line.startswith(("- Opened", "- Ended"))],
        },
        unknown="Not known from the evidence.",
    )


def runbook(sources: Sources) -> str:
    """What no runbook and nobody in the case said has helped is no fix."""
    failures = loudest(sources.failures)
    looked = [
        f"- Look for `{in_code(template_of(s))}` in {s.title}: here it stood first in line {min(s.lines)}. {cite(s)}"
        for s in failures[:3]
        if s.lines
    ]
    gone = [f"- `{in_code(template_of(s))}` is written no more. {cite(s)}" for s in failures[:3]]
    return _written(
        {
            "Symptoms": [*_lines(sources.facts("problem")), *_failing(sources)],
            "Cause": [*_cause(sources), *_says(sources, CAUSE)],
            "Diagnosis": [*looked, *_says(sources, CHECK)],
            "Fix": [*_lines(sources.facts("solution", "applied")), *_notes(sources), *_says(sources, FIX)],
            "Verification": [*_lines(sources.facts("verified")), *_says(sources, VERIFY), *gone],
        },
        unknown="Not known from this case.",
    )


def _written(chapters: dict[str, list[str]], *, unknown: str) -> str:
    body = "\n\n".join(f"## {title}\n\n" + ("\n".join(lines) or unknown) for title, lines in chapters.items())
    return f"{NO_MODEL}\n\n{body}"


def _says(sources: Sources, words: tuple[str, ...]) -> list[str]:
    """What a runbook that fits says under such a heading."""
    return steps_of(sources.sections(words)) if sources.fits else []


def _lines(facts: list[Source]) -> list[str]:
    return [f"- {shortened(' '.join(s.quote.split()), 1_500)} {cite(s)}" for s in facts]


def _facts(sources: Sources) -> list[str]:
    """The case in a few lines: what it was about, and from when to when."""
    noted = [s for s in sources.facts("problem", "severity", "case") if not s.quote.startswith(_NOTES)]
    return _lines(noted)


def _notes(sources: Sources) -> list[str]:
    return _lines([s for s in sources.facts("case") if s.quote.startswith(_NOTES)])


def _asked(sources: Sources) -> list[str]:
    """The first thing that was asked."""
    asked = [s for s in sources.said if "user" in s.section]
    return [f"- {s.section}: {shortened(' '.join(s.quote.split()), 200)} {cite(s)}" for s in asked[:1]]


def _failing(sources: Sources) -> list[str]:
    return [counted(s) for s in loudest(sources.failures)[:5]] or [_NOTHING_FAILS]


def _suspects(sources: Sources) -> list[str]:
    return [f"- {what_of(s)}. {as_sentence(s.remark)} {cite(s)}" for s in sources.suspects[:3]]


def _confirmed(sources: Sources) -> list[str]:
    return _lines(sources.facts("root cause"))


def _cause(sources: Sources) -> list[str]:
    """What the user confirmed; else what is suspected, and called so."""
    if confirmed := _confirmed(sources):
        return confirmed
    suspected = _suspects(sources) or _lines(sources.facts("hypothesis"))
    return ["Suspected, not confirmed:", "", *suspected] if suspected else []


def _done(sources: Sources) -> list[str]:
    return [*_lines(sources.facts("solution", "applied", "verified")), *_notes(sources)]


def _timeline(sources: Sources) -> list[str]:
    """When each failure begins, as its file writes the time, and then how far the case came when."""
    began = [(at, s) for s in sources.failures if (at := moment_of(s)) is not None]
    began.sort(key=lambda one: one[0])
    failures = [f"- {time_of(s)}: `{in_code(template_of(s))}` begins in {s.title} {cite(s)}" for _, s in began]
    return [*failures[:MOST_FAILURES], *_lines(sources.facts("milestone"))]


def _impact(sources: Sources) -> list[str]:
    by_file: dict[str, list[Source]] = {}
    for source in sources.failures:
        by_file.setdefault(source.title, []).append(source)
    return [
        f"- {title}: {_number_of(sum(s.pattern.count for s in those if s.pattern), 'record')} of "
        f"{_number_of(len(those), 'failing pattern')} " + "".join(f"[{s.number}]" for s in those)
        for title, those in by_file.items()
    ]


def _number_of(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
