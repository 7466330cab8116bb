"""How serious a line says it is: the level words of many programs, normalised to eight."""

import re

LEVELS = ("FATAL", "CRITICAL", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG", "TRACE")
"""The normalised levels, most serious first."""

_NAMES = {
    "FATAL": "FATAL EMERG EMERGENCY PANIC ALERT FTL",
    "CRITICAL": "CRITICAL CRIT",
    "ERROR": "ERROR ERR ERRO SEVERE FAILURE EROR",
    "WARN": "WARN WARNING WRN",
    "NOTICE": "NOTICE",
    "INFO": "INFO INFORMATION INFORMATIONAL INF LOG CONFIG",
    "DEBUG": "DEBUG DBG FINE DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5",
    "TRACE": "TRACE TRC FINER FINEST VERBOSE",
}
_BY_NAME = {name: level for level, names in _NAMES.items() for name in names.split()}
_BY_LETTER = {"F": "FATAL", "E": "ERROR", "W": "WARN", "I": "INFO", "D": "DEBUG", "V": "TRACE"}
# syslog priorities, and the numbers of bunyan and pino
_BY_NUMBER = {
    **{
        "0": "FATAL",
        "1": "FATAL",
        "2": "CRITICAL",
        "3": "ERROR",
        "4": "WARN",
        "5": "NOTICE",
        "6": "INFO",
        "7": "DEBUG",
    },
    **{"10": "TRACE", "20": "DEBUG", "30": "INFO", "40": "WARN", "50": "ERROR", "60": "FATAL"},
}
_SAID = re.compile(
    r"\W{0,4}(emerg|alert|fatal|panic|critical|crit|error|err|warning|warn|notice)(?:\s?[:\]>]|\s-\s)", re.IGNORECASE
)


def level_of(word: str) -> str | None:
    """The level a word in a line's head names, bare or in brackets: ``[error]``, ``WARN:``, ``Info``."""
    return _BY_NAME.get(word.strip("[](){}<>:|,'\" ").upper())


def level_of_letter(letter: str) -> str | None:
    """The level of an Android or klog letter."""
    return _BY_LETTER.get(letter)


def level_of_value(value: object) -> str | None:
    """The level of a field: a word, a letter, or a number of syslog, bunyan or pino."""
    text = str(value).strip()
    return level_of(text) or _BY_LETTER.get(text.upper()) or _BY_NUMBER.get(text)


def level_said(message: str) -> str | None:
    """The level with which a message itself begins, as in ``error: disk full``; it stays in the message."""
    found = _SAID.match(message)
    return _BY_NAME[found[1].upper()] if found else None
