from attrs import frozen

from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.principal import Principal

from ..limits import Group
from ..operation import Call, Operation, Reply
from ..wire import Said
from ..wire.auth import SignedInOut, TokensOut, UserOut


@frozen(kw_only=True)
class Registration:
    """``display_name`` stands in for ``full_name``, and the e-mail address for a username."""

    email: str
    password: str
    full_name: str | None = None
    display_name: str | None = None
    username: str | None = None


@frozen(kw_only=True)
class Login:
    """One of ``email`` and ``username``, each of which may hold the other."""

    password: str
    email: str | None = None
    username: str | None = None


@frozen(kw_only=True)
class Refresh:
    refresh_token: str


async def register(call: Call, *, body: Registration) -> Reply:
    """Open an account. The first one is an admin's."""
    user = await call.fm.auth.register(
        email=body.email,
        password=body.password,
        full_name=body.full_name or body.display_name or "",
        username=body.username,
    )
    return Reply(value=user, status=201)


async def login(call: Call, *, body: Login) -> Reply:
    """Sign in. The access token goes into the header ``Authorization: Bearer`` of every other request."""
    name = body.email or body.username
    if not name:
        raise InvalidInput("email is required, or a username.", field="email")
    return Reply(value=await call.fm.auth.login(name=name, password=body.password))


async def refresh(call: Call, *, body: Refresh) -> Reply:
    """Get the next pair of tokens. A refresh token is good once; one used twice ends its sign-in."""
    return Reply(value=await call.fm.auth.refresh(refresh_token=body.refresh_token))


async def logout(call: Call, *, principal: Principal) -> Reply:
    """End the sign-in the token belongs to, its refresh tokens with it."""
    _, _, token = call.headers["authorization"].partition(" ")
    await call.fm.auth.logout(token=token.strip())
    return Reply(value=Said(message="Signed out."))


async def me(call: Call, *, principal: Principal) -> Reply:
    """Who the token speaks for."""
    return Reply(value=await call.fm.auth.get_user(user_id=principal.user_id))


OPERATIONS = (
    Operation(
        method="POST",
        path="/auth/register",
        handler=register,
        answers={201: UserOut},
        group=Group.WRITES,
        errors=(409,),
    ),
    Operation(
        method="POST", path="/auth/login", handler=login, answers={200: SignedInOut}, group=Group.WRITES, errors=(401,)
    ),
    Operation(
        method="POST",
        path="/auth/refresh",
        handler=refresh,
        answers={200: TokensOut},
        group=Group.WRITES,
        errors=(401,),
    ),
    Operation(method="POST", path="/auth/logout", handler=logout, answers={200: Said}, group=Group.WRITES),
    Operation(method="GET", path="/auth/me", handler=me, answers={200: UserOut}, group=Group.READS),
)
