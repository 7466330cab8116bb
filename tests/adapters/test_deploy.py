"""The files in deploy/ hold to the settings they set."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import fields

from faultmaven_adapters.extras import EXTRAS, wanted
from faultmaven_adapters.settings import REQUIRED, Profile, Settings, load_settings

ROOT = Path(__file__).parents[2]
COMPOSED = {
    "docker-compose.yml": Profile.CORE,
    "docker-compose.team.yml": Profile.TEAM,
    "docker-compose.enterprise.yml": Profile.ENTERPRISE,
}
#: What must be given, as an operator would.
GIVEN = {
    "JWT_SECRET": "be6fe426ae4331472a36cb3126059423adabdcf9142514428c9d1b35f4986eff",
    "POSTGRES_PASSWORD": "abc123",
    "REDIS_PASSWORD": "def456",
    "PUBLIC_URL": "https://faultmaven.example.org",
    "DATABASE_URL": "postgresql://fm:secret@db.example:5432/fm",
    "REDIS_URL": "redis://:secret@redis.example:6379",
    "S3_BUCKET": "fm-bucket",
    "IDENTITY_PROVIDER": "jwt",
    "REGISTRATION": "false",
}
#: What an operator's file does not decide: what is so in a container, and what a file brings with it.
OF_CONTAINERS = {"PROFILE", "HOST", "PORT", "DATA_DIR", "MODELS_DIR"}
OWN = {
    "docker-compose.yml": OF_CONTAINERS | {"REDIS_URL"},
    "docker-compose.team.yml": OF_CONTAINERS | {"DATABASE_URL", "REDIS_URL"},
    "docker-compose.enterprise.yml": OF_CONTAINERS,
}
#: What libraries read by themselves: whom to trust, and who may open the bucket.
OF_LIBRARIES = ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "AWS_PROFILE")
#: ``${NAME:-default}`` and ``${NAME:?why}``.
_VARIABLE = re.compile(r"\$\{(?P<name>[A-Z0-9_]+):(?P<kind>[-?])(?P<rest>[^}]*)\}")


def services(name: str) -> dict[str, Any]:
    read = yaml.safe_load((ROOT / "deploy" / name).read_text(encoding="utf-8"))
    return {key: value for key, value in read["services"].items() if value.get("command", [""])[0] == "faultmaven"}


def filled(text: str, given: dict[str, str]) -> str:
    """As Compose fills it in; what must be given and is not stays."""

    def value(found: re.Match[str]) -> str:
        default = found["rest"] if found["kind"] == "-" else found[0]
        return given.get(found["name"]) or default

    return _VARIABLE.sub(value, text)


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_server_starts(name: str) -> None:
    """Server and workers get the same variables; each is a setting, all together are accepted, what is asked for is all
    that is needed, and the image has the extras they need."""
    ours = services(name)
    assert set(ours) == {"faultmaven", "worker"}
    assert ours["worker"]["environment"] == ours["faultmaven"]["environment"]
    named = ours["faultmaven"]["environment"]
    assert {*named} <= {field.name.upper() for field in fields(Settings)}

    needs = {found["name"] for text in named.values() for found in _VARIABLE.finditer(text) if found["kind"] == "?"}
    assert needs <= set(GIVEN)
    given = {key: filled(text, {need: GIVEN[need] for need in needs}) for key, text in named.items()}
    settings = load_settings(given)

    assert settings.profile is COMPOSED[name]
    for must in REQUIRED[settings.profile]:
        assert ":?" in named[must], must
    build = ours["faultmaven"]["build"]
    assert set(wanted(settings)) <= set(build.get("args", {}).get("EXTRAS", "").split(","))
    assert (ROOT / "deploy" / build["context"] / build["dockerfile"]).is_file()


def handed(service: dict[str, Any], file: dict[str, str]) -> dict[str, str]:
    """What a service's processes find set, where an operator has written ``file`` beside the compose file."""
    assert service.get("env_file") == [{"path": ".env", "required": False}]  # where Compose fills in from, too
    return file | {name: filled(text, file) for name, text in service["environment"].items()}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_composed_server_is_handed_every_setting(name: str) -> None:
    """Whatever an operator sets reaches server and workers, and certificates can be put where both read them; but
    addresses and folders of the machine outside do not."""
    settings = {field.name.upper() for field in fields(Settings)}
    file = {name: f"the operator's {name}" for name in (*settings, *OF_LIBRARIES)}
    for service in services(name).values():
        found = handed(service, file)
        assert {name for name in file if found[name] != file[name]} == OWN[name]
        assert found["HOST"] == "0.0.0.0"
        assert [found["DATA_DIR"], found["MODELS_DIR"]] == ["/data", "/data/models"]
        assert "${CERTIFICATES:-./certificates}:/certificates:ro" in service["volumes"]


def test_an_extra_brings_what_is_imported() -> None:
    """Every package that is looked for is one that its extra installs."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    for extra, packages in EXTRAS.items():
        assert set(packages) <= {re.split(r"[\[<>=]", need)[0] for need in known[extra]}
