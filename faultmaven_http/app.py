"""The ASGI application over everything that is open."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from attrs import evolve
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import Receive, Scope, Send

from faultmaven_adapters.library import FaultMaven

from . import docs, pages
from .addresses import Addresses
from .endpoint import Endpoint
from .errors import not_routed
from .files import DOWNLOADS, DOWNLOADS_EACH
from .health import Probe
from .limits import Limits, rates_of
from .load import Load
from .middleware import Failures, Framed, Origins, PlainPaths
from .openapi import document
from .operation import Operation
from .origins import AllowedOrigins
from .pushing import Pushing
from .routes import MODULES, agent_socket, meta
from .shares import Shares
from .wire import DIALECTS, V1, Dialect

#: What belongs to the server and to no module is at its root.
ROOT = evolve(V1, prefix="")
OPERATIONS = tuple(operation for module in MODULES for operation in module.OPERATIONS)
#: Everything that is served: each dialect with its operations.
SURFACE: tuple[tuple[Dialect, Sequence[Operation]], ...] = (
    (ROOT, meta.ROOT_OPERATIONS),
    *((dialect, OPERATIONS) for dialect in DIALECTS),
)


def create_app(fm: FaultMaven, *, beside: Sequence[BaseRoute] = ()) -> Starlette:
    """The whole HTTP face, and ``beside`` it routes that are no part of it. ``fm`` stays its opener's to close.

    Raises: Misconfigured.
    """
    addresses = Addresses.of(fm.settings)
    limits = Limits(fm.limiter, fm.clock, rates_of(fm.settings))
    origins = AllowedOrigins.of(fm.settings)
    pushing = Pushing(heartbeat=fm.settings.event_heartbeat, most=fm.settings.max_streams)
    load = Load(most_requests=fm.settings.max_requests, most_bytes=fm.settings.max_bytes_in_work)
    probe = Probe(fm.health, fm.modules, fm.clock)

    def routed(operations: Iterable[Operation], dialect: Dialect) -> list[BaseRoute]:
        by_path: dict[str, dict[str, Endpoint]] = {}
        for operation in operations:
            endpoint = Endpoint(
                operation=operation, dialect=dialect, fm=fm, addresses=addresses, limits=limits, load=load
            )
            by_path.setdefault(operation.path, {})[operation.method] = endpoint
        return [Route(path, _ByMethod(endpoints), methods=list(endpoints)) for path, endpoints in by_path.items()]

    def mounted(dialect: Dialect) -> Mount:
        socket = agent_socket.AgentSocket(
            dialect=dialect, fm=fm, limits=limits, pushing=pushing, origins=origins, addresses=addresses
        )
        routes = [*routed(OPERATIONS, dialect), WebSocketRoute(agent_socket.PATH, socket)]
        return Mount(dialect.prefix, app=Router(routes, redirect_slashes=False))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await probe.close()

    app = Starlette(
        routes=[
            *routed(meta.ROOT_OPERATIONS, ROOT),
            *docs.routes(lambda: document(SURFACE)),
            *pages.routes(addresses),
            *(mounted(dialect) for dialect in DIALECTS),
            *beside,
        ],
        middleware=[
            Middleware(Framed, ids=fm.ids),
            Middleware(Origins, origins=origins),
            Middleware(Failures),
            Middleware(PlainPaths),
        ],
        exception_handlers={HTTPException: not_routed},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.probe = probe
    app.state.pushing = pushing
    app.state.load = load
    app.state.downloads = Shares(each=DOWNLOADS_EACH, most=DOWNLOADS)
    return app


class _ByMethod:
    """One address with all its methods, so that a 405 names them all."""

    def __init__(self, endpoints: dict[str, Endpoint]) -> None:
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        await self.endpoints[method](scope, receive, send)
