"""What a profile sets, and what stops a start outside Core."""

import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from attrs import evolve, fields

import faultmaven_adapters
from faultmaven_adapters.open_durable import _add_queue, _secret
from faultmaven_adapters.open_memory import open_memory
from faultmaven_adapters.opening import Opening
from faultmaven_adapters.owner import Role
from faultmaven_adapters.settings import (
    DEFAULTS,
    REQUIRED,
    RULES,
    FileStorage,
    Profile,
    Settings,
    VectorStore,
    cautions,
    load_settings,
    looked_for,
    problems,
    read_settings,
    shown,
)
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from faultmaven_domain.kernel.jobs import JobQueue

SECRET = "be6fe426ae4331472a36cb3126059423"
TEAM = {"PROFILE": "team", "JWT_SECRET": SECRET}
ENTERPRISE = {
    "PROFILE": "enterprise",
    "JWT_SECRET": SECRET,
    "DATABASE_URL": "postgresql://fm:secret@db.example:5432/fm?sslmode=verify-full",
    "REDIS_URL": "rediss://:secret@redis.example:6379",
    "S3_BUCKET": "fm-bucket",
}


def test_core_is_what_the_fields_say() -> None:
    """No variable has another default in Core than its own."""
    assert DEFAULTS[Profile.CORE] == {}
    assert REQUIRED[Profile.CORE] == ()
    assert {name.lower() for those in DEFAULTS.values() for name in those} <= {field.name for field in fields(Settings)}


def test_team() -> None:
    """PostgreSQL and Redis where they listen by default, local files, LanceDB, workers apart, limits on."""
    settings = load_settings(TEAM)

    assert settings.database_url == "postgresql://faultmaven@localhost:5432/faultmaven"
    assert settings.redis_url == "redis://localhost:6379"
    assert (settings.file_storage, settings.vector_store) == (FileStorage.LOCAL, VectorStore.LANCEDB)
    assert settings.lancedb_folder() is not None
    assert (settings.worker_inside(), settings.rate_limits, settings.passwordless()) == (False, True, False)


def test_enterprise() -> None:
    """S3 for files, LanceDB in the same bucket, workers apart, limits on."""
    settings = load_settings(ENTERPRISE)

    assert (settings.file_storage, settings.vector_store) == (FileStorage.S3, VectorStore.LANCEDB)
    assert settings.lancedb_path == "s3://fm-bucket/lancedb"
    assert load_settings(ENTERPRISE | {"S3_PREFIX": "/one/"}).lancedb_path == "s3://fm-bucket/one/lancedb"
    assert (settings.worker_inside(), settings.rate_limits, settings.passwordless()) == (False, True, False)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            TEAM,
            {"DATABASE_URL": "postgresql://db.example/x", "REDIS_URL": "redis://:p@r.example", "RATE_LIMITS": "false"},
        ),
        (TEAM, {"VECTOR_STORE": "chromadb", "CHROMADB_URL": "http://chroma:8000", "WORKER": "true"}),
        (ENTERPRISE, {"LANCEDB_PATH": "s3://other/place", "WORKER": "true", "RATE_LIMITS": "false"}),
        (ENTERPRISE, {"VECTOR_STORE": "pinecone", "PINECONE_API_KEY": "k"}),
        (ENTERPRISE, {"FILE_STORAGE": "local", "S3_BUCKET": "", "LANCEDB_PATH": "lance"}),
    ],
)
def test_what_is_set_wins(given: dict[str, str], kept: dict[str, str]) -> None:
    """A profile's default gives way to whatever the environment says; an empty variable is unset there too."""
    settings = load_settings(given | kept)

    for name, value in kept.items():
        found = getattr(settings, name.lower())
        assert str(found).lower() == (value or "none"), name


def test_without_a_bucket_lancedb_has_a_folder() -> None:
    """Enterprise on files of its own has no bucket to put the index into."""
    settings = load_settings(ENTERPRISE | {"FILE_STORAGE": "local", "S3_BUCKET": ""})

    assert settings.lancedb_folder() == settings.data_dir / "lancedb"


def test_a_bucket_that_is_missing_is_no_folder() -> None:
    """Where files need a bucket that was forgotten, that alone is told, and nothing of a folder for the index."""
    settings = read_settings(ENTERPRISE | {"S3_BUCKET": ""})

    assert settings.lancedb_folder() is None
    assert problems(settings) == ["FILE_STORAGE=s3 needs S3_BUCKET."]
    assert not [caution for caution in cautions(settings) if "LANCEDB_PATH" in caution]


