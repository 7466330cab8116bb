"""``docs/CONFIGURATION.md``, made from the settings themselves: ``python -m faultmaven_adapters.settings_table``."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import fields

from .settings import Settings, accepted

_HEAD = """# Configuration

Every setting is an environment variable, read once at the start. An empty variable counts as unset. A value that is
not accepted stops the start and is named. Relative paths lie under the data directory (`--data-dir`, `DATA_DIR`).

This page is made from the code: `nox -s docs` writes it, and a test compares.

| variable | default | accepts | what it is for |
|---|---|---|---|
"""


def markdown() -> str:
    """The page."""
    return _HEAD + "".join(
        f"| `{field.name.upper()}` | {_default(field.default)} | {accepted(field)} | {_help(field.metadata)} |\n"
        for field in fields(Settings)
    )


def _default(value: object) -> str:
    if value is None or value == ():
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
