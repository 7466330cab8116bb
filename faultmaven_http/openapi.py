"""The OpenAPI 3.1 document, made from the operations themselves: what is routed is what is described."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from attrs import NOTHING, fields, has
from attrs import resolve_types as resolved

from .idempotency import HEADER
from .incoming import MULTIPART, URLENCODED
from .operation import Bytes, Operation
from .version import installed_version
from .wire import Dialect, ErrorOut, Metadata, Time, Upload, Uploads, Words
from .wire.oauth import OAuthErrorOut

Schema = dict[str, Any]
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    object: {},
    Any: {},
    Time: {"type": "string", "format": "date-time"},
    Metadata: {"type": "object"},
    Words: {"type": "array", "items": {"type": "string"}},
    Upload: {"type": "string", "contentMediaType": "application/octet-stream"},
    Uploads: {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}},
}
_ERRORS = {
    400: "The request is not valid; `details.field` names the field.",
    401: "No token, or not a valid one.",
    403: "You may not do that.",
    404: "There is no such thing, or it is another user's.",
    408: "The body stopped coming, or came too slowly.",
    409: "It does not fit what is there; `X-Error-Code` says how.",
    413: "Larger than this server takes.",
    415: "Not a content type or a kind of file that is taken.",
    422: "The request is not valid; `details.field` names the field.",
    429: "Too many requests; `Retry-After` and `retry_after` say when the next can pass.",
    500: "Our own fault; the server's log says more under `details.request_id`.",
    503: "Something this needs does not answer right now.",
    507: "The disk is full.",
}
#: Those that OAuth's own routes write in its words. What nobody expected is written where no route is known.
_OAUTH_ERRORS = {
    400: "The request is not valid; `error` is a word of RFC 6749.",
    **{status: _ERRORS[status] for status in (401, 403, 408, 413, 415, 429, 500, 503, 507)},
}
_HEADERS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    409: ("X-Error-Code", "Retry-After"),
    429: ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    503: ("Retry-After",),
}
_ONCE = (
    "A name of 1 to 255 printable ASCII characters that the caller makes up. For 24 hours the same request with the "
    "same key is answered as the first was, with `Idempotency-Replayed: true`, and not done again; another one is 409 "
    "(`IDEMPOTENCY_KEY_REUSED`). One that comes while the first is being answered waits for it."
)
_ABOUT = """Troubleshooting with runbooks, evidence and answers that cite them.

Every route is served under `/v1` and under `/api/v1`. The two differ in three things only: invalid input is 400 or 422,
whoever answers has the role `agent` or `assistant`, and `GET .../evidence/{evidence_id}` gives the file or its record.

Sign in at `/v1/auth/login` and send the access token as `Authorization: Bearer`. Times are RFC 3339 in UTC. Every error
has one shape: `{"error": {"code", "message", "details"}, "detail"}`; those of `/auth/oauth` are RFC 6749's."""


def document(surface: Iterable[tuple[Dialect, Sequence[Operation]]]) -> Schema:
    """The description of everything served: each dialect with its operations."""
    schemas = _Schemas()
    paths: dict[str, Schema] = {}
    for dialect, operations in surface:
        for operation in operations:
            path = dialect.prefix + re.sub(r":\w+}", "}", operation.path)
            item = paths.setdefault(path, {})
            item[operation.method.lower()] = _described(operation, dialect, path, schemas)
    error = schemas.of(ErrorOut)
    responses = {str(status): _error(status, text, error) for status, text in _ERRORS.items()}
    oauth_error = schemas.of(OAuthErrorOut)
    responses |= {f"oauth_{status}": _error(status, text, oauth_error) for status, text in _OAUTH_ERRORS.items()}
    responses["oauth_500"] = _error(500, _ERRORS[500], {"anyOf": [oauth_error, error]})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FaultMaven",
            "version": installed_version(),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.named.items())),
            "responses": responses,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _described(operation: Operation, dialect: Dialect, path: str, schemas: "_Schemas") -> Schema:
    summary, _, more = (inspect.getdoc(operation.handler) or "").partition("\n\n")
    described: Schema = {
        "operationId": re.sub(r"\W+", "_", f"{operation.method.lower()}{path}").strip("_"),
        "tags": [operation.handler.__module__.rpartition(".")[2]],
        "summary": " ".join(summary.split()),
        "security": _security(operation),
        "responses": {
            **{str(status): _answer(what, dialect, schemas) for status, what in operation.answers.items()},
            **{
                str(status): {"$ref": f"#/components/responses/{_response(operation, status)}"}
                for status in _errors_of(operation, dialect)
            },
        },
    }
    if more:
        described["description"] = " ".join(more.split())
    if parameters := _parameters(operation, schemas):
        described["parameters"] = parameters
    if body := _body(operation, schemas):
        described["requestBody"] = body
    return described


