"""What is refused of single values, and of those that do not go together."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_adapters.open_identity import terms_of
from faultmaven_adapters.settings import cautions, is_placeholder, load_settings, problems, read_settings, shown
from faultmaven_adapters.settings.addresses import is_here
from tests.adapters.test_settings_profiles import ENTERPRISE, TEAM

EXTENSION = "abcdefghijklmnopabcdefghijklmnop"

#: What is set, and how each problem begins that is told.
WRONG: list[tuple[dict[str, str], list[str]]] = [
    ({**ENTERPRISE, "DATABASE_URL": "mysql://u:hush@db/d"}, ["DATABASE_URL names no database that this"]),
    ({**TEAM, "CASE_DATABASE_URL": "postgresql+psycopg2://u:hush@db/d"}, ["CASE_DATABASE_URL names no database that"]),
    ({"DATABASE_URL": "u:hush@db/d"}, ["DATABASE_URL names no database that this"]),
    ({"DATABASE_URL": "sqlite://faultmaven.db"}, ["DATABASE_URL names no file"]),
    ({"DATABASE_URL": "sqlite:///:memory:"}, ["DATABASE_URL names no file"]),
    ({**TEAM, "DATABASE_URL": "sqlite:///:memory:"}, ["DATABASE_URL names a database in memory"]),
    ({**TEAM, "DATABASE_URL": "postgresql://u:hush@db"}, ["DATABASE_URL names no database on its server"]),
    ({**TEAM, "DATABASE_URL": "postgresql://u:hush@db/?sslmode=require"}, ["DATABASE_URL names no database on its"]),
    *(
        ({**TEAM, "DATABASE_URL": f"postgresql://u:{rest}"}, ["DATABASE_URL cannot be read"])
        for rest in ("hu/sh@db/d", "1/hush@db/d", "hu#sh@db/d", "hu@sh@db/d", "hush@db:port/d", "hush@[db/d")
    ),
    ({"TRUSTED_PROXIES": "10.0.0.1,proxy.internal"}, ["TRUSTED_PROXIES holds 'proxy.internal'"]),
    ({"CORS_ORIGINS": "nonsense,https://a,null"}, ["CORS_ORIGINS holds 'nonsense'", "CORS_ORIGINS holds 'null'"]),
    ({"EXTENSION_IDS": "nonsense"}, ["EXTENSION_IDS holds 'nonsense'"]),
    ({"OIDC_ISSUER": "https://i.example", "AUTH0_DOMAIN": "t.example"}, ["AUTH0_DOMAIN, OIDC_ISSUER: for"]),
    ({"OIDC_ADMIN_GROUPS": "ops"}, ["OIDC_ADMIN_GROUPS: for IDENTITY_PROVIDER=oidc or auth0, which is jwt"]),
    (
        {"IDENTITY_PROVIDER": "oidc", "OIDC_ISSUER": "https://i.example", "OIDC_AUDIENCE": "a", "AUTH0_AUDIENCE": "a"},
        ["AUTH0_AUDIENCE: for IDENTITY_PROVIDER=auth0, which is oidc"],
    ),
    *(
        ({"IDENTITY_PROVIDER": "auth0", "AUTH0_DOMAIN": domain, "AUTH0_AUDIENCE": "a"}, ["AUTH0_DOMAIN is no host's"])
        for domain in ("http://t.auth0.example", "https://t.auth0.example/v2", "https://", "u:hush@t.auth0.example")
    ),
    *(({"LANCEDB_PATH": path}, ["LANCEDB_PATH"]) for path in ("gs://b/x", "S3://b/x", "memory://x", "s3://", "s3:///x")),
    ({"EMBEDDING_URL": "embed:8000"}, ["EMBEDDING_URL is no address"]),
    ({"EMBEDDING_URL": "ftp://u:hush@embed"}, ["EMBEDDING_URL is no address"]),
    ({"EMBEDDING_PROVIDER": "ollama", "EMBEDDING_URL": "ftp://embed"}, ["EMBEDDING_URL is no address"]),
    ({"OPENAI_BASE_URL": "localhost:8000"}, ["OPENAI_BASE_URL is no address"]),
    ({"ANTHROPIC_BASE_URL": "https://a b"}, ["ANTHROPIC_BASE_URL is no address"]),
    ({"OLLAMA_HOST": "ftp://here"}, ["OLLAMA_HOST is no address"]),
    ({"OLLAMA_HOST": "here:port"}, ["OLLAMA_HOST is no address"]),
    ({"DASHBOARD_URL": "nonsense"}, ["DASHBOARD_URL is no address"]),
    ({"KNOWLEDGE_URL": "other"}, ["KNOWLEDGE_URL is no address"]),
    ({"PUBLIC_URL": "http://fm:70000"}, ["PUBLIC_URL is no address"]),
    ({"WORKER_QUEUES": ","}, ["WORKER_QUEUES names no queue"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "says"), WRONG)
def test_what_cannot_be_used_is_told_before_anything_is_opened(given: dict[str, str], says: list[str]) -> None:
    """Each mistake is named by its variable, once, and no password is shown, nor where the database would be."""
    settings = read_settings(given)
    found = problems(settings)

    assert [told[: len(start)] for told, start in zip(found, says, strict=True)] == says
    assert "hush" not in "".join([*found, shown(settings.database_url)])


@pytest.mark.parametrize(
    "given",
    [
        {"DATABASE_URL": "sqlite:////srv/fm@home.db", "CASE_DATABASE_URL": "sqlite+aiosqlite:///x.db"},
        *(
            {**TEAM, "DATABASE_URL": url}
            for url in (
                "postgres://u:p%40%2F%23%3F@db/d?sslmode=verify-full",
                "postgresql+asyncpg://u@[::1]:5432,db-2:5433/d",
                "postgresql://u@/?host=/run/postgresql&database=d",
                "postgresql://%2Frun%2Fpostgresql/d",
                "postgresql:///?dbname=d",
            )
        ),
        {"TRUSTED_PROXIES": "10.0.0.0/8, ::1", "CORS_ORIGINS": "*,http://localhost:*", "EXTENSION_IDS": EXTENSION},
        *({"OLLAMA_HOST": host} for host in ("here", "here:11434", ":11434", "::1", "[::1]:1", "http://here/ollama")),
        {"EMBEDDING_PROVIDER": "ollama", "EMBEDDING_URL": "embed:11434"},
        {"LANCEDB_PATH": "s3://bucket"},
        {"OIDC_ROLES_CLAIM": "groups"},
        {"WORKER_QUEUES": "turns,"},
    ],
)  # fmt: skip
def test_what_can_be_used_is_taken(given: dict[str, str]) -> None:
    """Every form that the adapters understand, and a variable that says no more than its default."""
    assert problems(read_settings(given)) == []


def test_a_tenant_s_domain_may_be_pasted_as_an_address() -> None:
    """With https before it, and a slash behind, it is the same issuer."""
    given = {"IDENTITY_PROVIDER": "auth0", "AUTH0_AUDIENCE": "api"}
    chosen = [
        terms_of(load_settings({**given, "AUTH0_DOMAIN": domain}))
        for domain in ("t.auth0.example", "https://t.auth0.example", "https://t.auth0.example/")
    ]

    assert {one and one.issuer for one in chosen} == {"https://t.auth0.example/"}


@pytest.mark.parametrize(
    "secret",
    [
        "placeholder-placeholder-placeholder",
        "default-jwt-secret-for-development-only",
        "insert-a-random-string-of-32-characters",
        "example-jwt-secret-f3d1c0a94be8",
        "<generate-with-openssl-rand-hex-32>",
        "${SOMETHING_OF_32_LETTERS_AT_LEAST}",
        "test-secret-of-thirty-two-letters",
        "this_is_a_test_do_not_use_it_elsewhere",
        "supersecretsupersecretjwtkey12345",
        "your-super-secret-jwt-key-of-32-characters",
        "0" * 32,
        "abcd" * 8,
        "0123456789" * 4,
        "aaaaaaaabbbbbbbbccccccccdddddddde",
        "9f3b2c71d0e84a65" * 2,
        " " * 40,
        "test-secret-" + "0" * 32,
        "please-change-me-" + "9f3b2c71d0e84a65c1b7d2e8f4a60935",
    ],
)
def test_a_secret_that_everybody_knows_is_none(secret: str) -> None:
    """What templates show, fillers, few characters and what repeats itself are refused; without telling which."""
    assert is_placeholder(secret)
    [told] = problems(read_settings({**TEAM, "JWT_SECRET": secret}))
    assert told.startswith("JWT_SECRET must be set to a secret of your own")


@given(st.integers(0, 2**64), st.sampled_from([16, 24, 32, 48]))
def test_a_random_secret_is_never_taken_for_one(seed: int, size: int) -> None:
    """Whatever letters chance brings together, in hexadecimal digits and in either alphabet of base64."""
    drawn = hashlib.shake_256(str(seed).encode()).digest(size)

    for written in (drawn.hex().encode(), base64.b64encode(drawn), base64.urlsafe_b64encode(drawn)):
        if len(written) >= 32:
            assert not is_placeholder(written.decode())


@pytest.mark.parametrize("name", ["acme-prod-jwt-secret-", "default-", "secret-token-", "example.com:", "test_"])
def test_a_random_secret_may_have_a_name(name: str) -> None:
    """Words before what chance has drawn make it no worse."""
    assert not is_placeholder(name + hashlib.sha256(b"drawn").hexdigest())


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("postgresql:///db?host=db.example.com", False),
        ("postgresql://u:p@/db?host=localhost,db.example.com", False),
        ("postgresql://localhost/db?host=db.example.com", True),
        ("postgresql:///db?host=/run/postgresql", True),
        ("postgresql:///db?host=127.0.0.1", True),
        ("postgresql:///db", True),
        ("postgresql://%2Frun%2Fpg/db", True),
        ("postgresql://u@[::1]:5432/db", True),
        ("postgresql://u@db/db", False),
        ("redis+sentinel://localhost:1,elsewhere:2/main", False),
        ("unix://u:pw@/run/redis.sock?db=1", True),
    ],
)
def test_where_a_server_is(url: str, here: bool) -> None:
    """A host behind the question mark counts where none is before it, and a socket's path is of this machine."""
    assert is_here(url) is here


@pytest.mark.parametrize(
    "reached",
    [
        {"PUBLIC_URL": "https://fm.example.org"},
        {"HOST": "0.0.0.0"},
        {"HOST": "0.0.0.0", "TRUSTED_PROXIES": "10.0.0.1"},
    ],
)
@pytest.mark.parametrize("profile", [TEAM, ENTERPRISE])
def test_who_comes_first_is_an_admin(profile: dict[str, str], reached: dict[str, str]) -> None:
    """Where others can reach a server that takes anybody, whoever runs it is told, with both ways to prevent it."""

    def said(**more: str) -> list[str]:
        told = cautions(load_settings(profile | reached | more))
        return [caution for caution in told if caution.startswith("REGISTRATION")]

    [caution] = said()
    assert "users create NAME --admin" in caution
    assert "REGISTRATION=false" in caution
    assert said(REGISTRATION="false") == []
