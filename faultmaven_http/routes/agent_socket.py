"""The WebSocket at ``/agent/ws``: who may open one. What is said over it, ``docs/push.md`` tells."""

from attrs import frozen
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.auth import InvalidToken
from faultmaven_domain.kernel.errors import FaultMavenError, Forbidden

from ..addresses import Addresses
from ..conversation import Conversation
from ..errors import refused
from ..limits import Limits
from ..origins import AllowedOrigins
from ..pushing import Pushing
from ..wire import Dialect

PATH = "/agent/ws"


class OriginNotAllowed(Forbidden):
    """Pages of this origin may not call this server."""

    code = "ORIGIN_NOT_ALLOWED"


@frozen(kw_only=True)
class AgentSocket:
    """An ASGI application for one mount's sockets."""

    dialect: Dialect
    fm: FaultMaven
    limits: Limits
    pushing: Pushing
    origins: AllowedOrigins
    addresses: Addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        try:
            self._check_origin(socket)
            token = _token(socket)
            user_id = (await self.fm.auth.authenticate(token=token)).user_id if token is not None else ""
            caller = f"address:{self.addresses.caller(socket)}"
            self.pushing.check_seat(user_id or caller)
        except FaultMavenError as error:
            await socket.send_denial_response(refused(error, self.dialect))
            return
        await socket.accept()
        conversation = Conversation(
            socket=socket,
            fm=self.fm,
            dialect=self.dialect,
            limits=self.limits,
            pushing=self.pushing,
            token=token,
            user_id=user_id,
            caller=caller,
        )
        await conversation.run()

    def _check_origin(self, socket: WebSocket) -> None:
        """Browsers send sockets anywhere and say for which page. Raises: OriginNotAllowed, for none of ours."""
        origin = socket.headers.get("origin")
        if origin is None or origin in self.origins:
            return
        place = origin.partition("://")[2].lower()
        public = (self.fm.settings.public_url or "").partition("://")[2].partition("/")[0].lower()
        if not place or place not in {socket.headers.get("host", "").lower(), public}:
            raise OriginNotAllowed


def _token(socket: WebSocket) -> str | None:
    """Raises: InvalidToken for a header that is none of ours."""
    header = socket.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidToken
    return token.strip()
