"""The table a run prints."""

from collections.abc import Iterable, Sequence
from statistics import median

from attrs import frozen


@frozen
class Row:
    """What was counted, what came out, the bar it is held against. ``timed`` ones depend on the machine's speed.

    ``why`` lists what is behind a figure: it is printed where that does not hold, or is held against nothing.
    """

    what: str
    figure: str
    bar: str = ""
    holds: bool = True
    timed: bool = False
    why: tuple[str, ...] = ()


def none_of(what: str, found: Sequence[str]) -> Row:
    """A row whose figure is to be zero."""
    return Row(what, str(len(found)), "0", not found, why=tuple(found))


def times(what: str, seconds: Sequence[float], *, bar: float | None = None) -> Row:
    """Median, 95th percentile and worst of some durations; the worst is held against the bar."""
    if not seconds:
        return Row(what, "not seen", timed=True)
    late = sorted(seconds)[int(0.95 * (len(seconds) - 1))]
    figure = f"p50 {median(seconds):.1f}, p95 {late:.1f}, max {max(seconds):.1f} s of {len(seconds)}"
    return Row(what, figure, f"≤ {bar:.0f} s" if bar else "", not bar or max(seconds) <= bar, timed=True)


def table(title: str, rows: Iterable[Row]) -> str:
    rows = list(rows)
    wide = [max(len(getattr(row, name)) for row in rows) for name in ("what", "figure", "bar")]
    lines = [title]
    for row in rows:
        verdict = ("ok" if row.holds else "FAILED") if row.bar else ""
        lines.append(f"  {row.what:<{wide[0]}}  {row.figure:<{wide[1]}}  {row.bar:<{wide[2]}}  {verdict}".rstrip())
        if not row.holds or not row.bar:
            lines += [f"      {line}" for line in row.why[:20]]
    return "\n".join(lines) + "\n"
