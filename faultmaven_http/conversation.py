"""What is said over one WebSocket: its client's messages one by one, and of each turn it follows what happens."""

import asyncio
import logging
from contextlib import ExitStack, aclosing, suppress

from attrs import define, field
from starlette.websockets import WebSocket, WebSocketDisconnect

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.agent import Turn
from faultmaven_domain.auth import InvalidToken
from faultmaven_domain.kernel.errors import (
    FaultMavenError,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    TooLarge,
    Unauthenticated,
)
from faultmaven_domain.kernel.principal import Principal

from .errors import body_of
from .following import happenings
from .limits import Group, Limits
from .pushing import Pushing
from .scopes import check_scope
from .shares import TRY_AGAIN
from .wire import Dialect, parsed, structured
from .wire.events import (
    SAYABLE,
    Ask,
    Authenticate,
    Cancel,
    Follow,
    Ping,
    Unfollow,
    compact,
    error_message,
    message_of,
)

log = logging.getLogger("faultmaven.http")
#: The largest message a client may send, in bytes.
LARGEST = 1024 * 1024
#: How many turns one socket follows at once.
MOST_FOLLOWED = 50
LONGEST_ID = 200
#: Why a socket is closed (RFC 6455, 7.4; 4401 is our own): nobody, too slow, broken, ending, full or unwell.
NOBODY, TOO_SLOW, BROKEN, ENDING, LATER = 4401, 1008, 1011, 1012, 1013


class Closed(Exception):
    """The conversation is over: to be closed with a code, or closed by its client where there is none."""

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


