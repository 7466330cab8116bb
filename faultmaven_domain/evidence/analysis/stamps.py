"""Timestamps, as programs write them. The kind a log uses is found from its lines and tried first from then on."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from re import Match, Pattern
from typing import NamedTuple

from attrs import define, field, frozen

NO_YEAR = 1904
"""The year given to a time written without one: a leap year, and too old to be mistaken for a log's own."""

_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400.0
_MOST_CACHED = 4_096
_HEAD_CHARS, _HEAD_WORDS = 120, 6


class Stamp(NamedTuple):
    """One timestamp of a line. ``key`` is seconds since 1970, a naive time being read as UTC."""

    text: str
    key: float
    kind: str
    dated: bool  # False where the log writes no year; the key then counts from NO_YEAR
    start: int
    end: int


@frozen
class _Kind:
    """``pattern``'s first group is the time to the second, "part" its fraction, "zone" its zone."""

    name: str
    pattern: Pattern[str]
    whole: Callable[[str], datetime]  # raises ValueError where the digits are no time
    dated: bool
    ends_in_clock: bool  # the last eight characters are HH:MM:SS
    has_part: bool
    has_zone: bool


def _digits(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text)]


def _year_first(text: str) -> datetime:
    year, month, day, hour, minute, second = _digits(text)
    return datetime(year, month, day, hour, minute, second)


def _short_year(text: str) -> datetime:
    """Two-digit dates are read as year, month, day (log4j); where that is no date, as month or day first."""
    a, b, c, hour, minute, second = _digits(text)
    for year, month, day in ((a, b, c), (c, a, b), (c, b, a)):
        if 1 <= month <= 12 and 1 <= day <= 31:
            return datetime(2000 + year if year < 70 else 1900 + year, month, day, hour, minute, second)
    raise ValueError(text)


def _year_last(text: str) -> datetime:
    a, b, year, hour, minute, second = _digits(text)
    month, day = (b, a) if a > 12 or "." in text else (a, b)
    return datetime(year, month, day, _of_24(hour, text), minute, second)


def _packed(text: str) -> datetime:
    date, *clock = re.split(r"\D+", text)
    if len(date) == 6:
        date = f"20{date}"
    if len(clock) == 1:
        clock = [clock[0][:2], clock[0][2:4], clock[0][4:]]
    hour, minute, second = (int(part) for part in clock)
    return datetime(int(date[:4]), int(date[4:6]), int(date[6:]), hour, minute, second)


WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _named_month(text: str) -> datetime:
    """``Jun 14 15:16:01``, ``Sun Dec 04 04:47:44 2005``, ``04/Dec/2005:04:47:44``, ``04 Dec 2005 04:47:44``."""
    names = re.findall(r"[A-Z][a-z][a-z]", text)
    month = next(MONTHS.index(name) + 1 for name in names if name in MONTHS)
    day, *rest = _digits(text)
    year = NO_YEAR
    if len(rest) > 3:
        year = rest.pop(0) if rest[0] > 99 else rest.pop()
    hour, minute, second = rest
    return datetime(year, month, day, _of_24(hour, text), minute, second)


def _of_24(hour: int, text: str) -> int:
    return hour % 12 + (12 if text[-2] in "Pp" else 0) if text[-1] in "Mm" else hour


def _month_day(text: str) -> datetime:
    month, day, hour, minute, second = _digits(text)
    return datetime(NO_YEAR, month, day, hour, minute, second)


def _klog(text: str) -> datetime:
    return _month_day(f"{text[:2]} {text[2:]}")


def _clock(text: str) -> datetime:
    hour, minute, second = _digits(text)
    return datetime(NO_YEAR, 1, 1, hour, minute, second)


def _uptime(text: str) -> datetime:
    return datetime(NO_YEAR, 1, 1) + timedelta(seconds=int(text))


def _seconds(text: str) -> datetime:
    return _EPOCH + timedelta(seconds=int(text))


_MONTH = rf"(?:{'|'.join(MONTHS)})"
_WEEKDAY = rf"(?:(?:{'|'.join(WEEKDAYS)}),? )?"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-6]\d"
_PART = r"(?:[.,](?P<part>\d{1,9}))?(?!\d)"
_ZONE = r"(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d(?![\d:])))?"
_ENDS = r"(?=[\s,|\]:]|$)"


