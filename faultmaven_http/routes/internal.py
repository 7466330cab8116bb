"""The modules of this process, for the other processes of the same installation. No client of ours comes here.

``POST /internal/{module}/{method}`` takes the method's keywords as a JSON object and answers ``{"result": ...}``, or
``{"error": {"kind", "code", "message", "details"}}``. Who asks is told by the caller, as within one process, and
believed: hence the key.
"""

import hmac
import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from faultmaven_adapters.remote import Face, error_body, face_of, module_of
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, NotFound, Unauthenticated


def internal_routes(services: Mapping[type, object], key: str) -> list[Route]:
    """``services`` are those that run in this process, by their classes; only their public methods can be called."""
    rooms: dict[str, tuple[Face, object]] = {
        module_of(kind): (face_of(kind), service) for kind, service in services.items() if module_of(kind) != "kernel"
    }

    async def call(request: Request) -> Response:
        try:
            _check_key(request, key)
            return _json({"result": await _called(request, rooms)}, 200)
        except FaultMavenError as error:
            return _json({"error": error_body(error)}, _status(error))

    return [Route("/internal/{module}/{method}", call, methods=["POST"])]


def _check_key(request: Request, key: str) -> None:
    given = request.headers.get("authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {key}".encode()):
        raise Unauthenticated


async def _called(request: Request, rooms: Mapping[str, tuple[Face, object]]) -> object:
    face, service = rooms.get(request.path_params["module"], ({}, None))
    method = face.get(request.path_params["method"])
    if method is None:
        raise NotFound("This process has no such use-case.")
    try:
        arguments = method.arguments_in(json.loads(await request.body()))
    except ValueError as error:
        raise InvalidInput(str(error)) from error
    return method.result_out(await getattr(service, method.name)(**arguments))


def _json(body: object, status: int) -> Response:
    return Response(json.dumps(body).encode(), status, media_type="application/json")


def _status(error: FaultMavenError) -> int:
    """For logs and proxies; the caller reads the body."""
    if isinstance(error, Unauthenticated):
        return 401
    return 404 if isinstance(error, NotFound) else 400 if error.final else 503
