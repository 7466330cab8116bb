"""One command, from its words to its exit code."""

import sys

import click

from faultmaven_domain.kernel.errors import FaultMavenError

from ..progress import warn
from .commands import faultmaven
from .options import exit_code


def run() -> None:
    """Raises: SystemExit; KeyboardInterrupt."""
    try:
        faultmaven.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FaultMavenError as error:
        warn(f"faultmaven: {error.message}")
        sys.exit(exit_code(error))
