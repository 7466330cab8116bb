"""What is wrong, in the user's own words where they say it, and how bad it sounds."""

import re

from .investigation import Observed
from .models import Priority
from .words import words_in

LONGEST_STATEMENT = 300

_TROUBLE = re.compile(
    r"\b(?:fail\w*|errors?|erroring|exceptions?|crash\w*|broken?|breaks?|breaking|down|outages?|slow\w*|latency|lag\w*|"
    r"time[sd]? ?out\w*|timing out|unavailable|unreachable|unresponsive|hang\w*|hung|stuck|frozen|freez\w*|"
    r"dead ?lock\w*|"
    r"leak\w*|oom\w*|killed|evict\w*|panic\w*|segfault\w*|corrupt\w*|missing|lost|los(?:es|ing)|loss|wrong\w*|stale|refus\w*|"
    r"reject\w*|denied|forbidden|expired|full|exhaust\w*|spik\w*|throttl\w*|restart(?:s|ing|ed)|flap\w*|degraded|stopped|"
    r"stops|dropp?(?:ed|ing|s)?|problems?|issues?|trouble|incident|alert\w*|bugs?|[45]\d\d|"
    r"nothing|nobody|no one|no (?:response|answer|data|traffic|connections?|requests?|logs?)|"
    r"cannot|cant|can not|unable|not working|isnt|doesnt|dont|didnt|wont|arent|wasnt|no longer|never|stopped working)\b"
)
#: How a request begins. Alone it tells of no problem, however many words of trouble are in it.
_REQUEST = re.compile(
    r"(?:please |now |then |also |(?:can|could|would|will) you |i want you to |id like you to |"
    r"help me (?:to )?)*"
    r"(?:analy[sz]e|look|review|read|summari[sz]e|examine|explain|list|show|search|find|parse|tell|describe|help|check|"
    r"give|write|create|generate|have a look|compare|extract|identify|investigate|start|begin|close|mark|resolve)\b"
)
_WHY = re.compile(r"\b(?:why|what causes|what caused|what makes|because)\b")
_ABOUT_ME = re.compile(r"i (?:dont|do not|cant|cannot) (?:know|understand|think|want|need|remember|see|tell)\b")
_ABSTRACT = re.compile(
    r"(?:how (?:do|can|should|would|to)|what (?:is|are|does|do) (?:a |an |the )?\w+(?: \w+)?$|"
    r"what (?:if|could|would|should))\b"
)
#: A no that is no part of a sentence: set off from it, or before what it is instead.
_NOT_THAT = re.compile(
    r"\s*(?:no|nope|not quite|not really|wrong|actually)(?:\s*[,.:;!–—-]+\s*|\s+(?=(?:it|its|it's|that|this|the|rather|"
    r"actually)\b))(?:(?:actually|rather)\b[\s,]*)?",
    re.IGNORECASE,
)
_HELLO = re.compile(
    r"\s*(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|dear)\b(?: (?:all|there|team))?[\s,.!:-]*",
    re.IGNORECASE,
)
#: What is asked for after a problem is told, and is no part of it.
_ASKING = re.compile(
    r"(?<![\s,;:–—-])[\s,;:–—-]+"
    r"(?:(?:so |and )?(?:can|could|would|will) (?:you|anyone|anybody|someone|somebody) (?:please )?"
    r"(?:help|assist)(?: (?:me|us|out))*(?: with (?:this|that|it))?|"
    r"(?:please|pls|any) help(?: (?:me|us))?|help(?: please)?|"
    r"any (?:ideas?|hints?|clues?)|what (?:can|should|do|shall) (?:i|we) do(?: now)?)(?: please)?\s*[?.!]*$",
    re.IGNORECASE,
)


