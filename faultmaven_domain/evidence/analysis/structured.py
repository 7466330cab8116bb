"""Lines that name their fields: JSON, logfmt. Read into the same parts as a line of text."""

import json
import re
from collections.abc import Mapping

from .levels import level_of_value

LONGEST_JSON = 65_536
_TIMES = (
    "@timestamp",
    "timestamp",
    "time",
    "ts",
    "t",
    "date",
    "datetime",
    "asctime",
    "eventTime",
    "__REALTIME_TIMESTAMP",
)
_LEVELS = ("level", "lvl", "severity", "levelname", "log.level", "loglevel", "level_name", "s", "PRIORITY")
_MESSAGES = ("msg", "message", "MESSAGE", "event", "text", "short_message", "log", "body", "textPayload")
_NAMES = (
    *("logger", "logger_name", "component", "name", "module", "caller", "service", "source", "c"),
    *("SYSLOG_IDENTIFIER", "_COMM"),
)
_ERRORS = ("err", "error", "exception", "error.message", "exc_info", "reason", "stack_trace")
_PAIR = re.compile(r'([\w.@-]{1,64})=("(?:[^"\\]|\\.)*+"?|[^\s"]*)')
_STARTS_WITH_PAIR = re.compile(r"[\w.@-]{1,64}=")
_ESCAPE = re.compile(r"\\(.)")
_SEVERITY_NAMED = ("level=", "lvl=", "severity=")


class Fields:
    """What a structured line says; empty strings where it does not."""

    __slots__ = ("component", "level", "message", "time", "wraps")

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.time = _first(fields, _TIMES)
        level = _first(fields, _LEVELS)
        self.level = level_of_value(level) if level else None
        self.component = _first(fields, _NAMES) or None
        error = _first(fields, _ERRORS).split("\n", 1)[0]
        message = _first(fields, _MESSAGES)
        if not message:
            known = {*_TIMES, *_LEVELS, *_NAMES, *_ERRORS}
            message = " ".join(f"{k}={_text(v)}" for k, v in fields.items() if k not in known)
        self.wraps = "log" in fields and "stream" in fields  # Docker's json-file: the program's own line is the message
        self.message = f"{message}: {error}" if error and error not in message else message


def read_json(line: str) -> Fields | None:
    """None where the line is no JSON object, or one too long to be read."""
    if len(line) > LONGEST_JSON or not line.rstrip().endswith("}"):
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return Fields(fields) if isinstance(fields, dict) else None


def read_logfmt(line: str) -> Fields | None:
    """None where the line does not begin with a pair, or none of its pairs is a level."""
    if not _STARTS_WITH_PAIR.match(line) or not any(name in line for name in _SEVERITY_NAMED):
        return None
    return Fields({found[1]: _unquoted(found[2]) for found in _PAIR.finditer(line)})


def _unquoted(value: str) -> str:
    return _ESCAPE.sub(r"\1", value[1:].removesuffix('"')) if value.startswith('"') else value


def _first(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    return next((text for name in names if name in fields and (text := _text(fields[name]))), "")


def _text(value: object) -> str:
    """A field as text; of an object the one string in it that says something."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for name in ("$date", "message", "msg", "type", "name", *value):
            if isinstance(value.get(name), str) and value[name]:
                return str(value[name])
        return ""
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    return "" if value is None or isinstance(value, bool) else str(value)
