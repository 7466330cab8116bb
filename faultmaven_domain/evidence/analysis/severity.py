"""What a message's own words tell about how bad it is, where its level does not."""

from .phrases import any_of
from .values import Severity

_GRAVE = any_of(
    r"""
    out of memory | \boom\b | oom[-_ ]?kill | outofmemory | java heap space | cannot allocate
    no space left | disk (?:is )?full | read-only file system | quota exceeded
    segfault | segmentation fault | core dumped | \bpanic\b | stack overflow | stackoverflow
    deadlock | data loss | corrupt | break-in | too many open files
    exhausted | pool (?:is )?empty | (?:certificate|cert|token)\b.{0,40}\bexpired
    """
)
_FAILURE = any_of(
    r"""
    \bfail(?:ed|ure|ures|ing|s)?\b | \berrors?\b | \bfatal\b | exception\b | \w(?:exception|error)\b
    \bcrash(?:ed|ing)? | crashloopbackoff | imagepullbackoff | \bback-?off\b
    refused | \bdenied\b | forbidden | unauthori[sz]ed | not authori[sz]ed | violat(?:ion|ed|es)
    timed out | time-?out (?:exceeded|expired|while|waiting|after|error) | connection timeout
    unreachable | no route to host | name or service not known | unresolved
    connection (?:was )?reset | broken pipe | connection abort | \blost\b
    (?:can ?not|can't|could not|couldn't|unable to)\b
    \babort(?:ed|ing)?\b | abnormally | unexpectedly | \bkilled\b | \bdied\b | \bpanicked\b | evicted
    not responding | unhealthy | \bhung\b | stalled | \bfault\b | \bstatus=5\d\d
    """
)
_WARNING = any_of(
    r"""
    \bwarn(?:ing)?\b | \balert\b | deprecated | \bslow(?:ly)?\b | degraded | \boverload
    \bretry(?:ing)?\b | \bretries\b | \bretried\b | \breconnect | \bdisconnected\b | interrupted
    \bdropp(?:ed|ing)\b | rejected | throttl | \bcancell?ed\b | rollback | rolled back | \bevict
    \bexpir(?:ed|ing)\b | \binvalid\b | illegal | \bunknown\b | \bmissing\b | not found | \bunexpected\b
    \bunavailable\b | \bunusable\b | exceed(?:s|ed|ing)? | time-?outs?\b | \bskew\b
    \bhigh (?:cpu|memory|load|latency|watermark) | too (?:many|long|old|late|large|big)
    readiness probe | liveness probe | \bstatus=(?:401|403|408|429|499)
    """
)
# what stands in messages of success, or names a setting
_HARMLESS = any_of(
    r"""
    \b(?:no|0|zero|without(?: any)?) (?:\w+ )?(?:errors?|failures?|exceptions?|warnings?|timeouts?)\b
    \b(?:errors?|failures?|failed|exceptions?|warnings?|timeouts?|dropped|lost|retries)["']? ?[=:] ?["']?(?:0\b|<\*>)
    \b(?:errors?|failures?|failed|exceptions?|warnings?)["']? ?[=:] ?["']?(?:null|none|nil|false|ok|\[\]|\{\})
    \b(?:negotiated|session|connect(?:ion)?|read|idle|request|socket|default)[ _-]time-?outs? ?(?:of|to|is|[=:<])
    \b(?:set|with|max|min|notification)[ _-]time[- ]?outs? ?(?:of|to|is|[=:<])
    \btime[- _]?outs? ?(?:of <\*>|[=:])(?!.*exceeded)
    \b(?:error|failure|exception)[ _-](?:handl|support|report|log|page|code 0|rate|count|budget|detect)\w*
    fail-?over | \bfail(?:ed|ure)?[ -]?(?:safe|fast) | \bretry policy | \berrors? detected and corrected
    """
)
_BY_LEVEL: dict[str, Severity] = {
    "FATAL": "failure",
    "CRITICAL": "failure",
    "ERROR": "failure",
    "WARN": "warning",
}
_MOST_READ = 1_000


def severity_of(level: str | None, text: str) -> Severity:
    """The level's word counts where it says that something is wrong; else what the text says does.

    ``text`` is a template, and the exceptions below it. What a program says at DEBUG is no more than a warning.
    """
    stated = _BY_LEVEL.get(level or "")
    if stated is not None:
        return stated
    told = _told(text)
    return "warning" if told == "failure" and level in ("DEBUG", "TRACE") else told


def tells_failure(text: str) -> bool:
    """Whether a text speaks of failure, whatever its level."""
    return _told(text[:_MOST_READ]) == "failure"


def is_grave(level: str | None, text: str) -> bool:
    """A failure that must not be buried, however rare: the end of a resource, a crash, corruption, a break-in."""
    return level in ("FATAL", "CRITICAL") or _GRAVE.search(text.lower()) is not None


def _told(text: str) -> Severity:
    rest = _HARMLESS.sub(" ", text.lower())
    if _GRAVE.search(rest) or _FAILURE.search(rest):
        return "failure"
    return "warning" if _WARNING.search(rest) else "normal"
