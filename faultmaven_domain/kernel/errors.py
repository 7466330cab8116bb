"""What can go wrong, in the domain's words. A class's docstring is its default message.

``details`` reach the caller: name the offending field there, never a secret or a vendor's text.
"""


class FaultMavenError(Exception):
    """Something went wrong."""

    code = "ERROR"
    #: True where trying the same again cannot help.
    final = True

    def __init__(self, message: str | None = None, **details: object) -> None:
        super().__init__(message or self.__doc__)
        self.details = details

    @property
    def message(self) -> str:
        return str(self.args[0])


class InvalidInput(FaultMavenError):
    """The request is not valid."""

    code = "VALIDATION_ERROR"


class TooLarge(InvalidInput):
    """That is larger than this server takes."""

    code = "PAYLOAD_TOO_LARGE"


class UnsupportedFile(InvalidInput):
    """This kind of file is not taken."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class Unauthenticated(FaultMavenError):
    """Sign in first."""

    code = "UNAUTHORIZED"


class Forbidden(FaultMavenError):
    """You may not do that."""

    code = "FORBIDDEN"


class NotFound(FaultMavenError):
    """There is no such thing."""

    code = "NOT_FOUND"


class Conflict(FaultMavenError):
    """That does not fit what is there."""

    code = "CONFLICT"


class AlreadyExists(Conflict):
    """There is one already."""

    code = "ALREADY_EXISTS"


class RateLimited(FaultMavenError):
    """Too many requests; wait a moment."""

    code = "RATE_LIMITED"
    final = False

    def __init__(self, message: str | None = None, *, retry_after: int, **details: object) -> None:
        """``retry_after``: whole seconds until the next request can pass."""
        super().__init__(message, **details)
        self.retry_after = retry_after


class Unavailable(FaultMavenError):
    """Something this needs does not answer right now."""

    code = "SERVICE_UNAVAILABLE"
    final = False
    #: True where it comes back whatever is asked of it; False where it may be the asking that brings it down.
    passes = True


class Busy(Unavailable):
    """This server has as much in work as it takes on; ask again in a moment."""

    code = "OVERLOADED"

    def __init__(self, message: str | None = None, *, retry_after: int = 2, **details: object) -> None:
        """``retry_after``: whole seconds until it is worth asking again."""
        super().__init__(message, **details)
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The disk is full; free some space and try again."""

    code = "STORAGE_FULL"


class Misconfigured(FaultMavenError):
    """A setting has a value that cannot work."""

    code = "MISCONFIGURED"