@pytest.mark.parametrize("profile", [Profile.TEAM, Profile.ENTERPRISE])
def test_what_must_be_set_is_named_at_once(profile: Profile) -> None:
    """Everything a profile needs and cannot guess is in one message."""
    with pytest.raises(Misconfigured) as raised:
        load_settings({"PROFILE": profile.value})

    lines = raised.value.message.splitlines()
    assert len(lines) == len(REQUIRED[profile])
    for name in REQUIRED[profile]:
        assert any(name in line for line in lines), name


#: A rule, what breaks it, what it says, and what is allowed all the same.
UNSAFE: list[tuple[str, dict[str, str], str, dict[str, str]]] = [
    ("_known_secret", {**TEAM, "JWT_SECRET": ""}, "JWT_SECRET must be set", TEAM),
    ("_known_secret", {**TEAM, "JWT_SECRET": "change-me-in-production"}, "JWT_SECRET must be set", TEAM),
    ("_known_secret", {**ENTERPRISE, "JWT_SECRET": "please_change_me_" + SECRET}, "JWT_SECRET must be set", ENTERPRISE),
    ("_name_alone", {**TEAM, "DEV_LOGIN": "true"}, "DEV_LOGIN lets anyone in", {**TEAM, "DEV_LOGIN": "false"}),
    (
        "_name_alone",
        {**ENTERPRISE, "DEV_LOGIN": "true", "HOST": "0.0.0.0"},
        "DEV_LOGIN",
        {**ENTERPRISE, "HOST": "0.0.0.0"},
    ),
    ("_in_memory", {**TEAM, "DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL names a database in memory", TEAM),
    ("_in_memory", {**TEAM, "CASE_DATABASE_URL": "sqlite://"}, "CASE_DATABASE_URL names", TEAM),
    ("_sqlite", {**ENTERPRISE, "DATABASE_URL": "sqlite:///x.db"}, "DATABASE_URL must be a PostgreSQL", ENTERPRISE),
    ("_sqlite", {**ENTERPRISE, "AGENT_DATABASE_URL": "sqlite:////srv/a.db"}, "AGENT_DATABASE_URL must", ENTERPRISE),
    (
        "_sqlite",
        {**TEAM, "DATABASE_URL": "sqlite:///x.db", "REDIS_URL": "redis://:p@redis.example"},
        "Redis is not on this one",
        {**TEAM, "DATABASE_URL": "sqlite:///x.db", "REDIS_URL": "redis://:p@127.0.0.1:6380/1"},
    ),
    ("_private_redis", {**ENTERPRISE, "REDIS_URL": ""}, "REDIS_URL must name the Redis", ENTERPRISE),
    (
        "_chroma_inside",
        {**ENTERPRISE, "VECTOR_STORE": "chromadb", "WORKER": "true"},
        "CHROMADB_URL must name",
        {**ENTERPRISE, "VECTOR_STORE": "chromadb", "CHROMADB_URL": "http://chroma:8000"},
    ),
    (
        "_in_the_clear",
        {**TEAM, "PUBLIC_URL": "http://fm.example.org"},
        "without https, passwords",
        {**TEAM, "PUBLIC_URL": "https://fm.example.org"},
    ),
    (
        "_in_the_clear",
        {**TEAM, "PUBLIC_URL": "http://10.0.0.7:8090"},
        "PUBLIC_URL",
        {**TEAM, "PUBLIC_URL": "http://localhost"},
    ),
]


@pytest.mark.parametrize(("rule", "given", "says", "allowed"), UNSAFE)
def test_what_is_unsafe_stops_the_start(rule: str, given: dict[str, str], says: str, allowed: dict[str, str]) -> None:
    """Each rule stops a start outside Core with its reason, by itself, and lets pass what is safe; Core has none."""
    broken = [one.__name__ for one in RULES if one(read_settings(given)) is not None]

    assert broken == [rule]
    with pytest.raises(Misconfigured, match=re.escape(says)) as raised:
        load_settings(given)
    assert SECRET not in raised.value.message
    assert load_settings(allowed).profile is not Profile.CORE
    in_core = evolve(read_settings(given), profile=Profile.CORE)
    assert not set(problems(in_core)) & {reason for one in RULES if (reason := one(read_settings(given)))}


def test_every_rule_is_tried() -> None:
    """No rule is without an example above."""
    assert {rule.__name__ for rule in RULES} == {name for name, *_ in UNSAFE}


async def test_settings_made_by_hand_are_checked_too(tmp_path: Path) -> None:
    """A program that opens the library with settings of its own gets the same refusal."""
    unsafe = evolve(load_settings(TEAM, data_dir=tmp_path / "data"), jwt_secret=None)

    with pytest.raises(Misconfigured, match="JWT_SECRET"):
        async with faultmaven_adapters.open(settings=unsafe):
            pass
    assert not (tmp_path / "data").exists()


def test_nothing_is_kept_in_memory_where_others_rely_on_it() -> None:
    """Outside Core there is no start in memory, and a command's jobs are the workers'; in Core they are its own."""
    with pytest.raises(Misconfigured, match="in memory"):
        open_memory(AsyncExitStack(), load_settings(TEAM))

    opened = [Opening(load_settings(given), AsyncExitStack()) for given in ({}, TEAM)]
    for opening in opened:
        _add_queue(opening, Role.LIBRARY, None)
    assert [JobQueue in opening.adapters for opening in opened] == [True, False]
    assert opened[1].notes == ["The workers do what is asked for here: one has to run."]


def test_what_everybody_knows_signs_nothing(tmp_path: Path) -> None:
    """In Core a placeholder is as good as no secret: the server makes its own."""
    settings = load_settings({"JWT_SECRET": "change-me-in-production"}, data_dir=tmp_path)

    assert "change-me" not in _secret(settings)
    assert _secret(evolve(settings, jwt_secret=SECRET)) == SECRET


def test_a_server_that_nobody_named_is_told_of() -> None:
    """Where a profile's own address does not answer, the variable that was not set is named; else nothing is added."""
    unset = (
        "No. REDIS_URL is not set, so profile team looks for it at redis://localhost:6379; set it to where yours is."
    )
    for given, says in (
        (TEAM, unset),
        (TEAM | {"REDIS_URL": "redis://:p@r.example"}, "No."),
        ({}, "No."),
    ):
        with pytest.raises(Unavailable) as raised, looked_for(load_settings(given), "REDIS_URL"):
            raise Unavailable("No.")
        assert raised.value.message == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, []),
        ({"HOST": "0.0.0.0"}, []),
        (TEAM, []),
        ({**TEAM, "HOST": "0.0.0.0"}, ["HOST", "REGISTRATION"]),
        ({**TEAM, "HOST": "0.0.0.0", "PUBLIC_URL": "https://fm.example.org"}, ["REGISTRATION"]),
        ({**TEAM, "PUBLIC_URL": "https://fm.example.org", "REGISTRATION": "false"}, []),
        ({**TEAM, "TRUSTED_PROXIES": "10.0.0.1, 0.0.0.0/0"}, ["REGISTRATION", "TRUSTED_PROXIES"]),
        ({**TEAM, "REDIS_URL": "rediss://redis:6379"}, ["FILE_STORAGE_PATH", "LANCEDB_PATH", "REDIS_URL"]),
        ({**ENTERPRISE, "REDIS_URL": "redis://:p@redis:6379"}, ["REDIS_URL:"]),
        ({**ENTERPRISE, "DATABASE_URL": "postgresql://u:p@db/fm?sslmode=require"}, ["DATABASE_URL:"]),
        ({**ENTERPRISE, "PINECONE_URL": "http://pinecone.example"}, ["PINECONE_URL:"]),
        (ENTERPRISE, []),
        ({**ENTERPRISE, "FILE_STORAGE": "local", "LANCEDB_PATH": "here"}, ["FILE_STORAGE_PATH", "LANCEDB_PATH"]),
    ],
)
def test_what_cannot_be_told_from_here_is_said(given: dict[str, str], says: list[str]) -> None:
    """Folders that other machines must mount, and passwords that may be read on the way, are named."""
    assert [caution.partition(" ")[0] for caution in cautions(load_settings(given))] == says


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://ana:p%2Fw@db:5432/fm?password=x", "postgresql://db:5432/fm"),
        ("postgresql://ana:p@w@db/fm", "postgresql://db/fm"),
        ("postgresql://ana:p?w@db/fm", "postgresql://…"),
        ("redis://:pw@[::1]:6379/0", "redis://[::1]:6379/0"),
        ("redis+sentinel://u:pw@a:1,b:2/main", "redis+sentinel://a:1,b:2/main"),
        ("unix://u:pw@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("sqlite:////srv/a@b.db", "sqlite:////srv/a@b.db"),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, seen: str) -> None:
    """User, password and query are left out, also where a password is written wrongly."""
    assert shown(url) == seen
