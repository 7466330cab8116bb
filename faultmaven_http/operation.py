"""A route: its method, address and handler, and all that its documentation and its limits need.

A handler's signature is the request: ``principal`` (a Principal, or one or None), ``body`` (an attrs class, read from
JSON, or from a form if it holds an Upload), ``query`` (an attrs class) and the names in braces in the address.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import field, fields, frozen, has
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.kernel.principal import Principal

from .addresses import Addresses
from .limits import Group
from .wire import Dialect, Upload

_BRACES = re.compile(r"{(\w+)(?::\w+)?}")


@frozen
class Bytes:
    """An answer that is a file."""

    media_type: str


@frozen(kw_only=True)
class Reply:
    """What a handler gives: a domain value, which the mount's dialect writes."""

    value: object = None
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Call:
    """What a handler may want beside its arguments. ``dialect`` is its mount's."""

    fm: FaultMaven
    request: Request
    addresses: Addresses
    dialect: Dialect

    @property
    def headers(self) -> Headers:
        return self.request.headers

    @property
    def base(self) -> str:
        """The absolute address of its mount, without a slash at its end."""
        return self.addresses.base(self.request) + self.dialect.prefix


Handler = Callable[..., Awaitable[Reply | Response]]


@frozen(kw_only=True)
class Operation:
    """``answers`` are the wire types by status: several in a tuple, Bytes for a file, None for no body.

    ``errors`` are those statuses that the rest does not tell; ``headers`` the request's, with what they do.
    """

    method: str
    path: str
    handler: Handler
    answers: Mapping[int, Any]
    group: Group | None = None
    errors: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(factory=dict)
    large: bool = False  # whether its JSON may be as large as an upload

    @cached_property
    def hints(self) -> dict[str, Any]:
        return get_type_hints(self.handler)

    @cached_property
    def path_names(self) -> tuple[str, ...]:
        return tuple(_BRACES.findall(self.path))

    @cached_property
    def needs_principal(self) -> bool:
        return self.hints.get("principal") is Principal

    @cached_property
    def reads_principal(self) -> bool:
        return "principal" in self.hints

    @cached_property
    def query(self) -> type | None:
        return self.hints.get("query")

    @cached_property
    def json(self) -> type | None:
        return next((kind for kind in self._bodies if not is_form(kind)), None)

    @cached_property
    def form(self) -> type | None:
        return next((kind for kind in self._bodies if is_form(kind)), None)

    @cached_property
    def _bodies(self) -> tuple[type, ...]:
        hint = self.hints.get("body")
        if hint is None:
            return ()
        return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def is_form(kind: type) -> bool:
    """Whether a request class holds a file."""
    return has(kind) and any(f.type is Upload for f in fields(kind))
