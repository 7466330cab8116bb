import re
from pathlib import Path

import pytest
from attrs import fields

from faultmaven_adapters.open_embeddings import embedding_key
from faultmaven_adapters.open_llm import budget as llm_budget
from faultmaven_adapters.open_llm import chain as llm_chain
from faultmaven_adapters.settings import MODULES, Profile, Settings, load_settings, read_settings
from faultmaven_adapters.settings_table import markdown
from faultmaven_domain.agent import Price
from faultmaven_domain.kernel.errors import Misconfigured

SEEDS = (
    "PROFILE DATABASE_URL FILE_STORAGE FILE_STORAGE_PATH S3_BUCKET VECTOR_STORE CHROMADB_PATH IDENTITY_PROVIDER "
    "JWT_SECRET LLM_PROVIDER OPENAI_API_KEY OLLAMA_HOST REDIS_URL"
)


def test_the_page_is_what_the_code_says() -> None:
    """docs/CONFIGURATION.md is made from the settings; `nox -s docs` writes it anew."""
    page = Path(__file__).parents[2] / "docs" / "CONFIGURATION.md"

    assert page.read_text(encoding="utf-8") == markdown()


def test_every_variable_of_the_first_design_is_there() -> None:
    """Nobody who knows the replaced system's variables looks for one in vain."""
    assert set(SEEDS.split()) <= {field.name.upper() for field in fields(Settings)}


def test_needs_nothing() -> None:
    """With nothing set it is Core, on this machine only, on the port the clients know."""
    settings = load_settings({})

    assert (settings.profile, settings.host, settings.port) == (Profile.CORE, "127.0.0.1", 8090)


def test_empty_is_unset() -> None:
    """A variable set to nothing, as compose files do, is the default."""
    assert load_settings({"PORT": "", "REDIS_URL": ""}) == load_settings({})


def test_relative_paths_lie_under_the_data_directory(tmp_path: Path) -> None:
    """Paths and SQLite's file move with --data-dir; absolute ones stay."""
    settings = load_settings({"FILE_STORAGE_PATH": "somewhere"}, data_dir=tmp_path)

    assert settings.under(settings.file_storage_path) == tmp_path / "somewhere"
    assert settings.under(Path("/srv/files")) == Path("/srv/files")
    for module in MODULES:
        assert settings.database_of(module) == f"sqlite:///{tmp_path}/faultmaven.db"


def test_a_module_may_have_its_own_database(tmp_path: Path) -> None:
    """<MODULE>_DATABASE_URL wins for that module alone."""
    settings = load_settings({"CASE_DATABASE_URL": "sqlite:////srv/case.db"}, data_dir=tmp_path)

    assert settings.database_of("case") == "sqlite:////srv/case.db"
    assert settings.database_of("auth") == f"sqlite:///{tmp_path}/faultmaven.db"


def test_another_database_is_left_as_it_is() -> None:
    """Only SQLite's path is a path of ours."""
    url = "postgresql://ana@db/faultmaven"

    assert load_settings({"DATABASE_URL": url}).database_of("auth") == url