def _kind(name: str, pattern: str, whole: Callable[[str], datetime], *, dated: bool = True) -> _Kind:
    compiled = re.compile(pattern)
    clock = name in ("iso", "syslog", "clf", "day-first", "short", "month-day")
    return _Kind(name, compiled, whole, dated, clock, "part" in compiled.groupindex, "zone" in compiled.groupindex)


_KINDS = (
    _kind("iso", rf"(\d{{4}}[-/.]\d\d[-/.]\d\d[T _-]\d\d[:.]\d\d[:.]\d\d){_PART}{_ZONE}", _year_first),
    _kind("syslog", rf"({_MONTH} {{1,2}}\d{{1,2}} {_TIME}){_PART}(?! \d{{4}}\b)", _named_month, dated=False),
    _kind(
        "ctime",
        rf"({_WEEKDAY}{_MONTH} {{1,2}}\d{{1,2}} {_TIME}(?:\.\d{{1,6}})?(?: [A-Z]{{3,4}})? \d{{4}})(?!\d)",
        lambda text: _named_month(re.sub(r"\.\d+", "", text)),
    ),
    _kind("month-first", rf"({_MONTH} \d{{1,2}}, \d{{4}},? \d{{1,2}}:\d\d:\d\d(?: [AaPp][Mm])?)", _named_month),
    _kind("klog", rf"[IWEF](\d{{4}} {_TIME})\.(?P<part>\d{{6}})", _klog, dated=False),
    _kind("clf", rf"(\d\d/{_MONTH}/\d{{4}}:{_TIME}){_ZONE}", _named_month),
    _kind("day-first", rf"({_WEEKDAY}\d{{1,2}}[ -]{_MONTH}[ -]\d{{4}} {_TIME}){_PART}{_ZONE}", _named_month),
    _kind("short", rf"(\d\d/\d\d/\d\d {_TIME}){_PART}", _short_year),
    _kind(
        "year-last",
        r"(\d{1,2}[/.-]\d{1,2}[/.-]\d{4},? \d{1,2}:\d\d:\d\d(?: [AaPp][Mm])?)(?!\d)",
        _year_last,
    ),
    _kind("packed", rf"(\d{{6}} \d{{6}}|\d{{8}}[ T-]\d{{6}}){_ENDS}", _packed),
    _kind("packed-clock", r"(\d{8}[ -]\d{1,2}:\d{1,2}:\d{1,2})(?:[:.,](?P<part>\d{1,6}))?(?!\d)", _packed),
    _kind("month-day", rf"(\d\d[-./]\d\d {_TIME}){_PART}", _month_day, dated=False),
    _kind("epoch", rf"((?:9\d{{8}}|1\d{{9}}))(?:\.(?P<part>\d{{1,9}}))?{_ENDS}", _seconds),
    _kind("epoch", rf"(1\d{{9}})(?P<part>\d{{9}}|\d{{6}}|\d{{3}}){_ENDS}", _seconds),
    _kind("uptime", r"(\d{1,7})\.(?P<part>\d{6})(?=\])", _uptime, dated=False),
    _kind("clock", rf"({_TIME}){_PART}{_ENDS}", _clock, dated=False),
)
_READABLE = _KINDS[:5]
_BEGINS_READABLE = re.compile(r"\d{4}[-/.]\d\d[-/.]\d\d[T _-]\d|[A-Z][a-z][a-z],? |[IWEF]\d{4} ")

_WORD = re.compile(r"[^\s|]+[ \t|]+|\|[ \t]*")
_KEYED = re.compile(r"(?:@?timestamp|time|ts|t|date)=[\"']?", re.IGNORECASE)
_BEFORE = " \t[(<\"'"


