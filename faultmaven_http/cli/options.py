"""What several commands share: options, exit codes, output."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import cattrs.preconf.json
import click

from faultmaven_adapters import DirectoryHeld
from faultmaven_adapters.settings import Settings, load_settings, read_settings
from faultmaven_domain.kernel.errors import FaultMavenError, InvalidInput, Misconfigured, NotFound, Unavailable

P = ParamSpec("P")
R = TypeVar("R")

EXIT_CODES: tuple[tuple[type[FaultMavenError], int], ...] = (
    (DirectoryHeld, 4),
    (Misconfigured, 3),
    (Unavailable, 5),
    (InvalidInput, 6),
    (NotFound, 7),
)

_converter = cattrs.preconf.json.make_converter()

data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where everything is kept.  [default: $DATA_DIR or ./data]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def exit_code(error: FaultMavenError) -> int:
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def run_async(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """A command that is a coroutine function."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return asyncio.run(function(*args, **kwargs))

    return run


def settings_for(data_dir: Path | None, *, quiet: bool = False, checked: bool = True) -> Settings:
    """The environment's settings, and logging as they say; not ``checked``, they need not be safe to start with.

    Raises: Misconfigured.
    """
    settings = (load_settings if checked else read_settings)(data_dir=data_dir)
    level = logging.ERROR if quiet else getattr(logging, settings.log_level.upper())
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx2", "httpcore2", "arq.worker", "aiosqlite", "databases", "alembic", "multipart"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    return settings


def printed(value: object) -> None:
    """A value as JSON on stdout."""
    click.echo(json.dumps(_converter.unstructure(value), indent=2, ensure_ascii=False, default=str))
