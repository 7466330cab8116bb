from ..kernel.errors import AlreadyExists, NotFound, Unauthenticated


class InvalidToken(Unauthenticated):
    """The token is not valid; sign in again."""

    code = "INVALID_TOKEN"


class WrongCredentials(Unauthenticated):
    """The name or the password is wrong."""

    code = "INVALID_CREDENTIALS"


class UserNotFound(NotFound):
    """There is no such user."""

    code = "USER_NOT_FOUND"


class UserExists(AlreadyExists):
    """There is an account with this e-mail address or name."""