def _response(operation: Operation, status: int) -> str:
    return f"oauth_{status}" if operation.oauth and status in _OAUTH_ERRORS else str(status)


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.needs_principal:
        return [{"bearer": []}]
    return [{}, {"bearer": []}] if operation.reads_principal else []


def _parameters(operation: Operation, schemas: "_Schemas") -> list[Schema]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in operation.path_names
    ]
    if operation.query is not None:
        about = _doc(operation.query)
        for f in fields(resolved(operation.query)):
            parameter = {"name": f.name, "in": "query", "required": f.default is NOTHING, "schema": schemas.of(f.type)}
            found.append({**parameter, "description": about} if about else parameter)
    found += [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
        for name, text in {**operation.headers, **({HEADER: _ONCE} if operation.creates else {})}.items()
    ]
    return found


def _body(operation: Operation, schemas: "_Schemas") -> Schema | None:
    spelled = operation.form if operation.takes_urlencoded else operation.json if operation.urlencoded else None
    kinds = (("application/json", operation.json), (MULTIPART, operation.form), (URLENCODED, spelled))
    content = {media_type: {"schema": schemas.of(kind)} for media_type, kind in kinds if kind is not None}
    return {"required": True, "content": content} if content else None


def _answer(what: Any, dialect: Dialect, schemas: "_Schemas") -> Schema:
    if what is None:
        return {"description": "Done."}
    kinds = what if isinstance(what, tuple) else (what,)
    values = [kind for kind in kinds if not isinstance(kind, Bytes)]
    files = [] if values and dialect.evidence_is_its_record else [kind for kind in kinds if isinstance(kind, Bytes)]
    content: Schema = {kind.media_type: {"schema": {}} for kind in files}
    if values:
        written = [schemas.of(kind) for kind in values]
        content["application/json"] = {"schema": written[0] if len(written) == 1 else {"anyOf": written}}
    return {"description": _doc(values[0]) if values else "The file.", "content": content}


def _errors_of(operation: Operation, dialect: Dialect) -> list[int]:
    found = {500, 503, *operation.errors}
    if operation.query is not None or "body" in operation.hints:
        found.add(400 if operation.oauth else dialect.invalid_status)
    if "body" in operation.hints:
        found |= {408, 413, 415}
    if operation.creates:
        found |= {dialect.invalid_status, 409}
    if operation.reads_principal:
        found |= {401, 403}
    if operation.path_names:
        found.add(404)
    if operation.group is not None:
        found.add(429)
    return sorted(found)


def _error(status: int, text: str, schema: Schema) -> Schema:
    response: Schema = {"description": text, "content": {"application/json": {"schema": schema}}}
    if status in _HEADERS:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in _HEADERS[status]}
    return response


class _Schemas:
    """Types as JSON Schema; classes and enumerations once, by name."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, UnionType):
            return {"anyOf": [self.of(argument) for argument in arguments]}
        if origin is Literal:
            return {"type": "string", "enum": list(arguments)}
        if origin in (list, tuple):
            return {"type": "array", "items": self.of(arguments[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        return self._class(kind)

    def _class(self, kind: type) -> Schema:
        name = kind.__name__.removesuffix("Out")
        if name not in self.named:
            self.named[name] = {}  # so that a class that holds itself ends
            self.named[name] = self._defined(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _defined(self, kind: type) -> Schema:
        if issubclass(kind, Enum):
            return {"type": "string", "enum": [member.value for member in kind]}
        if is_typeddict(kind):
            properties = {name: self.of(hint) for name, hint in get_type_hints(kind).items()}
            required = sorted(getattr(kind, "__required_keys__", ()))
        elif has(kind):
            properties = {f.name: self.of(f.type) for f in fields(resolved(kind))}
            required = [f.name for f in fields(kind) if f.default is NOTHING]
        else:
            raise TypeError(f"{kind!r} has no schema")
        about = _doc(kind)
        described: Schema = {"type": "object", "properties": properties, **({"required": required} if required else {})}
        return {**described, "description": about} if about else described


def _doc(kind: type) -> str:
    return " ".join((kind.__dict__.get("__doc__") or "").split())
