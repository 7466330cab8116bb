"""A turn: a question about a case, what was found for it, the model's words and the citations that hold them up."""

from datetime import datetime
from enum import StrEnum

from attrs import evolve, field, frozen

from ..case import Intent, TurnProgress
from ..evidence import LogPattern
from ..kernel.errors import InvalidInput

LONGEST_MESSAGE = 50_000
#: What a model that thinks before it answers may use for that, beside the tokens of the answer itself.
THINKING_TOKENS = 8_000


class Task(StrEnum):
    """What a model is called for."""

    TURN = "turn"
    POST_MORTEM = "post_mortem"
    INCIDENT_REPORT = "incident_report"
    RUNBOOK = "runbook"


class SourceKind(StrEnum):
    RUNBOOK = "runbook"
    EVIDENCE = "evidence"
    CASE = "case"  # what was said and noted in the case itself


@frozen(kw_only=True)
class Source:
    """One numbered thing an answer may rest on: a runbook's section, or what a piece of evidence shows.

    ``lines`` are the evidence's own line numbers, each of which belongs to it; ``quote`` is their text or the
    section's; ``role`` says what it is in the investigation: suspect, pattern, passage, section (of a runbook that
    fits), nearest (of one that may not), fact or said;
    ``remark`` is what the analysis says about it, in a sentence.
    """

    number: int
    kind: SourceKind
    source_id: str
    title: str
    role: str
    quote: str
    section: str = ""
    lines: tuple[int, ...] = ()
    score: float = 0.0
    pattern: LogPattern | None = None
    remark: str = ""


@frozen(kw_only=True)
class Citation:
    """A source the answer really cites."""

    number: int
    kind: SourceKind
    source_id: str
    title: str
    section: str
    lines: tuple[int, ...]
    quote: str

    @classmethod
    def of(cls, source: Source) -> "Citation":
        return cls(
            number=source.number,
            kind=source.kind,
            source_id=source.source_id,
            title=source.title,
            section=source.section,
            lines=source.lines,
            quote=source.quote,
        )


@frozen(kw_only=True)
class Message:
    """One message to a model. ``sources`` is what ``content`` was made from, for a provider that composes by itself."""

    role: str  # system, user or assistant
    content: str
    sources: tuple[Source, ...] = ()
    task: Task | None = None


@frozen(kw_only=True)
class ChatResponse:
    """``stop_reason``: stop, length (cut at max_tokens), filtered (by the vendor) or refused (by the model).

    Token counts are None where nobody counted. ``cost`` is set once it is settled, in millionths of a US dollar;
    ``cached`` ones were made earlier and cost nothing again.
    """

    content: str
    model: str
    provider: str
    stop_reason: str = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: int | None = None
    cached: bool = False


@frozen(kw_only=True)
class ModelChoice:
    """What the router decides: ``model`` None leaves it to the provider's default."""

    model: str | None
    temperature: float
    max_tokens: int


@frozen(kw_only=True)
class ModelCall:
    """What is asked of whichever model answers, and on whose account."""

    task: Task
    messages: tuple[Message, ...]
    job_id: str
    case_id: str
    user_id: str


@frozen(kw_only=True)
class Usage:
    """One call's share of the bill. ``cost`` in millionths of a US dollar, None where no price is known.

    Until it is ``settled`` the counts and the cost are the most the call may use; they are only set aside under a cap.
    """

    usage_id: str
    job_id: str
    case_id: str
    user_id: str
    task: Task
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost: int | None
    created_at: datetime
    settled: bool = False


@frozen(kw_only=True)
class Spent:
    """Several calls together. ``cost`` in millionths of a US dollar, without the ``unpriced`` calls."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0
    unpriced: int = 0


@frozen(kw_only=True)
class UsageReport:
    """What a user's turns used in all and today, and one case's, where that was asked for."""

    user: Spent
    today: Spent
    case: Spent | None = None


@frozen(kw_only=True)
class Answer:
    """What a turn ends in. ``notes`` say what was missing: no model, evidence still being read, a cut answer.

    ``progress`` is what the turn changed in its case; None for one that was answered before such was kept. Where the
    user's word was a decision, ``provider`` and ``model`` are "case": no model was asked.
    """

    message_id: str
    case_id: str
    content: str
    created_at: datetime
    turn_number: int
    citations: tuple[Citation, ...]
    model: str
    provider: str
    stop_reason: str = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: int | None = None
    cached: bool = False
    notes: tuple[str, ...] = ()
    progress: TurnProgress | None = None


class EventKind(StrEnum):
    PROGRESS = "progress"  # {"stage": what is being done}
    TOKEN = "token"  # {"text": a piece of the answer}
    RESTART = "restart"  # {}: the pieces so far are void, another try begins
    ENDED = "ended"  # {}: the turn says how


@frozen(kw_only=True)
class TurnEvent:
    """``id`` is opaque and known to the turn it belongs to."""

    id: str
    kind: EventKind
    data: dict[str, object]


class TurnStatus(StrEnum):
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@frozen(kw_only=True)
class Turn:
    """Stored before it is acknowledged; answered once.

    ``intent`` is what a click meant; ``attachments`` are the ids of the evidence that came with the words.
    """

    job_id: str
    case_id: str
    user_id: str
    message: str
    status: TurnStatus
    submitted_at: datetime
    context: dict[str, object] = field(factory=dict)
    answer: Answer | None = None
    error: str | None = None
    intent: Intent | None = None
    attachments: tuple[str, ...] = ()

    def answered(self, answer: Answer) -> "Turn":
        """The first answer stays."""
        return self if self.answer else evolve(self, status=TurnStatus.COMPLETED, answer=answer, error=None)

    def failed(self, error: str) -> "Turn":
        return self if self.answer else evolve(self, status=TurnStatus.FAILED, error=error)


def checked_message(message: str) -> str:
    """Raises: InvalidInput."""
    if not message.strip():
        raise InvalidInput("message is empty.", field="message")
    if len(message) > LONGEST_MESSAGE:
        raise InvalidInput(f"message has at most {LONGEST_MESSAGE} characters.", field="message")
    return message.strip()
