"""What stands before the message in a line of text: time, level, component. One grammar for all programs.

The head is read word by word from the timestamp on. Numbers, bracketed threads and words that are no prose are taken
along on trial; they belong to the head only if a level or a component follows, else they are the message's.
"""

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from attrs import define, field

from .levels import level_of, level_of_letter, level_of_value, level_said
from .stamps import Stamp, StampReader
from .structured import Fields, read_json, read_logfmt

_WORDS_TRIED = 8
_BRACKETED = r"\[(?:[^\[\]]|\[[^\[\]]{0,200}+\]){0,200}+\]"
_WORD = re.compile(rf"\s*({_BRACKETED}(?=[\s:\]\[-]|$)|\S{{1,200}})")
_CLOSING = "\"')]>,;"
_FLAG = re.compile(r"\s*-?\d+\s")
_SYSLOG = re.compile(  # host name[pid] (of): message
    r"\s+\S+\s+(?:-+ )?(?P<name>[\w./()@+#-]{1,80}(?: [\d.]{1,20})?)"
    r"(?:\[[\d.]+\])?(?: \([^()]{1,80}\)(?:\[\d+\])?)?:(?=\s|$)"
)
_SYSLOG_BY_PID = re.compile(r"\s+\S+\s+([\w./()@+#-]{1,80})(?:\[\d+\]:|(?<=kernel):)(?=\s|$)")
_LETTERED = re.compile(r"\s+\d+\s+\d+ (?P<letter>[VDIWEFA])\s+(?P<name>[^:]{1,60}?)\s*:(?=\s|$)")
_BRIEF = re.compile(r"([VDIWEF])/([^(:]{1,60}?)\s*\(\s*\d+\):\s?")
_KLOG = re.compile(r"\s+\d+ (?P<name>[\w./-]{1,80}):\d+\]\s?")
_NAME_DASH = re.compile(r"\s*([\w.$@:()/-]{1,60})(?: [*(\[]?\d+[)\]]?)? -+ ")
_NAMED = re.compile(r"\s*([\w.$/@#()-]*[\w)])(?:\[[\d.]+\])?:(?=\s|$)")
_DOTTED = re.compile(r"[A-Za-z_][\w$-]*(?:\.[\w$-]+)+(?::\d+)?$")
_IN_BRACKETS = re.compile(r"([A-Za-z_][\w.$]*)@\d+\]$")
_AN_ID = r"(?:[^\s,\]\d]*+\d[^\s,\]]*+|-|true|false)"
_ONLY_IDS = re.compile(rf"\[[\s,]*+(?:{_AN_ID}(?:[\s,]++{_AN_ID})*+)?[\s,]*+\]$")
_ACCESS = re.compile(r"\] \"([A-Z]{3,8}) (\S{1,400})[^\"]{0,40}\" ([1-5]\d\d)\b")
_COMPOSE = re.compile(r"([A-Za-z][\w.-]{0,60})[ \t]*\|(?: |$)")
_MONGO = re.compile(r"\s(?P<letter>[FEWID])\s+(?P<name>[A-Z]{2,12})\s+\[[^\]]{0,60}\]\s")
_SHAPES = {"iso": _MONGO, "syslog": _SYSLOG, "month-day": _LETTERED, "klog": _KLOG}
_PYTHON = re.compile(r"([A-Z]{4,8}):([\w.]{1,60}):")
_ID_ONLY = re.compile(r"[\d#*]*\d[\d#]*:$")
_PROCESS = re.compile(r"#\d+\]?$")
_SMALL_WORDS = frozenset(("OF", "IN", "TO", "THE", "IS", "NOT", "ON", "FOR", "AT", "NO", "AND", "OR", "BY", "A"))
_PRIORITY = re.compile(r"<(\d{1,3})>(1 )?")
_RFC5424 = re.compile(r"\s+\S+ (\S+) \S+ \S+ (?:-|\[.*?\]) ?")
_UPTIME = re.compile(r"\s*\[\s*\d+\.\d+\]\s*")
_STREAM = re.compile(r" (?:stdout|stderr) [FP] ")


class Head(NamedTuple):
    """A line taken apart. ``opens`` tells a line that begins a record from one that continues it."""

    stamp: str | None
    key: float | None
    level: str | None
    component: str | None
    message: str
    opens: bool


