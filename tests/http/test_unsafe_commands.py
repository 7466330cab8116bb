"""Every command refuses what is unsafe, before it opens anything."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured
from faultmaven_http.cli.commands import faultmaven

COMMANDS = (
    "serve",
    "worker",
    "ingest .",
    "search x",
    "ask x",
    "migrate",
    "jobs list",
    "users list",
    "demo",
    "models pull",
)
#: Nothing of the machine's own environment is read but these.
UNSAFE = {"PROFILE": "team", "JWT_SECRET": "change-me-in-production", "DEV_LOGIN": "true"}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_starts_unsafely(command: str, tmp_path: Path) -> None:
    """Whatever reads the settings names all that is unsafe in them, and leaves the data directory alone."""
    done = CliRunner().invoke(faultmaven, command.split(), env={**UNSAFE, "DATA_DIR": str(tmp_path / "data")})

    assert isinstance(done.exception, Misconfigured)
    assert "JWT_SECRET must be set" in done.exception.message
    assert "DEV_LOGIN lets anyone in" in done.exception.message
    assert not (tmp_path / "data").exists()


def test_the_doctor_tells_of_it(tmp_path: Path) -> None:
    """The doctor is the one that goes on: it lists what is unsafe, and fails."""
    done = CliRunner().invoke(faultmaven, ["doctor"], env={**UNSAFE, "DATA_DIR": str(tmp_path / "data"), "PORT": "0"})

    assert isinstance(done.exception, FaultMavenError)
    assert "ok  profile: team" in done.stdout
    assert "bad  setting: JWT_SECRET must be set" in done.stdout
    assert "bad  setting: DEV_LOGIN lets anyone in" in done.stdout
