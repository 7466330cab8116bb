"""What a command says of itself."""

from click.testing import CliRunner

from faultmaven_http.cli.commands import faultmaven


def test_help_leads_with_examples() -> None:
    """Each command's help shows how it is used, before what it takes."""
    for command in faultmaven.commands:
        shown = CliRunner().invoke(faultmaven, [command, "--help"]).stdout
        assert shown.index("Examples:") < shown.index("Options:"), command
