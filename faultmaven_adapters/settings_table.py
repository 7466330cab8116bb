"""``docs/CONFIGURATION.md``, made from the settings themselves: ``python -m faultmaven_adapters.settings_table``."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import fields

from .settings import DEFAULTS, REQUIRED, RULES, Profile, Settings, accepted

_HEAD = """# Configuration

Every setting is an environment variable, read once at the start. An empty variable counts as unset. A value that is
not accepted stops the start and is named. Relative paths lie under the data directory (`--data-dir`, `DATA_DIR`).
[Deployment](deployment.md) says which to set where.

This page is made from the code: `nox -s docs` writes it, and a test compares.

## What `PROFILE` changes

It sets these defaults; each variable that is set wins over its profile.

"""
_UNSAFE = """
## What stops the start outside `core`

"""
_ALL = """
## Every variable

| variable | default in `core` | accepts | what it is for |
|---|---|---|---|
"""


def markdown() -> str:
    """The page."""
    rows = "".join(
        f"| `{field.name.upper()}` | {_default(field.default)} | {accepted(field)} | {_help(field.metadata)} |\n"
        for field in fields(Settings)
    )
    unsafe = "".join(f"* {rule.__doc__}\n" for rule in RULES)
    return _HEAD + _profiles() + _UNSAFE + unsafe + _ALL + rows


def _profiles() -> str:
    """A row for each variable whose default is not the same in all profiles."""
    differing = {*(name for those in (*DEFAULTS.values(), *REQUIRED.values()) for name in those)}
    rows = [["variable", *(f"`{profile.value}`" for profile in Profile)], ["---"] * (1 + len(Profile))]
    for field in fields(Settings):
        name = field.name.upper()
        if name in differing:
            rows.append([f"`{name}`", *(_default_in(profile, name, field.default) for profile in Profile)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _default_in(profile: Profile, name: str, otherwise: object) -> str:
    if name in REQUIRED[profile]:
        return "must be set"
    return f"`{DEFAULTS[profile][name]}`" if name in DEFAULTS[profile] else _default(otherwise)


def _default(value: object) -> str:
    if value in (None, "", ()):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value.value if isinstance(value, StrEnum) else value}`"


def _help(metadata: Mapping[str, Any]) -> str:
    return str(metadata["typed-settings"]["help"]).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/CONFIGURATION.md").write_text(markdown(), encoding="utf-8")