@pytest.mark.parametrize(
    ("variable", "value", "accepted"),
    [
        ("PROFILE", "small", "one of core, team, enterprise"),
        ("PORT", "http", "a whole number from 0 to 65535"),
        ("PORT", "70000", "a whole number from 0 to 65535"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("RATE_LIMITS", "maybe", "true or false"),
        ("MAX_UPLOAD_BYTES", "-1", "a whole number from 1024 on"),
        ("VECTOR_STORE", "faiss", "one of lancedb, chromadb, pinecone"),
    ],
)
def test_a_bad_value_is_named_with_what_is_accepted(variable: str, value: str, accepted: str) -> None:
    """The message says which variable, what it was and what it may be."""
    with pytest.raises(Misconfigured) as raised:
        load_settings({variable: value})

    assert raised.value.message == f"{variable} is {value!r}; accepted is {accepted}."


def test_every_bad_value_is_named_at_once() -> None:
    """Two mistakes take one start to find."""
    with pytest.raises(Misconfigured, match=r"(?s)PROFILE is 'x'.*PORT is 'y'"):
        load_settings({"PORT": "y", "PROFILE": "x"})


def test_a_short_secret_is_refused_and_not_shown() -> None:
    """A secret that can be guessed stops the start; the message does not tell it."""
    with pytest.raises(Misconfigured) as raised:
        load_settings({"JWT_SECRET": "hunter2"})

    assert "JWT_SECRET" in raised.value.message
    assert "hunter2" not in raised.value.message


def test_secrets_are_not_shown() -> None:
    """Neither the signing secret nor a key is in the settings' repr."""
    settings = load_settings({"JWT_SECRET": "topsecret" * 8, "OPENAI_API_KEY": "sk-topsecret"})

    assert "topsecret" not in repr(settings)


def test_openai_without_a_key_is_refused() -> None:
    """Naming OpenAI without a key stops the start; a compatible server of one's own needs none."""
    with pytest.raises(Misconfigured, match="OPENAI_API_KEY"):
        load_settings({"LLM_PROVIDER": "openai"})
    assert load_settings({"LLM_PROVIDER": "openai", "OPENAI_BASE_URL": "http://localhost:8000/v1"})


def test_lists_are_separated_by_commas() -> None:
    """Origins are a list."""
    assert load_settings({"CORS_ORIGINS": "http://a,http://b"}).cors_origins == ("http://a", "http://b")


def test_a_worker_runs_inside_where_redis_is_private() -> None:
    """With a Redis of one's own, workers are started apart, unless a variable says otherwise."""
    assert load_settings({}).worker_inside()
    assert not load_settings({"REDIS_URL": "redis://cache"}).worker_inside()
    assert load_settings({"REDIS_URL": "redis://cache", "WORKER": "true"}).worker_inside()


@pytest.mark.parametrize(
    ("given", "chain"),
    [
        ({}, ["extractive"]),
        ({"OPENAI_API_KEY": "k"}, ["openai"]),
        ({"ANTHROPIC_API_KEY": "k"}, ["anthropic"]),
        ({"OLLAMA_HOST": "localhost:11434"}, ["ollama"]),
        ({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "LLM_PROVIDER": "anthropic"}, ["anthropic"]),
        ({"LLM_PROVIDER": "ollama", "LLM_FALLBACKS": "ollama, extractive"}, ["ollama", "extractive"]),
        ({"OPENAI_API_KEY": "k", "LLM_FALLBACKS": "ollama,extractive"}, ["openai", "ollama", "extractive"]),
    ],
)
def test_who_answers(given: dict[str, str], chain: list[str]) -> None:
    """One variable says who answers, `auto` takes the first that is configured, and the fallbacks follow, each once."""
    assert [kind.value for kind in llm_chain(load_settings(given))] == chain


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"LLM_PROVIDER": "anthropic"}, "LLM_PROVIDER=anthropic needs ANTHROPIC_API_KEY"),
        ({"LLM_FALLBACKS": "openai"}, "LLM_FALLBACKS=openai needs OPENAI_API_KEY"),
        ({"LLM_FALLBACKS": "auto"}, "auto is none"),
        ({"LLM_FALLBACKS": "claude"}, "LLM_FALLBACKS is 'claude'; accepted is a list of extractive, openai"),
        ({"LLM_CAP_DAY": "-1"}, "LLM_CAP_DAY is '-1'; accepted is a number from 0 on"),
        ({"LLM_CAP_DAY": "nan"}, "LLM_CAP_DAY is 'nan'"),
        ({"LLM_CAP_DAY": "inf"}, "LLM_CAP_DAY is 'inf'"),
    ],
)
def test_a_model_that_cannot_answer_is_named(given: dict[str, str], says: str) -> None:
    """A provider without its key, one there is not, and a cap that is none stop the start."""
    with pytest.raises(Misconfigured, match=re.escape(says)):
        load_settings(given)


def test_prices(tmp_path: Path) -> None:
    """A file's prices win over those that are known, and caps come in millionths of a dollar."""
    (tmp_path / "prices.json").write_text('{"openai/mine": [3, 4.5], "ollama/*": [0.1, 0.1]}')
    budget = llm_budget(load_settings({"LLM_PRICES": "prices.json", "LLM_CAP_CASE": "0.25"}, data_dir=tmp_path))

    assert budget.price_of("openai", "mine") == Price(input=3.0, output=4.5)
    assert budget.price_of("ollama", "llama3.2") == Price(input=0.1, output=0.1)
    assert budget.price_of("openai", "gpt-4o-mini-2024-07-18") == Price(input=0.15, output=0.6)
    assert (budget.per_case, budget.per_day) == (250_000, None)


@pytest.mark.parametrize("text", ["", "[]", '{"a/b": 3}', '{"a/b": [-1, 2]}', '{"a/b": ["x", 2]}', '{"a/b": [1, NaN]}'])
def test_prices_that_are_none_stop_the_start(tmp_path: Path, text: str) -> None:
    """What cannot be read as prices is named with the form it should have."""
    (tmp_path / "prices.json").write_text(text)
    with pytest.raises(Misconfigured, match="LLM_PRICES"):
        llm_budget(load_settings({"LLM_PRICES": "prices.json"}, data_dir=tmp_path))


