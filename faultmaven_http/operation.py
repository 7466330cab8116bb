"""A route: its method, address and handler, and all that its documentation and its limits need.

A handler's signature is the request: ``principal`` (a Principal, or one or None), ``body`` (an attrs class, read from
JSON, or from a form if it holds an Upload or Uploads), ``query`` (an attrs class) and the names in braces in the
address.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import NOTHING, field, fields, frozen, has
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.kernel.principal import Principal

from .addresses import Addresses
from .idempotency import Keyed
from .limits import Group
from .wire import Dialect, Upload, Uploads

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
    keyed: Keyed | None = None  # where it came with an Idempotency-Key

    def id_for(self, prefix: str, nth: int = 0) -> str | None:
        """The id of the ``nth`` thing of its kind that this request creates: the same for the same caller, key and
        address, so that it is created once. None without an Idempotency-Key, for an id of the service's own."""
        return None if self.keyed is None else self.keyed.id_for(prefix, nth)

    def job_id(self) -> str | None:
        """The same for the job it asks for, as a UUID."""
        return None if self.keyed is None else self.keyed.job_id()

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
    urlencoded: bool = False  # whether its body may be a plain form as well as JSON
    oauth: bool = False  # whether its errors are written as RFC 6749 has them
    there: Callable[[Call], bool] | None = None  # whether this address is one at all for who asks; always where None
    large: bool = False  # whether its JSON may be as large as an upload
    always: bool = False  # whether it is answered however much is in work
    creates: bool = False  # whether an Idempotency-Key makes it happen once,
    keeps: bool = True  # and whether its answer may be kept for that: never one that bears a secret

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
    def file_lists(self) -> frozenset[str]:
        """The form's fields that take several files."""
        return frozenset(f.name for f in fields(self.form) if f.type is Uploads) if self.form else frozenset()

    @cached_property
    def takes_urlencoded(self) -> bool:
        """Whether the form may come without a file, and so in the other encoding."""
        return self.form is not None and not any(
            f.type in (Upload, Uploads) and f.default is NOTHING for f in fields(self.form)
        )

    @cached_property
    def _bodies(self) -> tuple[type, ...]:
        hint = self.hints.get("body")
        if hint is None:
            return ()
        return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def is_form(kind: type) -> bool:
    """Whether a request class holds a file, or several."""
    return has(kind) and any(f.type in (Upload, Uploads) for f in fields(kind))