@define
class HeadReader:
    """Reads the heads of one log's lines, in order."""

    _stamps: StampReader = field(factory=StampReader)

    def read(self, line: str) -> Head:
        first = line[:1]
        if first == "{" and (fields := read_json(line)):
            return self._structured(fields)
        if first == "<" and (priority := _PRIORITY.match(line)):
            return self._prioritised(line, priority)
        if line.find("=", 1, 24) > 0 and (fields := read_logfmt(line)):
            return self._structured(fields)
        if line.find("|", 1, 64) > 0 and (service := _COMPOSE.match(line)) and not level_of(service[1]):
            inner = self._inside(line[service.end() :], None, None)
            return inner._replace(component=inner.component or service[1])
        stamp = self._stamps.find(line)
        if stamp is None:
            return _without_time(line)
        if stamp.kind == "epoch":
            stamp = self._stamps.again(line, stamp) or stamp
        elif line.startswith(" std", stamp.end):
            stream = _STREAM.match(line, stamp.end)
            if stream is not None:
                return self._inside(line[stream.end() :], stamp.text, stamp.key)
        return _with_time(line, stamp)

    def _structured(self, fields: Fields) -> Head:
        stamp = self._stamps.find(fields.time) if fields.time else None
        text, key = (stamp.text, stamp.key) if stamp else (None, None)
        if fields.wraps:
            return self._inside(fields.message, text, key)
        message = " ".join(fields.message.split("\n", 1)[0].split())
        return Head(text, key, fields.level or level_said(message), fields.component, message, True)

    def _prioritised(self, line: str, priority: re.Match[str]) -> Head:
        """Syslog as it travels: RFC 3164 is the line behind a priority, RFC 5424 has fields of its own."""
        rest = line[priority.end() :]
        level = level_of_value(int(priority[1]) % 8)
        if priority[2] and (stamp := self._stamps.find(rest)) and (fields := _RFC5424.match(rest, stamp.end)):
            return Head(stamp.text, stamp.key, level, fields[1], rest[fields.end() :].strip(), True)
        return self.read(rest)._replace(level=level)

    def _inside(self, line: str, stamp: str | None, key: float | None) -> Head:
        """A line in a container runtime's wrapping. One that is set in continues the line before."""
        head = self.read(line)
        opens = head.opens or (stamp is not None and not line[:1].isspace())
        if head.key is not None and (key is None or head.key > 0):
            return head._replace(opens=opens)
        return head._replace(stamp=stamp, key=key, opens=opens)  # no time of its own, or one without a year


def _with_time(line: str, stamp: Stamp) -> Head:
    place = stamp.end
    if stamp.kind == "clf" and (access := _ACCESS.match(line, place)):
        return Head(stamp.text, stamp.key, None, None, f"{access[1]} {access[2]} status={_status(access[3])}", True)
    while line[place : place + 1] in _CLOSING and place < len(line):
        place += 1
    before = line[: stamp.start].split() if stamp.start > 1 else []
    if stamp.kind == "epoch" and (name := _named_before(before)):
        flag = _FLAG.match(line, place)
        level, start = None, flag.end() if flag else place
    else:
        level, name, start = _scan(line, place, stamp.kind)
    if stamp.kind == "klog":
        level = level_of_letter(line[stamp.start])
    elif level is None and before:
        level = next(filter(None, map(_shouted_level, before)), None)
    message = line[start:].strip()
    if name == "kernel" and message.startswith("["):
        message = _UPTIME.sub("", message, count=1)
    return Head(stamp.text, stamp.key, level or level_said(message), name or _named_before(before), message, True)


def _status(code: str) -> str:
    return code if code >= "400" else f"{code[0]}xx"


def _named_before(words: list[str]) -> str | None:
    names = [word.strip("|[]:,") for word in words if _is_name(word)]
    return next((name for name in names if not any(c.isdigit() for c in name)), names[0] if names else None)


def _scan(line: str, place: int, kind: str) -> tuple[str | None, str | None, int]:
    """The level, the component, and where the message starts."""
    known = _SHAPES.get(kind)
    if known is not None:
        found = known.match(line, place)
        if found is not None:
            letter = found.groupdict().get("letter")
            return level_of_letter(letter) if letter else None, found["name"], found.end()
    if line.startswith("|", place):
        return _piped(line, place + 1)
    level, name, start = _walk(line, place)
    if name is None:
        dashed = _NAME_DASH.match(line, start)
        if dashed is not None and not (level and level_of(dashed[1])):
            name, start = dashed[1], dashed.end()
            if level is None:
                level, _, start = _walk(line, start, named=True)
        elif level is None and (syslog := _SYSLOG_BY_PID.match(line, place)):
            return None, syslog[1], syslog.end()
    return level, name, start


