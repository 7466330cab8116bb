"""One operation under one mount: who asks, may they, what do they ask, and the answer in the mount's dialect."""

import logging
from contextlib import nullcontext
from functools import partial
from typing import Any

from attrs import evolve, frozen
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.auth import InvalidToken
from faultmaven_domain.kernel.errors import FaultMavenError, NotFound, Unauthenticated
from faultmaven_domain.kernel.limits import Allowance
from faultmaven_domain.kernel.principal import Principal

from .addresses import Addresses
from .errors import NOWHERE, refused
from .files import file_response
from .idempotency import Keyed, Replays, fingerprint_of
from .incoming import FORM_FIELDS, LARGEST_OF_ANYONE, URLENCODED, Incoming, content_type, form_body, json_body
from .limits import Limits, headers_of
from .load import Load
from .operation import Call, Operation, Reply
from .scopes import check_scope
from .wire import Dialect, spelled_out, structured
from .wire.evidence import EvidenceFile
from .wire.plain import LARGEST_JSON, is_text

log = logging.getLogger("faultmaven.http")
LONGEST_ID = 200


@frozen(kw_only=True)
class Endpoint:
    """An ASGI application for one operation."""

    operation: Operation
    dialect: Dialect
    fm: FaultMaven
    addresses: Addresses
    limits: Limits
    load: Load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(scope, receive, limit=self._limit(content_type(Request(scope))), load=self.load)
        request = Request(scope, incoming)
        allowance: list[Allowance] = []
        try:
            response = await self._answered(request, incoming, allowance)
        except FaultMavenError as error:
            response = refused(error, self.dialect, oauth=self.operation.oauth)
            if response.status_code >= 500:
                log.warning("request %s: %s: %s", scope["state"]["request_id"], error.code, error.message)
        finally:
            await incoming.close()
        for each in allowance:
            response.headers.update(headers_of(each))
        if incoming.is_small:
            await incoming.drain()
        if incoming.ended:
            await response(scope, receive, send)
        else:
            await _sent_early(response, incoming, scope, receive, send)

    async def _answered(self, request: Request, incoming: Incoming, allowance: list[Allowance]) -> Response:
        """Raises: FaultMavenError. Puts what the limiter said into ``allowance``, also when it raises."""
        if not self.operation.always:
            self.load.check()
        call = Call(fm=self.fm, request=request, addresses=self.addresses, dialect=self.dialect)
        if self.operation.there is not None and not self.operation.there(call):
            raise NotFound(NOWHERE)
        principal, refusal = await self._principal(request)
        caller = f"user:{principal.user_id}" if principal else f"address:{self.addresses.caller(request)}"
        if (taken := await self.limits.take(self.operation.group, caller)) is not None:
            allowance.append(taken)
            self.limits.check(taken)
        if refusal is not None:
            raise refusal
        check_scope(principal, self.operation.method, self.operation.path)
        given: object = None
        arguments: dict[str, Any] = {name: _id(request, name) for name in self.operation.path_names}
        if self.operation.reads_principal:
            arguments["principal"] = principal
        if self.operation.query is not None:
            arguments["query"] = spelled_out(_query(request), self.operation.query)
        if "body" in self.operation.hints:
            incoming.is_of(caller)
            given, arguments["body"] = await self._body(request, incoming)
        keyed = Keyed.of(request, caller=caller, sign=self.fm.signer.name) if self.operation.creates else None
        make = partial(self._made, evolve(call, keyed=keyed), arguments, caller)
        with nullcontext() if self.operation.always else self.load.request(caller):
            if keyed is None:
                return await make()
            return await Replays(store=self.fm.replies).answered(
                keyed, await fingerprint_of(given), make, gone=request.is_disconnected, keeps=self.operation.keeps
            )

    async def _made(self, call: Call, arguments: dict[str, Any], caller: str) -> Response:
        reply = await self.operation.handler(call, **arguments)
        return reply if isinstance(reply, Response) else await self._written(call.request, reply, caller)

    async def _principal(self, request: Request) -> tuple[Principal | None, FaultMavenError | None]:
        """Who asks, from the token alone; or why nobody does, which is said once the request was counted."""
        if not self.operation.reads_principal:
            return None, None
        header = request.headers.get("authorization")
        if header is None:
            return None, Unauthenticated() if self.operation.needs_principal else None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None, InvalidToken()
        try:
            return await self.fm.auth.authenticate(token=token.strip()), None
        except FaultMavenError as error:
            return None, error

    async def _body(self, request: Request, incoming: Incoming) -> tuple[object, object]:
        """As it was sent, and as the handler takes it."""
        json, form = self.operation.json, self.operation.form
        if form is not None and (json is None or content_type(request) == "multipart/form-data"):
            fields = await form_body(
                request,
                incoming,
                largest_file=self.fm.settings.max_upload_bytes,
                lists=self.operation.file_lists,
                urlencoded=self.operation.takes_urlencoded,
            )
            return fields, spelled_out(fields, form)
        if self.operation.urlencoded and json is not None and content_type(request) == URLENCODED:
            fields = await form_body(request, incoming, largest_file=0, urlencoded=True)
            return fields, spelled_out(fields, json)
        value = await json_body(request)
        return value, structured(value, json) if json is not None else value

    async def _written(self, request: Request, reply: Reply, caller: str) -> Response:
        value = reply.value
        if isinstance(value, EvidenceFile) and not self.dialect.evidence_is_its_record and not _wants_json(request):
            record = value.record
            return await file_response(
                value.content(),
                downloads=request.app.state.downloads,
                whose=caller,
                filename=record.filename,
                media_type=record.file_type,
                size=record.file_size,
            )
        if reply.status == 204:
            return Response(status_code=204, headers=dict(reply.headers))
        return JSONResponse(self.dialect.written(value), reply.status, dict(reply.headers))

    def _limit(self, media_type: str) -> int:
        """How much is read of a body, in bytes. A form with several files has no more than one with the largest."""
        if not self.operation.needs_principal:
            return LARGEST_OF_ANYONE
        if self.operation.form is not None and media_type != URLENCODED:
            return self.fm.settings.max_upload_bytes + FORM_FIELDS
        return max(self.fm.settings.max_upload_bytes, LARGEST_JSON) if self.operation.large else LARGEST_JSON


async def _sent_early(response: Response, incoming: Incoming, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer someone who is still sending: the answer first, its end when they are done."""
    held = {}

    async def hold_the_end(message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            held["end"] = {"type": "http.response.body", "body": b"", "more_body": False}
            message = {**message, "more_body": True}
        await send(message)

    response.headers["Connection"] = "close"
    await response(scope, receive, hold_the_end)
    await incoming.drain()
    if "end" in held:
        await send(held["end"])


def _id(request: Request, name: str) -> str:
    """Raises: NotFound for what no id of ours looks like."""
    value = str(request.path_params[name])
    if len(value) > LONGEST_ID or not is_text(value):
        raise NotFound
    return value


def _query(request: Request) -> dict[str, str]:
    """The last of each name; an empty one counts as absent."""
    return {name: value for name, value in request.query_params.multi_items() if value != ""}


def _wants_json(request: Request) -> bool:
    """Whether JSON is the first thing the caller asks for."""
    return request.headers.get("accept", "").split(",")[0].partition(";")[0].strip().lower() == "application/json"
