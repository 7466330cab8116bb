"""Every command. Data goes to stdout, everything else to stderr."""

import click

from .ask import ask, ingest, search
from .demo import demo
from .jobs import jobs
from .operate import doctor, migrate, models, users
from .serve import serve, worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="faultmaven", message="%(version)s")
def faultmaven() -> None:
    """Find out why something broke.

    \b
    Examples:
      faultmaven demo                                  see it work, with nothing to set up
      faultmaven ingest runbooks/                      teach it your runbooks
      faultmaven ask --file app.log "What is failing?" ask about a log
      faultmaven serve                                 the server, on http://127.0.0.1:8090
      faultmaven doctor                                what is missing, and how to mend it

    \b
    Exit codes: 0 done, 1 it failed, 2 wrong usage, 3 a setting is wrong, 4 another process
    holds the data directory, 5 something needed does not answer, 6 bad input, 7 not found.
    Settings come from the environment; docs/CONFIGURATION.md lists them.
    """


for command in (demo, serve, worker, ingest, search, ask, doctor, migrate, models, jobs, users):
    faultmaven.add_command(command)
