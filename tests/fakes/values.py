"""Any value of a type, as far as the types that services take and give go."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from faultmaven_domain.kernel.events import Message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    NoneType: st.none(),
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=12),
    object: JSON,
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.timedeltas(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Raises: TypeError for a type that no service may take or give, naming it."""
    return _values(kind, {})


def _values(kind: Any, bound: dict[Any, Any]) -> st.SearchStrategy[Any]:
    kind = bound.get(kind, kind) if isinstance(kind, TypeVar) else kind
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if origin in (Union, UnionType):
        return st.one_of(*[_values(one, bound) for one in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is ...:
        return st.lists(_values(arguments[0], bound), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*[_values(one, bound) for one in arguments])
    if origin is dict and arguments[0] is str:
        return st.dictionaries(st.text(max_size=5), _values(arguments[1], bound), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    cls = origin or kind
    if isinstance(cls, type) and attrs.has(cls):
        return _instances(cls, dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=True)))
    raise TypeError(f"{kind} cannot be told across a wire")


def _instances(cls: type, bound: dict[Any, Any]) -> st.SearchStrategy[Any]:
    fields = {field.name: field.type for field in attrs.fields(attrs.resolve_types(cls)) if field.init}
    drawn = {name: _values(kind, bound) for name, kind in fields.items()}
    if issubclass(cls, Message):  # a message of another version cannot be made
        drawn["version"] = st.just("1.0")
    return st.builds(cls, **drawn)