@pytest.mark.parametrize(
    ("given", "open_"),
    [
        ({}, True),
        ({"HOST": "localhost"}, True),
        ({"HOST": "127.0.0.2"}, True),
        ({"HOST": "::1"}, True),
        ({"HOST": "0.0.0.0"}, False),
        ({"HOST": "192.168.1.7"}, False),
        ({"HOST": "localhost.example.org"}, False),
        ({"PUBLIC_URL": "http://localhost:8090"}, False),
        ({"TRUSTED_PROXIES": "127.0.0.1"}, False),
        ({"DEV_LOGIN": "false"}, False),
        ({"DEV_LOGIN": "true", "HOST": "0.0.0.0"}, True),
        ({"DEV_LOGIN": "true", "PUBLIC_URL": "https://fm.example.org"}, True),
        ({"PROFILE": "team", "JWT_SECRET": "adabdcf9142514428c9d1b35f4986eff"}, False),
        ({"PROFILE": "team", "JWT_SECRET": "adabdcf9142514428c9d1b35f4986eff", "DEV_LOGIN": "false"}, False),
    ],
)
def test_who_gets_in_by_a_name_alone(given: dict[str, str], open_: bool) -> None:
    """By itself only in Core where nobody else can come; elsewhere in Core when it is asked for."""
    assert load_settings(given).passwordless() is open_


def test_redirects_that_are_none_stop_the_start() -> None:
    """The pattern is named."""
    assert load_settings({"OAUTH_REDIRECTS": "https://x.example/cb, com.example.app:/back"})
    with pytest.raises(Misconfigured, match=r"OAUTH_REDIRECTS: 'localhost:\*' is no pattern"):
        load_settings({"OAUTH_REDIRECTS": "https://x.example/cb,localhost:*"})


def test_an_embedding_server_has_its_settings() -> None:
    """A server is asked for EMBEDDING_MODEL, a folder is not; OpenAI needs a key, another server may need none."""
    for given, named in (
        ({"EMBEDDING_PROVIDER": "openai"}, "OPENAI_API_KEY"),
        ({"EMBEDDING_MODEL": "m"}, "EMBEDDING_MODEL_PATH"),
        ({"EMBEDDING_PROVIDER": "ollama", "EMBEDDING_MODEL_PATH": "m"}, "EMBEDDING_MODEL_PATH"),
    ):
        with pytest.raises(Misconfigured, match=named):
            load_settings(given)

    for more in ({"OPENAI_API_KEY": "k"}, {"OPENAI_BASE_URL": "http://here/v1"}, {"EMBEDDING_URL": "http://here/v1"}):
        load_settings({"EMBEDDING_PROVIDER": "openai", **more})


def test_a_key_goes_where_it_belongs() -> None:
    """OpenAI's key is not sent to an embedding server with an address of its own."""
    own = {"EMBEDDING_PROVIDER": "openai", "OPENAI_API_KEY": "k"}
    keys = [
        embedding_key(load_settings(own | more))
        for more in ({}, {"EMBEDDING_URL": "http://here"}, {"EMBEDDING_URL": "http://here", "EMBEDDING_API_KEY": "e"})
    ]

    assert keys == ["k", None, "e"]


def test_pinecone_has_its_settings() -> None:
    """Pinecone needs a key, an address of the web, and a name it takes."""
    for given, named in (
        ({"VECTOR_STORE": "pinecone"}, "PINECONE_API_KEY"),
        ({"PINECONE_INDEX": "Fault_Maven"}, "PINECONE_INDEX"),
        ({"PINECONE_URL": "api.pinecone.io"}, "PINECONE_URL"),
    ):
        with pytest.raises(Misconfigured, match=named):
            load_settings(given)


def test_no_password_is_printed() -> None:
    """Settings that are printed show no key, and no address that may hold a password."""
    addresses = {
        field.name.upper(): "https://ana:topsecret@host.example/x"
        for field in fields(Settings)
        if field.name.endswith(("_url", "_host"))
        and field.name not in {"public_url", "dashboard_url", *(f"{module}_url" for module in MODULES)}
    }
    keys = dict.fromkeys(("JWT_SECRET", "OPENAI_API_KEY", "OIDC_CLIENT_SECRET", "S3_SECRET_ACCESS_KEY"), "topsecret")

    assert "topsecret" not in repr(read_settings(addresses | keys))
