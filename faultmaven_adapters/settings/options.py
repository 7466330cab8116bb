"""Fields of settings that say what they accept."""

import typed_settings as ts
from attrs import validators


def count(default: int, low: int, high: int | None, help: str) -> int:
    """A whole number of at least ``low``, and of at most ``high`` where that is not None."""
    bound = validators.ge(low) if high is None else validators.and_(validators.ge(low), validators.le(high))
    accepts = f"a whole number from {low} on" if high is None else f"a whole number from {low} to {high}"
    option: int = ts.option(default=default, help=help, validator=bound, metadata={"accepts": accepts})
    return option


def dollars(help: str) -> "float | None":
    """A cap in US dollars, None by default."""
    option: float | None = ts.option(
        default=None,
        help=f"{help} Unset is without a cap.",
        validator=validators.optional(validators.and_(validators.ge(0), validators.le(1_000_000_000))),
        metadata={"accepts": "a number from 0 on"},
    )
    return option
