"""The environment, read once."""

import os
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import typed_settings as ts
from attrs import Attribute, evolve, fields
from typed_settings.converters import TSConverter
from typed_settings.exceptions import InvalidSettingsError
from typed_settings.types import LoadedSettings, LoaderMeta, OptionList

from faultmaven_domain.kernel.errors import Misconfigured

from .checks import check
from .fields import Settings
from .profiles import with_defaults

#: What each variable accepts, for those where a type's name would not tell.
_ACCEPTS: dict[type, str] = {bool: "true or false", Path: "a path", tuple[str, ...]: "a list, separated by commas"}


def load_settings(environ: Mapping[str, str] | None = None, *, data_dir: Path | None = None) -> Settings:
    """Read the environment, and check that a start may be made with it.

    Raises: Misconfigured naming each bad variable and what it accepts, or else everything that is wrong.
    """
    settings = read_settings(environ, data_dir=data_dir)
    check(settings)
    return settings


def read_settings(environ: Mapping[str, str] | None = None, *, data_dir: Path | None = None) -> Settings:
    """Read the environment, and take what its profile says for what is not there. An empty variable counts as unset.

    Raises: Misconfigured naming each bad variable and what it accepts.
    """
    given = {name: value for name, value in (os.environ if environ is None else environ).items() if value != ""}
    named = with_defaults(given)
    known = [(name, named[name]) for field in fields(Settings) if (name := field.name.upper()) in named]
    try:
        settings = _structured(tuple(known))
    except InvalidSettingsError as error:
        raise Misconfigured(_explained(error, given)) from error
    if data_dir is not None:
        settings = evolve(settings, data_dir=data_dir)
    return evolve(settings, data_dir=settings.data_dir.expanduser().absolute())


@lru_cache(maxsize=8)
def _structured(named: tuple[tuple[str, str], ...]) -> Settings:
    """Remembered: typed-settings parses the class's source for its docstrings each time, which takes 30 ms."""
    converter = TSConverter(resolve_paths=False, strlist_sep=_words)
    return ts.load_settings(Settings, [_Environment(dict(named))], converter=converter)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


class _Environment:
    """typed-settings' loader over a mapping; a field's name in capitals is its variable."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __call__(self, settings_cls: type, options: OptionList) -> LoadedSettings:
        found = {o.path: self._values[o.path.upper()] for o in options if o.path.upper() in self._values}
        return LoadedSettings(dict(found), LoaderMeta("environment"))


def _explained(error: InvalidSettingsError, given: Mapping[str, str]) -> str:
    text = "\n".join(str(part) for part in error.exceptions)
    lines = []
    for attribute in fields(Settings):
        name = attribute.name.upper()
        if name in given and f"'{attribute.name}'" in text:
            secret = "secret" in attribute.name or "key" in attribute.name
            shown = "not valid" if secret else f"{given[name]!r}"
            lines.append(f"{name} is {shown}; accepted is {accepted(attribute)}.")
    return "\n".join(lines) or text


def accepted(attribute: "Attribute[object]") -> str:
    """What a variable takes, in words."""
    kind = attribute.type
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "one of " + ", ".join(member.value for member in kind)
    if "accepts" in attribute.metadata:
        return str(attribute.metadata["accepts"])
    return next((word for known, word in _ACCEPTS.items() if kind in (known, known | None)), "text")