@define
class StampReader:
    """Finds the time in the head of a line. One per log: it learns kind and place, and counts turns of the year."""

    _kinds: list[_Kind] = field(factory=lambda: list(_KINDS))
    _word: int = 0
    _cache: dict[str, float] = field(factory=dict)
    _turns: float = 0.0
    _last: float | None = None

    def find(self, line: str) -> Stamp | None:
        """The timestamp that opens a line, or stands behind a few words that are not prose; None without one."""
        kinds = self._kinds
        if not self._word:
            stamp = self._at(line, _inside(line, 0), kinds[:1])
            if stamp is not None:
                return stamp
        elif (place := _nth_place(line, self._word)) is not None:
            stamp = self._at(line, place, kinds[:1])
            if stamp is not None:
                return stamp
        for word, place in enumerate(_places(line)):
            stamp = self._at(line, place, kinds)
            if stamp is not None:
                self._word = word
                return stamp
        return None

    def again(self, line: str, first: Stamp) -> Stamp | None:
        """The same time written a second time in words a person reads, at most two words further on."""
        place = first.end
        for _ in range(3):
            while line[place : place + 1] in (" ", "\t", "|", ","):
                place += 1
            stamp = self._at(line, place, _READABLE) if _BEGINS_READABLE.match(line, place) else None
            if stamp is not None:
                return stamp if stamp.dated else stamp._replace(key=first.key)
            place = line.find(" ", place, place + 64)
            if place < 0:
                break
        return None

    def _at(self, line: str, place: int, kinds: list[_Kind] | tuple[_Kind, ...]) -> Stamp | None:
        for index, kind in enumerate(kinds):
            found = kind.pattern.match(line, place)
            if found is None:
                continue
            key = self._key(found, kind)
            if key is None:
                continue
            if index and kinds is self._kinds:
                self._kinds.insert(0, self._kinds.pop(index))
            end = found.end()
            return Stamp(line[found.start(1) : end], key, kind.name, kind.dated, place, end)
        return None

    def _key(self, found: Match[str], kind: _Kind) -> float | None:
        text = found[1]
        zone = found["zone"] if kind.has_zone else None
        clock = 0.0
        if kind.ends_in_clock:
            hours, minutes, rest = text[-8:-6], text[-5:-3], text[-2:]
            if hours > "23" or minutes > "59" or rest > "60":
                return None
            clock = int(hours) * 3600.0 + int(minutes) * 60 + int(rest)
            text = text[:-8]
        cached = text + zone if zone else text
        seconds = self._cache.get(cached)
        if seconds is None:
            try:
                start = kind.whole(f"{text}00:00:00" if kind.ends_in_clock else text)
                seconds = (start - _EPOCH).total_seconds() - (_offset(zone) if zone else 0.0)
            except (ValueError, OverflowError):
                return None
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[cached] = seconds
        seconds += clock
        if not kind.dated:
            seconds = self._turned(seconds, _DAY if kind.name == "clock" else 366 * _DAY)
        part = found["part"] if kind.has_part else None
        return seconds + int(part) / 10 ** len(part) if part else seconds

    def _turned(self, seconds: float, span: float) -> float:
        """A leap back of more than half a year (or, of a bare clock, half a day) is taken as the turn of it."""
        seconds += self._turns
        if self._last is not None:
            if seconds < self._last - span / 2:
                self._turns += span
                seconds += span
            elif self._turns and seconds > self._last + span / 2:
                return seconds - span  # a straggler from before the turn
        self._last = seconds
        return seconds


def moment(key: float, text: str) -> datetime:
    """The time of a stamp's key and text: aware where the text carries a zone, else naive."""
    zone = _ZONE_AT_END.search(text)
    offset = _offset(zone[1]) if zone else 0.0
    local = _EPOCH + timedelta(microseconds=round((key + offset) * 1_000_000))
    return local.replace(tzinfo=timezone(timedelta(seconds=offset))) if zone else local


_ZONE_AT_END = re.compile(r"\d ?(Z|UTC|GMT|[+-]\d\d:?\d\d)$")


def _offset(zone: str) -> float:
    if zone[0] not in "+-":
        return 0.0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return float(-seconds if zone[0] == "-" else seconds)


def _places(line: str) -> Iterator[int]:
    """Where a timestamp may begin: at the start of a line, or of its next words unless it begins as prose."""
    yield _inside(line, 0)
    first = _WORD.match(line, 0, _HEAD_CHARS)
    if first is None or (_is_prose(first[0].rstrip()) and "|" not in first[0]):
        return
    place = first.end()
    for _ in range(_HEAD_WORDS):
        yield _inside(line, place)
        word = _WORD.match(line, place, _HEAD_CHARS)
        if word is None:
            return
        place = word.end()


def _nth_place(line: str, n: int) -> int | None:
    place = 0
    for _ in range(n):
        word = _WORD.match(line, place, _HEAD_CHARS)
        if word is None:
            return None
        place = word.end()
    return _inside(line, place)


def _inside(line: str, place: int) -> int:
    start = line[place : place + 1]
    while start and start in _BEFORE:
        place += 1
        start = line[place : place + 1]
    if start.isdigit():
        return place
    keyed = _KEYED.match(line, place)
    return keyed.end() if keyed else place


def _is_prose(word: str) -> bool:
    return word.isalpha() and not word.isupper()
