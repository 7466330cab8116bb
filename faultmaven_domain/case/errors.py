from ..kernel.errors import Conflict, NotFound


class CaseNotFound(NotFound):
    """Case not found."""

    code = "CASE_NOT_FOUND"


class ReportNotFound(NotFound):
    """The case has no such report."""

    code = "REPORT_NOT_FOUND"


class CaseClosed(Conflict):
    """The case is closed."""

    code = "CASE_CLOSED"


class WrongTransition(Conflict):
    """The case cannot go there from its present status."""

    code = "INVALID_TRANSITION"


class CaseVersionConflict(Conflict):
    """The case was changed meanwhile; read it again and retry."""

    code = "CASE_VERSION_CONFLICT"
