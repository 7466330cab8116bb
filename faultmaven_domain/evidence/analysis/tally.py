"""What is counted of the records of one shape, in bounded memory."""

from collections.abc import Sequence

from attrs import define, field

from .records import Record

_MOST_KEPT = 64
_MOST_SPANS = 128
_MOST_CAUSES = 3
_MOST_COMPONENTS = 16
_NEARLY_ALL = 0.8


@define
class Tally:
    """Samples are kept at the 1st, 2nd, 4th, 8th ... record, and the last.

    ``spans`` counts records by stretches of ``width`` seconds since 1970; the width doubles when there are too many.
    """

    count: int = 0
    components: dict[str, int] = field(factory=dict)
    last: tuple[int, str] = (0, "")
    low: tuple[float, str] | None = None
    high: tuple[float, str] | None = None
    kept: list[tuple[int, str]] = field(factory=list)
    causes: dict[str, None] = field(factory=dict)
    width: int = 1
    spans: dict[int, int] = field(factory=dict)

    def note(self, record: Record) -> None:
        count = self.count = self.count + 1
        text = record.text
        if not count & (count - 1):
            self.kept.append((record.number, text))
        component = record.component
        if component is not None and (component in self.components or len(self.components) < _MOST_COMPONENTS):
            self.components[component] = self.components.get(component, 0) + 1
        self.last = (record.number, text)
        if record.causes:
            self._cause(record.causes)
        key = record.key
        if key is None or record.stamp is None:
            return
        if self.high is None or key >= self.high[0]:
            self.high = (key, record.stamp)
        if self.low is None or key < self.low[0]:
            self.low = (key, record.stamp)
        span = int(key // self.width)
        self.spans[span] = self.spans.get(span, 0) + 1
        if len(self.spans) > _MOST_SPANS:
            self._widen(self.width * 2)

    def peak(self, seconds: float) -> tuple[int, int, int]:
        """The most records of a stretch, the second at which it begins, and its length: at least ``seconds``."""
        while self.width < seconds:
            self._widen(self.width * 2)
        if not self.spans:
            return 0, 0, self.width
        span = max(self.spans, key=lambda s: (self.spans[s], -s))
        return self.spans[span], span * self.width, self.width

    def component(self) -> str | None:
        """The component nearly all records name, if there is one."""
        name = max(self.components, key=lambda c: self.components[c], default=None)
        return name if name is not None and self.components[name] >= _NEARLY_ALL * self.count else None

    def samples(self, most: int) -> list[tuple[int, str]]:
        """The first and the last record, and some between, as evenly as they were kept."""
        every = dict(self.kept)
        every[self.last[0]] = self.last[1]
        numbers = sorted(every)
        if len(numbers) > most:
            step = (len(numbers) - 1) / max(most - 1, 1)
            numbers = [numbers[round(place * step)] for place in range(most)]
        return [(number, every[number]) for number in numbers]

    @staticmethod
    def of(parts: "Sequence[Tally]") -> "Tally":
        """All of several tallies."""
        whole = Tally(
            count=sum(part.count for part in parts),
            last=max(part.last for part in parts),
            low=min((part.low for part in parts if part.low), default=None),
            high=max((part.high for part in parts if part.high), default=None),
        )
        kept = sorted({sample for part in parts for sample in (*part.kept, part.last)})
        step = max(1, -(-len(kept) // _MOST_KEPT))
        whole.kept = kept[::step]
        for part in parts:
            whole._cause(part.causes)
            for component, count in part.components.items():
                whole.components[component] = whole.components.get(component, 0) + count
            width = max(whole.width, part.width)
            whole._widen(width)
            for span, count in part.spans.items():
                wide = span * part.width // width
                whole.spans[wide] = whole.spans.get(wide, 0) + count
            if len(whole.spans) > _MOST_SPANS:
                whole._widen(width * 2)
        return whole

    def _cause(self, causes: "dict[str, None] | list[str]") -> None:
        for cause in causes:
            if len(self.causes) < _MOST_CAUSES:
                self.causes[cause] = None

    def _widen(self, width: int) -> None:
        while width > self.width or len(self.spans) > _MOST_SPANS:
            self.width *= 2
            spans: dict[int, int] = {}
            for span, count in self.spans.items():
                spans[span // 2] = spans.get(span // 2, 0) + count
            self.spans = spans
