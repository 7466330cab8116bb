from ..kernel.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, Unauthenticated


class InvalidToken(Unauthenticated):
    """The token is not valid; sign in again."""

    code = "INVALID_TOKEN"


class WrongCredentials(Unauthenticated):
    """The name or the password is wrong."""

    code = "INVALID_CREDENTIALS"


class UserNotFound(NotFound):
    """There is no such user."""

    code = "USER_NOT_FOUND"


class NoIssuer(NotFound):
    """This server sends nobody elsewhere to sign in."""

    code = "NO_ISSUER"


class UserExists(AlreadyExists):
    """There is an account with this e-mail address or name."""


class InsufficientScope(Forbidden):
    """The token was not granted that."""

    code = "INSUFFICIENT_SCOPE"


class OAuthRefused(InvalidInput):
    """The request is not one of OAuth's."""

    code = "INVALID_REQUEST"


class InvalidClient(OAuthRefused):
    """This server does not know this client."""

    code = "INVALID_CLIENT"


class InvalidGrant(OAuthRefused):
    """The code or the token is not valid, was used before, or is another client's."""

    code = "INVALID_GRANT"


class InvalidScope(OAuthRefused):
    """None of these scopes is known here."""

    code = "INVALID_SCOPE"


class UnsupportedGrant(OAuthRefused):
    """grant_type is authorization_code or refresh_token."""

    code = "UNSUPPORTED_GRANT_TYPE"


class UnsupportedResponse(OAuthRefused):
    """response_type is code."""

    code = "UNSUPPORTED_RESPONSE_TYPE"
