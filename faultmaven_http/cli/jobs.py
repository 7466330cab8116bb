"""Jobs, for whoever runs the server: what waits, what failed and why, and having it done again."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from faultmaven_adapters import OPERATOR, open
from faultmaven_domain.kernel.errors import FaultMavenError
from faultmaven_domain.kernel.jobs import Job

from ..progress import warn
from .options import as_json, data_dir, printed, run_async, settings_for

status = click.option("--status", type=click.Choice(["processing", "completed", "failed"]))
_DEFAULT = click.core.ParameterSource.DEFAULT
limit = click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)


@click.group(short_help="Jobs: list them, and have failed ones done again.", invoke_without_command=True)
@status
@limit
@data_dir
@as_json
@click.pass_context
def jobs(context: click.Context, status: str | None, limit: int, data_dir: Path | None, as_json: bool) -> None:
    """Look at jobs, and have failed ones done again. Without a command they are listed.

    \b
    Examples:
      faultmaven jobs --status failed
      faultmaven jobs show JOB_ID
      faultmaven jobs retry JOB_ID JOB_ID
      faultmaven jobs retry --failed
    """
    if context.invoked_subcommand is None:
        context.invoke(list_jobs, status=status, limit=limit, data_dir=data_dir, as_json=as_json)
    elif any((status, data_dir, as_json, context.get_parameter_source("limit") is not _DEFAULT)):
        raise click.UsageError(f"Options come after the command: faultmaven jobs {context.invoked_subcommand} ...")


@jobs.command("list", short_help="List jobs.")
@status
@limit
@data_dir
@as_json
@run_async
async def list_jobs(status: str | None, limit: int, data_dir: Path | None, as_json: bool) -> None:
    """List jobs, newest first: their state, tries, progress and error.

    \b
    Examples:
      faultmaven jobs list --status failed
      faultmaven jobs list --json --limit 5
    """
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        found = await fm.jobs.list(principal=OPERATOR, status=status, limit=limit)
    _show(found, as_json)


@jobs.command(short_help="Everything about one job.")
@click.argument("job_id")
@data_dir
@as_json
@run_async
async def show(job_id: str, data_dir: Path | None, as_json: bool) -> None:
    """Say everything about one job."""
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        job = await fm.jobs.get(principal=OPERATOR, job_id=job_id)
    if as_json:
        printed(job)
        return
    for name, value in (
        ("job", job.job_id),
        ("kind", job.kind),
        ("about", job.subject_id),
        ("owner", job.owner_id),
        ("state", job.state.value),
        ("tries", job.attempts),
        ("progress", f"{job.progress:.0%}"),
        ("asked", _time(job.created_at)),
        ("alive", _time(job.heartbeat_at)),
        ("ended", _time(job.finished_at)),
        ("error", job.error),
    ):
        if value is not None:
            click.echo(f"{name:<9} {value}")


@jobs.command(short_help="Have failed jobs done again.")
@click.argument("job_ids", metavar="[JOB_ID]...", nargs=-1)
@click.option("--failed", is_flag=True, help="Every job that failed, everybody's.")
@data_dir
@as_json
@run_async
async def retry(job_ids: tuple[str, ...], failed: bool, data_dir: Path | None, as_json: bool) -> None:
    """Have failed jobs done again from the beginning: by the server that runs, or by the next that starts.

    \b
    Examples:
      faultmaven jobs retry 4bb2...  9e0c...
      faultmaven jobs retry --failed

    A job's request is kept for 30 days. Ends with the first error when one of those named cannot be retried; the others
    are all the same.
    """
    if failed == bool(job_ids):
        raise click.UsageError("Name the jobs, or say --failed.")
    retried: list[Job] = []
    errors: list[FaultMavenError] = []
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        if failed:
            retried += await fm.jobs.retry_failed(principal=OPERATOR)
        for job_id in dict.fromkeys(job_ids):
            try:
                retried.append(await fm.jobs.retry(principal=OPERATOR, job_id=job_id))
            except FaultMavenError as error:
                warn(f"{job_id}: {error.message}")
                errors.append(error)
    if as_json:
        printed(retried)
    else:
        click.echo(f"{len(retried)} {'job' if len(retried) == 1 else 'jobs'} to be done again")
    if errors:
        raise errors[0]


def _show(found: Sequence[Job], as_json: bool) -> None:
    if as_json:
        printed(found)
        return
    for job in found:
        error = f"  {job.error}" if job.error else ""
        click.echo(
            f"{_time(job.created_at)}  {job.job_id}  {job.kind:<24} {job.state.value:<9} "
            f"{job.progress:>4.0%}  try {job.attempts}{error}"
        )


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
