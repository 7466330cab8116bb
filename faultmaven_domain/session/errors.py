from ..kernel.errors import NotFound


class SessionNotFound(NotFound):
    """The session has lapsed or never was."""

    code = "SESSION_NOT_FOUND"
