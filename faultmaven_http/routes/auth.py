import logging

from attrs import frozen

from faultmaven_domain.auth import SCOPES, SignedIn, WrongCredentials
from faultmaven_domain.kernel.errors import Forbidden, InvalidInput, Unavailable
from faultmaven_domain.kernel.principal import Principal
from faultmaven_domain.session import SessionNotFound

from ..elsewhere import has_page, issuer_name, own_page, takes_anyone
from ..limits import Group
from ..operation import Call, Operation, Reply
from ..passwordless import is_open, is_rebound
from ..wire.auth import AuthConfigOut, Entered, LoggedOut, SignedInOut, TokensOut, UserOut

log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Registration:
    """``display_name`` stands in for ``full_name``, and the e-mail address for a username.

    The password may be left out where ``/auth/config`` says ``passwordless``.
    """

    email: str
    password: str | None = None
    full_name: str | None = None
    display_name: str | None = None
    username: str | None = None


@frozen(kw_only=True)
class Login:
    """One of ``email`` and ``username``, each of which may hold the other.

    The password may be left out where ``/auth/config`` says ``passwordless``.
    """

    password: str | None = None
    email: str | None = None
    username: str | None = None


@frozen(kw_only=True)
class DevLogin:
    """An account that is not there is opened. ``email`` and ``display_name`` count only then."""

    username: str
    email: str | None = None
    display_name: str | None = None


@frozen(kw_only=True)
class Refresh:
    refresh_token: str


@frozen(kw_only=True)
class Leaving:
    """``all`` ends every sign-in of the user, on every device."""

    all: bool = False


async def config(call: Call) -> Reply:
    """How to sign in here: asked by clients before anyone has."""
    auth = f"{call.base}/auth"
    out = AuthConfigOut(
        auth_mode=call.fm.settings.auth_mode.value,
        supports_registration=takes_anyone(call) and not is_rebound(call),
        passwordless=is_open(call),
        login_endpoint=f"{auth}/login",
        register_endpoint=f"{auth}/register",
        issuer_endpoint=f"{auth}/login/initiate" if has_page(call) else None,
        issuer_name=issuer_name(call),
        refresh_endpoint=f"{auth}/refresh",
        logout_endpoint=f"{auth}/logout",
        authorization_endpoint=f"{auth}/oauth/authorize",
        token_endpoint=f"{auth}/oauth/token",
        revocation_endpoint=f"{auth}/oauth/revoke",
        code_challenge_methods_supported=["S256"],
        scopes_supported=list(SCOPES),
    )
    return Reply(value=out)


async def register(call: Call, *, body: Registration) -> Reply:
    """Open an account and sign in to it. The very first one with a password is an admin's."""
    full_name = body.full_name or body.display_name or ""
    if not body.password:
        if not is_open(call):
            raise InvalidInput("password is required.", field="password")
        signed_in = await _by_name(call, name=body.username or body.email, email=body.email, full_name=full_name)
        return Reply(value=await entered(call, signed_in), status=201)
    if is_rebound(call):
        raise Forbidden("This server is not known by that name. Set PUBLIC_URL to the address it is reached at.")
    user = await call.fm.auth.register(
        email=body.email,
        password=body.password,
        full_name=full_name,
        username=body.username,
        user_id=call.id_for("usr"),
    )
    return Reply(value=await entered(call, await call.fm.auth.issue(name=user.user_id)), status=201)


async def login(call: Call, *, body: Login) -> Reply:
    """Sign in. The access token goes into the header ``Authorization: Bearer`` of every other request."""
    name = body.email or body.username
    if not name:
        raise InvalidInput("email is required, or a username.", field="email")
    if body.password:
        signed_in = await call.fm.auth.login(name=name, password=body.password)
    elif is_open(call):
        signed_in = await _by_name(call, name=name)
    else:
        raise WrongCredentials
    return Reply(value=await entered(call, signed_in))


async def dev_login(call: Call, *, body: DevLogin) -> Reply:
    """Sign in by a name alone, where the server allows it; nothing is at this address elsewhere.

    Never for an account that has a password.
    """
    signed_in = await _by_name(call, name=body.username, email=body.email, full_name=body.display_name or "")
    return Reply(value=await entered(call, signed_in))


async def _by_name(call: Call, *, name: str, email: str | None = None, full_name: str = "") -> SignedIn:
    admins = call.fm.settings.dev_login_admins
    return await call.fm.auth.login_by_name(name=name, email=email or None, full_name=full_name, admins=admins)


async def entered(call: Call, signed_in: SignedIn) -> Entered:
    """With a session, which a refreshed sign-in finds again; without one where none can be kept right now."""
    try:
        opened = await call.fm.sessions.open(client_id=signed_in.tokens.family_id, user_id=signed_in.user.user_id)
    except Unavailable as error:
        log.warning("a sign-in goes without a session: %s", error.message)
        return Entered(signed_in=signed_in, session_id=None)
    return Entered(signed_in=signed_in, session_id=opened.session.session_id)


async def refresh(call: Call, *, body: Refresh) -> Reply:
    """Get the next pair of tokens. A refresh token is good once; one used twice ends its sign-in."""
    return Reply(value=await call.fm.auth.refresh(refresh_token=body.refresh_token))


async def logout(call: Call, *, principal: Principal, query: Leaving) -> Reply:
    """End the sign-in the token belongs to, its refresh tokens with it, and the user's session that is named."""
    _, _, token = call.headers["authorization"].partition(" ")
    signed_out = await call.fm.auth.logout(token=token.strip(), everywhere=query.all, back=own_page(call))
    await _close_session(call, principal.user_id)
    return Reply(value=signed_out)


async def _close_session(call: Call, user_id: str) -> None:
    """Close the session the request names, if it is the user's own. It lapses by itself where it cannot be reached."""
    session_id = call.headers.get("x-session-id", "")
    try:
        if (await call.fm.sessions.get(session_id=session_id, user_id=user_id)).user_id == user_id:
            await call.fm.sessions.close(session_id=session_id, user_id=user_id)
    except (SessionNotFound, Unavailable) as error:
        log.info("no session was closed at signing out: %s", error.message)


async def me(call: Call, *, principal: Principal) -> Reply:
    """Who the token speaks for."""
    return Reply(value=await call.fm.auth.get_user(user_id=principal.user_id))


OPERATIONS = (
    Operation(method="GET", path="/auth/config", handler=config, answers={200: AuthConfigOut}),
    Operation(
        method="POST",
        path="/auth/register",
        handler=register,
        answers={201: SignedInOut},
        group=Group.WRITES,
        errors=(401, 403, 404, 409),
        there=takes_anyone,
        creates=True,
        keeps=False,
    ),
    Operation(
        method="POST",
        path="/auth/login",
        handler=login,
        answers={200: SignedInOut},
        group=Group.WRITES,
        errors=(401,),
    ),
    Operation(
        method="POST",
        path="/auth/dev-login",
        handler=dev_login,
        answers={200: SignedInOut},
        group=Group.WRITES,
        errors=(401, 404, 409),
        there=is_open,
    ),
    Operation(
        method="POST",
        path="/auth/refresh",
        handler=refresh,
        answers={200: TokensOut},
        group=Group.WRITES,
        errors=(401,),
    ),
    Operation(
        method="POST",
        path="/auth/logout",
        handler=logout,
        answers={200: LoggedOut},
        group=Group.WRITES,
        errors=(403,),
        headers={"X-Session-Id": "A session of the user's, which is closed."},
    ),
    Operation(method="GET", path="/auth/me", handler=me, answers={200: UserOut}, group=Group.READS),
)