def _walk(line: str, place: int, *, named: bool = False) -> tuple[str | None, str | None, int]:
    level: str | None = None
    name: str | None = "" if named else None
    start = at = place
    bracket = last = ""
    shouted = 0
    for _ in range(_WORDS_TRIED):
        found = _WORD.match(line, at)
        if found is None:
            break
        word, end = found[1], found.end()
        if word.isdigit():
            at = end
            continue
        sort, loud = _sort_of(word)
        if sort is _Sort.SEPARATOR:
            at = end
            if bracket and level is not None and name is None:
                inner = _IN_BRACKETS.search(bracket)
                name = inner[1] if inner else bracket.strip("[]")
            if level is not None or name is not None:
                start = end
            continue
        if sort is _Sort.PROCESS:
            at = end
            continue
        if level is None:
            level = loud or _column_level(word, line, end)
            if level is not None:
                start = at = end
                name = name if name is not None else last or None
                if sort is _Sort.BRACKET and ":" in word:
                    name = word[1:].partition(":")[0]
                if word.endswith(":"):
                    break
                continue
        if sort is _Sort.BRACKET:
            if level is not None and name is None and _DOTTED.match(word, 1, len(word) - 1):
                name, start = word[1:-1], end
            elif name is None:
                bracket = word
            elif _ONLY_IDS.match(word):
                start = end
            else:
                break
            at = end
            continue
        if name is not None:
            break
        if ":" in word and (called := _NAMED.match(line, at)):
            if level is None and (loud := _shouted_level(called[1].rpartition(".")[2])):
                return loud, called[1].rpartition(".")[0], called.end()
            if _is_component(called[1], bare=level is None, pid="[" in called[0]):
                return level, called[1], called.end()
        if level is not None:
            if sort is _Sort.LOGGER or line.startswith(("   ", "\t"), end):
                name, start, at = word, end, end
                continue
            if sort is _Sort.ID:
                start = at = end
                continue
            break
        if sort is _Sort.WORD:
            shouted += 1
            if not word.isupper() or shouted > 3 or word in _SMALL_WORDS:
                break
            last = word
        elif sort is _Sort.LOGGER or _DOTTED.match(word):
            last = word
        at = end
    return level, name or None, start


class _Sort(Enum):
    SEPARATOR = auto()  # - : | ---
    PROCESS = auto()  # #1234]
    BRACKET = auto()
    LOGGER = auto()  # a.b.C, a.b:12
    ID = auto()  # 29#29:
    WORD = auto()
    OTHER = auto()


@lru_cache(8_192)
def _sort_of(word: str) -> tuple[_Sort, str | None]:
    """What a word of a head is, and the level it shouts."""
    loud = _shouted_level(word)
    if word[0] == "[":
        return _Sort.BRACKET, loud
    if not (word[0].isalnum() or word[0] in "<(_$*/"):
        if not word.strip("-:|=>,.#*"):
            return _Sort.SEPARATOR, None
        return (_Sort.PROCESS if _PROCESS.match(word) else _Sort.WORD), loud
    if word.isalpha():
        return _Sort.WORD, loud
    if (word.count(".") > 1 or ":" in word) and _DOTTED.match(word):
        return _Sort.LOGGER, loud
    return (_Sort.ID if _ID_ONLY.match(word) else _Sort.OTHER), loud


def _piped(line: str, place: int) -> tuple[str | None, str | None, int]:
    """``time|component|pid|message``: short fields without blanks, in any order, up to the message."""
    level = name = None
    for _ in range(4):
        bar = line.find("|", place, place + 64)
        field_ = line[place:bar].strip()
        if bar < 0 or " " in field_:
            break
        if level is None and level_of(field_):
            level = level_of(field_)
        elif name is None and _is_name(field_):
            name = field_
        place = bar + 1
    if name is None:
        dashed = _NAME_DASH.match(line, place)
        if dashed is not None:
            name, place = dashed[1], dashed.end()
    return level, name, place


def _without_time(line: str) -> Head:
    """A line that writes no time opens a record only if it begins with a level."""
    brief = _BRIEF.match(line)
    if brief is not None:
        return Head(None, None, level_of_letter(brief[1]), brief[2], line[brief.end() :].strip(), True)
    python = _PYTHON.match(line)
    if python is not None and level_of(python[1]):
        return Head(None, None, level_of(python[1]), python[2], line[python.end() :].strip(), True)
    first = line.split(None, 1)[0] if line[:1].strip() else ""
    if first and _shouted_level(first):
        level, name, start = _walk(line, 0)
        return Head(None, None, level, name, line[start:].strip(), True)
    message = line.strip()
    return Head(None, None, level_said(message), None, message, False)


def _shouted_level(word: str) -> str | None:
    """A level in capitals or brackets, as heads write it and prose does not; ``[core:error]`` too."""
    if word[0] in "[<(":
        return level_of(word.rpartition(":")[2])
    if "/" in word:
        word = word.partition("/")[0]  # ERROR/worker-1
    return level_of(word) if word.isupper() else None


def _column_level(word: str, line: str, end: int) -> str | None:
    """``Info   Component   message``: a level in small letters, set in a column of its own."""
    return level_of(word) if line.startswith(("  ", "\t"), end) and word.isalpha() else None


def _is_name(word: str) -> bool:
    bare = word.strip("|[]():,")
    return sum(map(str.isalpha, bare)) > 1 and not level_of(bare)


@lru_cache(4_096)
def _is_component(name: str, *, bare: bool, pid: bool) -> bool:
    """Whether ``name:`` names a component, and is not the first word of a sentence such as ``Failed: ...``."""
    if not any(c.isalpha() for c in name) or level_of(name):
        return False
    if pid or (bare and name.islower()) or any(not c.isalpha() for c in name):
        return True
    return any(c.isupper() for c in name[1:])