@define(kw_only=True, eq=False)
class Conversation:
    """``token`` where the handshake told one, and whose it is; else it is ``caller``'s, an address."""

    socket: WebSocket
    fm: FaultMaven
    dialect: Dialect
    limits: Limits
    pushing: Pushing
    token: str | None = None
    user_id: str = ""
    caller: str = ""
    _followed: dict[str, "asyncio.Task[None]"] = field(factory=dict, init=False)

    async def run(self) -> None:
        """Until either side ends it. It stops no turn."""
        last = Closed()
        try:
            with ExitStack() as held:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._stopped())
                    group.create_task(self._read(group, held))
        except* Closed as closed:
            coded = (one for one in closed.exceptions if isinstance(one, Closed) and one.code is not None)
            last = next(coded, last)
        except* Exception:
            log.exception("request %s: its socket failed", self.socket.scope["state"]["request_id"])
            last = Closed(BROKEN, "Something went wrong on the server.")
        if last.code is not None:
            with suppress(TimeoutError, WebSocketDisconnect):
                async with asyncio.timeout(1):  # who reads nothing is not waited for
                    await self.socket.close(last.code, last.reason)

    async def _read(self, group: asyncio.TaskGroup, held: ExitStack) -> None:
        if self.token is None:
            with self.pushing.seat(self.caller):
                await self._introduced()
        held.enter_context(self.pushing.seat(self.user_id))
        group.create_task(self._identity_checked())
        while True:
            await self._heard(await self._message(), group)

    async def _introduced(self) -> None:
        """The first message says who this is."""
        try:
            async with asyncio.timeout(self.pushing.signing_in):
                text = await self._message()
        except TimeoutError as error:
            raise Closed(NOBODY, "Nobody signed in.") from error
        try:
            said = _said(_object(text))
            if not isinstance(said, Authenticate):
                raise Unauthenticated
            await self._sign_in(said.token)
            self.pushing.check_seat(self.user_id)
        except FaultMavenError as error:
            await self._say(error_message(body_of(error), None))
            refused = isinstance(error, Unauthenticated | InvalidInput)
            raise Closed(NOBODY if refused else LATER, error.message[:100]) from error

    async def _heard(self, text: str | None, group: asyncio.TaskGroup) -> None:
        said: object = None
        request_id: str | None = None
        try:
            value = _object(text)
            request_id = _request_id(value)
            said = _said(value)
            await self._answered(said, request_id, group)
        except FaultMavenError as error:
            await self._say(error_message(body_of(error), request_id))
            if isinstance(error, Unauthenticated) and not isinstance(said, Authenticate):
                raise Closed(NOBODY, "Sign in again.") from error

    async def _answered(self, said: object, request_id: str | None, group: asyncio.TaskGroup) -> None:
        """Raises: FaultMavenError."""
        match said:
            case Ping():
                await self._say({"type": "pong"})
            case Authenticate():
                await self._sign_in(said.token)
            case Unfollow():
                await self._unfollow(said.job_id)
                await self._say({"type": "unfollowed", "job_id": said.job_id})
            case Ask():
                await self._ask(said, request_id, group)
            case Follow():
                principal = await self._counted(Group.READS)
                turn = await self.fm.agent.result(principal=principal, job_id=_id(said.job_id))
                await self._unfollow(turn.job_id)
                self._check_room()
                self._follow(principal, turn, said.after, group)
            case Cancel():
                principal = await self._counted(Group.WRITES)
                job = await self.fm.jobs.cancel(principal=principal, job_id=_id(said.job_id))
                await self._say({"type": "cancelled", "job_id": job.job_id})

    async def _ask(self, ask: Ask, request_id: str | None, group: asyncio.TaskGroup) -> None:
        principal = await self._counted(Group.TURNS)
        self._check_room()
        turn = await self.fm.agent.submit(
            principal=principal, case_id=_id(ask.case_id), message=ask.message, context=dict(ask.context or {})
        )
        accepted: dict[str, object] = {"type": "accepted", "job_id": turn.job_id}
        await self._say(accepted if request_id is None else {**accepted, "request_id": request_id})
        self._follow(principal, turn, None, group)

    def _check_room(self) -> None:
        if len(self._followed) >= MOST_FOLLOWED:
            raise RateLimited(
                f"A socket follows at most {MOST_FOLLOWED} turns.", retry_after=TRY_AGAIN, limit=MOST_FOLLOWED
            )
        self.pushing.check_seat(self.user_id)

    def _follow(self, principal: Principal, turn: Turn, after: str | None, group: asyncio.TaskGroup) -> None:
        task = group.create_task(self._tell(principal, turn, after))
        self._followed[turn.job_id] = task
        task.add_done_callback(lambda done: self._let_go(turn.job_id, done))

    def _let_go(self, job_id: str, task: "asyncio.Task[None]") -> None:
        if self._followed.get(job_id) is task:
            del self._followed[job_id]

    async def _unfollow(self, job_id: str) -> None:
        """No event of it is sent after this."""
        task = self._followed.pop(job_id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _tell(self, principal: Principal, turn: Turn, after: str | None) -> None:
        happened = happenings(self.fm, self.dialect, principal=principal, turn=turn, after=after)
        with self.pushing.seat(principal.user_id):
            async with aclosing(happened):
                async for happening in happened:
                    await self._say(message_of(turn.job_id, happening))

    async def _sign_in(self, token: str) -> None:
        """Raises: Unauthenticated; Forbidden for another user's token than the first."""
        principal = await self.fm.auth.authenticate(token=token)
        if self.user_id and principal.user_id != self.user_id:
            raise Forbidden("This socket is another user's.")
        self.token, self.user_id = token, principal.user_id
        await self._say({"type": "authenticated", "user_id": principal.user_id})

    async def _principal(self) -> Principal:
        """Who this is by now. Raises: Unauthenticated."""
        if self.token is None:
            raise InvalidToken
        return await self.fm.auth.authenticate(token=self.token)

    async def _counted(self, group: Group) -> Principal:
        """Raises: Unauthenticated; InsufficientScope; RateLimited."""
        principal = await self._principal()
        check_scope(principal, "GET" if group is Group.READS else "POST", "/agent/ws")
        taken = await self.limits.take(group, f"user:{principal.user_id}")
        if taken is not None:
            self.limits.check(taken)
        return principal

    async def _identity_checked(self) -> None:
        while True:
            await asyncio.sleep(self.pushing.identity_check)
            try:
                await self._principal()
            except Unauthenticated as error:
                await self._say(error_message(body_of(error), None))
                raise Closed(NOBODY, "Sign in again.") from error
            except FaultMavenError as error:
                log.warning("who is at a socket cannot be checked right now: %s", error.message)

    async def _stopped(self) -> None:
        await self.pushing.stopping.wait()
        raise Closed(ENDING, "The server stops; come again.")

    async def _message(self) -> str | None:
        """The next one, None for one that is no text."""
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise Closed
        text: str | None = message.get("text")
        return text

    async def _say(self, message: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(self.pushing.patience):
                await self.socket.send_text(compact(message))
        except TimeoutError as error:
            raise Closed(TOO_SLOW, "What is sent is not read.") from error
        except WebSocketDisconnect as error:
            raise Closed from error


def _object(text: str | None) -> dict[str, object]:
    """Raises: InvalidInput; TooLarge."""
    if text is None:
        raise InvalidInput("A message is text, and this is bytes.")
    data = text.encode()
    if len(data) > LARGEST:
        raise TooLarge(f"A message has at most {LARGEST} bytes.", limit=LARGEST)
    value = parsed(data)
    if not isinstance(value, dict):
        raise InvalidInput("A message is a JSON object.")
    return value


def _request_id(value: dict[str, object]) -> str | None:
    """Raises: InvalidInput."""
    request_id = value.get("request_id")
    if request_id is None or (isinstance(request_id, str) and len(request_id) <= LONGEST_ID):
        return request_id
    raise InvalidInput(f"request_id is a text of at most {LONGEST_ID} characters.", field="request_id")


def _said(value: dict[str, object]) -> object:
    """Raises: InvalidInput."""
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in SAYABLE:
        raise InvalidInput(f"type is one of {', '.join(SAYABLE)}.", field="type")
    return structured(value, SAYABLE[kind])


def _id(value: str) -> str:
    """Raises: NotFound for what no id of ours looks like."""
    if len(value) > LONGEST_ID:
        raise NotFound
    return value
