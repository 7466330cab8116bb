"""Any value of an attrs class, for properties that hold for all of them."""

import types
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
from hypothesis import strategies as st

T = TypeVar("T")
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

#: What every engine keeps; not all of them have a character of number zero.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
_any_texts = st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _any_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_any_texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(_any_texts, json_values, max_size=4)
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=zones)
_SIMPLE: dict[object, st.SearchStrategy[Any]] = {
    str: texts,
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: moments,
    object: json_values,
    dict[str, object]: json_objects,
    type(None): st.none(),
}


def values_of(cls: type[T], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    """Every field by its type, but for those that are given."""
    fields = attrs.fields(attrs.resolve_types(cast(Any, cls)))
    return st.builds(cls, **{f.name: fixed[f.name] if f.name in fixed else of(f.type) for f in fields})


def of(kind: Any) -> st.SearchStrategy[Any]:
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.one_of(*[of(one) for one in inner])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(of(inner[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*[of(one) for one in inner])
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    return values_of(kind)
