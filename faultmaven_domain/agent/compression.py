"""A prompt that fits: what matters least is left out first, and what was left out is said."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from attrs import define, evolve, field, frozen

from ..case import CaseMessage
from .models import Source, SourceKind
from .tokens import tokens_of

#: The last of a conversation, which the question most likely refers to, and the sources the analysis ranked first.
RECENT, FOREMOST = 4, 6
SHORT_QUOTE = 300
#: What a prompt holds beside its sources, its conversation and its question: the rules, the files, the headings.
FRAME = 900
#: A source's own heading, in tokens.
_HEAD = 40
_CUT = "\n[… cut …]\n"


@frozen(kw_only=True)
class Fitted:
    """What goes into a prompt. ``left_out`` says in words what does not, empty where all of it fits."""

    question: str
    sources: tuple[Source, ...]
    history: tuple[CaseMessage, ...]
    left_out: tuple[str, ...] = ()


def fitted(question: str, sources: Sequence[Source], history: Sequence[CaseMessage], *, budget: int) -> Fitted:
    """The same, within a budget in tokens as far as that goes.

    In this order: what was said long ago, runbooks that may not fit, the sources ranked last, the rest of the
    conversation, the rest of long quotes, the middle of a long question.
    """
    room = _Room(budget - FRAME, question, list(sources), list(history))
    room.drop_history(keep=RECENT)
    room.drop_sources("of runbooks that may not fit", lambda source: source.role == "nearest", keep=1)
    room.drop_sources("said in the case", lambda source: source.role == "said", keep=FOREMOST)
    room.drop_sources("from the files", lambda source: source.kind is SourceKind.EVIDENCE, keep=FOREMOST)
    room.drop_sources("of runbooks", lambda source: source.kind is SourceKind.RUNBOOK, keep=2)
    room.drop_history(keep=0)
    room.shorten_quotes()
    room.cut_question()
    return Fitted(
        question=room.question,
        sources=tuple(room.sources),
        history=tuple(room.history),
        left_out=tuple(room.left_out),
    )


@define
class _Room:
    budget: int
    question: str
    sources: list[Source]
    history: list[CaseMessage]
    left_out: list[str] = field(factory=list)
    _left: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._left = self.budget - tokens_of(self.question)
        self._left -= sum(map(_of_source, self.sources)) + sum(map(_of_message, self.history))

    @property
    def full(self) -> bool:
        return self._left < 0

    def drop_history(self, *, keep: int) -> None:
        dropped = 0
        while self.full and len(self.history) > keep:
            self._left += _of_message(self.history.pop(0))
            dropped += 1
        self._say(dropped, "earlier messages" if keep else "messages before the question")

    def drop_sources(self, what: str, of: Callable[[Source], bool], *, keep: int) -> None:
        places = [place for place, source in enumerate(self.sources) if of(source)]
        dropped = 0
        while self.full and len(places) > keep:
            self._left += _of_source(self.sources.pop(places.pop()))
            dropped += 1
        self._say(dropped, f"sources {what}")

    def shorten_quotes(self) -> None:
        shortened = 0
        for place in reversed(range(len(self.sources))):
            source = self.sources[place]
            if self.full and len(source.quote) > SHORT_QUOTE:
                self.sources[place] = evolve(source, quote=source.quote[:SHORT_QUOTE].rstrip() + "…")
                self._left += _of_source(source) - _of_source(self.sources[place])
                shortened += 1
        self._say(shortened, "quotes shortened")

    def cut_question(self) -> None:
        whole = self.question
        while self.full and len(self.question) > 2 * SHORT_QUOTE:
            kept = self.question.replace(_CUT, "")
            half = len(kept) * 2 // 5
            shorter = kept[:half] + _CUT + kept[-half:]
            self._left += tokens_of(self.question) - tokens_of(shorter)
            self.question = shorter
        if self.question != whole:
            self.left_out.append(f"the middle of a question of {len(whole)} characters")

    def _say(self, count: int, what: str) -> None:
        if count:
            self.left_out.append(f"{what} ({count})")


def _of_source(source: Source) -> int:
    return _HEAD + _short(source.quote) + _short(source.remark)


def _of_message(message: CaseMessage) -> int:
    return 4 + _short(message.content[:1_500])


@lru_cache(maxsize=4_096)
def _short(text: str) -> int:
    """Quotes come again with each question of a case."""
    return tokens_of(text)
