from ..kernel.errors import Conflict, FaultMavenError, NotFound, Unavailable


class TurnNotFound(NotFound):
    """There is no such chat job."""

    code = "JOB_NOT_FOUND"


class CaseNotEnded(Conflict):
    """Reports are written once a case has ended."""

    code = "CASE_NOT_ENDED"


class ReportNotWritten(Unavailable):
    """A report could not be written."""

    code = "REPORT_NOT_WRITTEN"


class LLMError(Unavailable):
    """The language model did not answer."""

    code = "LLM_UNAVAILABLE"


class LLMTimeout(LLMError):
    """The language model took too long."""

    code = "LLM_TIMEOUT"
    #: A turn has one deadline, and what it was spent on is not waited for again.
    final = True


class LLMRateLimited(LLMError):
    """The language model takes no more requests right now."""

    code = "LLM_RATE_LIMITED"

    def __init__(self, message: str | None = None, *, retry_after: float | None = None, **details: object) -> None:
        """``retry_after`` in seconds, where the provider said."""
        super().__init__(message, **details)
        self.retry_after = retry_after


class LLMRefused(FaultMavenError):
    """The language model did not accept the request; the server's log says why."""

    code = "LLM_REFUSED"


class SpendingCapReached(FaultMavenError):
    """What may be spent on language models is used up."""

    code = "SPENDING_CAP_REACHED"