def statement_of(message: str, *, corrects: bool = False) -> str | None:
    """The problem a message tells, in its own first sentence or two, at most 300 characters; None where it tells none.

    A sentence tells one when it speaks of trouble and is neither a request alone ("Analyze these logs for errors") nor
    a question about things in general. Code and pasted lines are passed over. One that ``corrects`` a statement which
    was refused is taken at its word, whatever it speaks of, unless it asks or requests.
    """
    prose = re.sub(r"```.*?(?:```|$)", " ", message[:20_000], flags=re.DOTALL)
    prose = _HELLO.sub("", " ".join(line for line in prose.splitlines() if not _is_pasted(line)), count=1)
    if corrects:
        prose = _NOT_THAT.sub("", prose, count=1)
    sentences = [" ".join(one.split()) for one in re.split(r"(?<=[.!?])\s+", prose) if one.strip()]
    for number, sentence in enumerate(sentences):
        if _tells(sentence) or (corrects and _is_plain(sentence)):
            both = " ".join(sentences[number : number + 2])
            more = number + 1 < len(sentences) and _tells(sentences[number + 1]) and len(both) <= LONGEST_STATEMENT
            return _fitted(_ASKING.sub("", both if more else sentence))
    return None


def is_correction(message: str) -> bool:
    """Whether a message begins by saying no to what was proposed and then goes on."""
    match = _NOT_THAT.match(message)
    return match is not None and len(message[match.end() :].split()) > 1


def statement_from(observed: Observed) -> str | None:
    """The problem that the evidence shows, where nobody told one."""
    if observed.suspects and observed.suspects[0].text.strip():
        return _fitted(" ".join(observed.suspects[0].text.split()))
    if observed.failures > 0 and observed.places:
        return _fitted(f"{observed.failing_records} failing records in {', '.join(observed.places[:3])}")
    return None


def severity_of(statement: str, observed: Observed) -> Priority:
    """A guess by simple rules, for the user to put right; the first that fits.

    Critical: an outage, production down, data lost or a breach, or it is said to be critical. High: users, customers,
    money or production are named, something crashes or nothing of it works, it is urgent, or a thousand records fail.
    Low: it is called minor or cosmetic, or happens sometimes or in a test system, and fewer than a hundred records
    fail. Otherwise medium.
    """
    words = _plain(statement)
    if re.search(
        r"\b(?:outage|critical|sev ?[01]|p[01]|breach\w*|data loss|los(?:t|ing) data|corrupt\w*|everything is down|"
        r"(?:production|prod|site|service|cluster|database|system|everything) "
        r"(?:is |went |has gone |are )(?:\w+ )?down|"
        r"(?:all|every) (?:users?|customers?)|nobody can|no one can|emergency)\b",
        words,
    ):
        return Priority.CRITICAL
    if observed.failing_records >= 1000 or re.search(
        r"\b(?:production|prod|users?|customers?|clients?|payments?|checkout|orders?|revenue|urgent\w*|asap|crash\w*|"
        r"down|unavailable|unreachable|cannot|cant|unable|oom\w*|panic\w*|sev ?2|p2)\b",
        words,
    ):
        return Priority.HIGH
    minor = re.search(
        r"\b(?:minor|cosmetic|typo|trivial|low priority|nice to have|sometimes|dev|staging|test)\b", words
    )
    return Priority.LOW if minor and observed.failing_records < 100 else Priority.MEDIUM


def _tells(sentence: str) -> bool:
    said = _plain(sentence)
    if not _TROUBLE.search(said) or len(said.split()) < 2:
        return False
    if _ABOUT_ME.match(said) or _ABSTRACT.match(said):
        return False
    return not _REQUEST.match(said) or bool(_WHY.search(said))


def _is_plain(sentence: str) -> bool:
    said = _plain(sentence)
    return (
        len(said.split()) > 2 and not sentence.endswith("?") and not _REQUEST.match(said) and not _ABOUT_ME.match(said)
    )


def _is_pasted(line: str) -> bool:
    """A line of a log or a trace rather than of a letter: it begins with a time, a level or an indented frame."""
    return bool(
        re.match(
            r"\s*(?:\[?\d{4}-\d\d-\d\d|\[?\d\d:\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:|<\d+>|"
            r"\[?(?:ERROR|WARN|WARNING|INFO|DEBUG|FATAL|TRACE)\b[\]:]?\s|at [\w.$]+\(|File \"|Traceback |\{\")",
            line,
        )
    )


def _fitted(text: str) -> str:
    """Cut at a word where it is too long."""
    if len(text) <= LONGEST_STATEMENT:
        return text
    return text[: LONGEST_STATEMENT - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _plain(text: str) -> str:
    return " ".join(words_in(text))
