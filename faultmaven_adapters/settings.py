"""Every setting, read once from the environment. ``docs/CONFIGURATION.md`` is made from this class."""

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import typed_settings as ts
from attrs import Attribute, evolve, fields, frozen, validators
from typed_settings.converters import TSConverter
from typed_settings.exceptions import InvalidSettingsError
from typed_settings.types import LoadedSettings, LoaderMeta, OptionList

from faultmaven_domain.auth import checked_redirects
from faultmaven_domain.kernel.errors import InvalidInput, Misconfigured

PLACEHOLDER_SECRET = "change-me-in-production"
SHORTEST_SECRET = 32
#: In seconds: models without a graphics card may take minutes.
LONGEST_DEADLINE = 1_200
MIB = 1024 * 1024
#: S3 takes an upload in so many parts at most.
S3_PARTS = 10_000
_PINECONE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
MODULES = ("auth", "session", "case", "evidence", "knowledge", "agent")


class Profile(StrEnum):
    CORE = "core"
    TEAM = "team"
    ENTERPRISE = "enterprise"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class FileStorage(StrEnum):
    LOCAL = "local"
    S3 = "s3"


class S3Encryption(StrEnum):
    NONE = "none"
    AES256 = "AES256"
    KMS = "aws:kms"


class VectorStore(StrEnum):
    LANCEDB = "lancedb"
    CHROMADB = "chromadb"
    PINECONE = "pinecone"


class Embedding(StrEnum):
    ONNX = "onnx"
    OPENAI = "openai"
    OLLAMA = "ollama"


class Identity(StrEnum):
    JWT = "jwt"
    OIDC = "oidc"
    AUTH0 = "auth0"


class AuthMode(StrEnum):
    LOCAL = "local"
    OAUTH = "oauth"


class LLM(StrEnum):
    AUTO = "auto"
    EXTRACTIVE = "extractive"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"


def _count(default: int, low: int, high: int | None, help: str) -> int:
    bound = validators.ge(low) if high is None else validators.and_(validators.ge(low), validators.le(high))
    accepts = f"a whole number from {low} on" if high is None else f"a whole number from {low} to {high}"
    option: int = ts.option(default=default, help=help, validator=bound, metadata={"accepts": accepts})
    return option


def _dollars(help: str) -> "float | None":
    option: float | None = ts.option(
        default=None,
        help=f"{help} Unset is without a cap.",
        validator=validators.optional(validators.and_(validators.ge(0), validators.le(1_000_000_000))),
        metadata={"accepts": "a number from 0 on"},
    )
    return option


@frozen(kw_only=True)
class Settings:
    """A field's name in capitals is its variable. Relative paths lie under the data directory."""

    profile: Profile = ts.option(default=Profile.CORE, help="Which defaults and which safety rules apply.")
    data_dir: Path = ts.option(default=Path("data"), help="Where everything is kept; `--data-dir` wins over it.")
    host: str = ts.option(default="127.0.0.1", help="The address `serve` listens on.")
    port: int = _count(8090, 0, 65535, "The port `serve` listens on; 0 takes a free one.")
    public_url: str | None = ts.option(
        default=None, help="The address clients reach this server at; by default the one they ask for."
    )
    log_level: LogLevel = ts.option(default=LogLevel.INFO, help="How much is logged to stderr.")

    database_url: str = ts.option(
        default="sqlite:///faultmaven.db",
        help="The database of every module: `sqlite:///path` or `postgresql://user:password@host:5432/database`.",
    )
    auth_database_url: str | None = ts.option(default=None, help="The auth module's own database.")
    case_database_url: str | None = ts.option(default=None, help="The case module's own database.")
    evidence_database_url: str | None = ts.option(default=None, help="The evidence module's own database.")
    knowledge_database_url: str | None = ts.option(default=None, help="The knowledge module's own database.")
    agent_database_url: str | None = ts.option(default=None, help="The agent module's own database.")
    database_pool_size: int = _count(
        10, 1, 1_000, "How many connections of a process read from PostgreSQL; each module's writer has one more."
    )
    database_connect_seconds: int = _count(5, 1, 300, "How long a connection to PostgreSQL may take to come about.")
    database_statement_seconds: int = _count(30, 1, 3_600, "How long a statement may take on PostgreSQL.")

    file_storage: FileStorage = ts.option(default=FileStorage.LOCAL, help="Where files are kept.")
    file_storage_path: Path = ts.option(default=Path("files"), help="The folder of local file storage.")
    s3_bucket: str | None = ts.option(default=None, help="The bucket of S3 file storage.")
    s3_prefix: str = ts.option(default="", help="What every key in the bucket begins with; by default nothing.")
    s3_endpoint_url: str | None = ts.option(
        default=None, help="The address of a store that speaks as S3 does; by default AWS."
    )
    s3_region: str | None = ts.option(
        default=None, help="The bucket's region; by default the one that the machine's settings for AWS name."
    )
    s3_access_key_id: str | None = ts.option(
        default=None, help="The key S3 is asked with; by default the machine's own: AWS's variables, files or role."
    )
    s3_secret_access_key: ts.SecretStr | None = ts.option(default=None, help="The secret of S3_ACCESS_KEY_ID.")
    s3_encryption: S3Encryption = ts.option(
        default=S3Encryption.NONE, help="How S3 is to encrypt what it keeps; `none` is whatever the bucket does itself."
    )
    s3_kms_key_id: str | None = ts.option(
        default=None, help="The key of S3_ENCRYPTION=aws:kms; by default the account's own for S3."
    )
    s3_multipart_size: int = _count(
        8 * MIB, 5 * MIB, 5 * 1024 * MIB, "The parts a large file is sent to S3 in, in bytes; an upload holds one."
    )

    vector_store: VectorStore = ts.option(default=VectorStore.LANCEDB, help="What holds the search index.")
    lancedb_path: str = ts.option(
        default="lancedb",
        help="The folder of LanceDB's tables, or `s3://bucket/prefix`, which takes the address, keys and encryption of "
        "S3_*.",
    )
    chromadb_path: Path = ts.option(
        default=Path("chromadb"), help="The folder of ChromaDB inside this process, which no other may open meanwhile."
    )
    chromadb_url: str | None = ts.option(
        default=None, help="The address of ChromaDB's own server, `chroma run`; by default it runs inside this process."
    )
    chromadb_token: ts.SecretStr | None = ts.option(
        default=None, help="What ChromaDB's server, or the proxy in front of it, is to be asked with."
    )

    pinecone_api_key: ts.SecretStr | None = ts.option(default=None, help="The key for Pinecone.")
    pinecone_url: str = ts.option(
        default="https://api.pinecone.io", help="The address that tells where Pinecone's indexes are served."
    )
    pinecone_index: str = ts.option(
        default="faultmaven",
        help="What the names of the indexes in Pinecone begin with: small letters, digits and hyphens, 32 at most.",
    )
    pinecone_cloud: str = ts.option(default="aws", help="The cloud in which Pinecone's indexes are made.")
    pinecone_region: str = ts.option(default="us-east-1", help="The region in which Pinecone's indexes are made.")

    embedding_provider: Embedding = ts.option(
        default=Embedding.ONNX,
        help="Where texts become vectors: in this process, at OpenAI or a compatible server, or at Ollama.",
    )
    embedding_model: str | None = ts.option(
        default=None,
        help="The model asked of EMBEDDING_PROVIDER, by default text-embedding-3-small of openai and nomic-embed-text "
        "of ollama; `onnx` has EMBEDDING_MODEL_PATH.",
    )
    embedding_url: str | None = ts.option(
        default=None, help="The address of EMBEDDING_PROVIDER; by default OPENAI_BASE_URL or OLLAMA_HOST."
    )
    embedding_api_key: ts.SecretStr | None = ts.option(
        default=None,
        help="The key for EMBEDDING_PROVIDER=openai; by default OPENAI_API_KEY, unless EMBEDDING_URL is set.",
    )
    embedding_characters: int = _count(
        8_000,
        100,
        1_000_000,
        "Where a text is cut for EMBEDDING_PROVIDER; some models refuse what is too long for them.",
    )
    embedding_model_path: Path | None = ts.option(
        default=None, help="A folder with any ONNX embedding model and its tokenizer; by default all-MiniLM-L6-v2."
    )
    models_dir: Path | None = ts.option(
        default=None, help="Where downloaded models are kept; by default the user's cache folder."
    )
    model_download: bool = ts.option(
        default=True, help="Whether the first start may fetch the default embedding model."
    )

    identity_provider: Identity = ts.option(
        default=Identity.JWT, help="Who knows people: this server alone, or an OpenID Connect issuer as well."
    )
    oidc_issuer: str | None = ts.option(
        default=None, help="The issuer's address, as its tokens name it; https, unless it is on this machine."
    )
    oidc_audience: str | None = ts.option(
        default=None, help="What the issuer's access tokens must be for; by default OIDC_CLIENT_ID."
    )
    oidc_client_id: str | None = ts.option(
        default=None, help="This server's client id at the issuer; without one nobody signs in through its page."
    )
    oidc_client_secret: ts.SecretStr | None = ts.option(
        default=None, help="The secret of OIDC_CLIENT_ID, where it has one."
    )
    oidc_authorized_parties: tuple[str, ...] = ts.option(
        default=(), help="Clients whose access tokens are taken, separated by commas; by default any of the issuer's."
    )
    oidc_roles_claim: str = ts.option(
        default="groups", help="The claim that lists a user's groups; dots lead into claims that hold others."
    )
    oidc_admin_groups: tuple[str, ...] = ts.option(
        default=(),
        help="Groups whose members are admins, as nobody else of the issuer's users then is, separated by commas; by "
        "default the issuer says nothing of that.",
    )
    auth0_domain: str | None = ts.option(default=None, help="The tenant of IDENTITY_PROVIDER=auth0, for OIDC_ISSUER.")
    auth0_audience: str | None = ts.option(default=None, help="The API's identifier there, for OIDC_AUDIENCE.")
    jwt_secret: ts.SecretStr | None = ts.option(
        default=None,
        help=f"Signs tokens and file addresses, at least {SHORTEST_SECRET} characters. Core makes one when unset.",
    )
    access_token_minutes: int = _count(30, 1, 1440, "How long an access token is good for.")
    refresh_token_days: int = _count(7, 1, 365, "How long a refresh token is good for.")

    auth_mode: AuthMode = ts.option(
        default=AuthMode.LOCAL,
        help="How clients are told to sign in: by a form of their own, or through a page, with OAuth. Both work in "
        "either mode.",
    )
    dev_login: bool | None = ts.option(
        default=None,
        help="Whether a name alone signs in, without a password; in profile core only. By default it does where HOST "
        "is a loopback address and neither PUBLIC_URL nor TRUSTED_PROXIES is set.",
    )
    dev_login_admins: tuple[str, ...] = ts.option(
        default=("admin",), help="Who of those that sign in by a name alone is an admin, separated by commas."
    )
    oauth_clients: tuple[str, ...] = ts.option(
        default=(), help="Ids of the OAuth clients that may ask for a user's consent; by default any."
    )
    oauth_redirects: tuple[str, ...] = ts.option(
        default=("https://*.chromiumapp.org/*", "http://localhost:*/*", "http://127.0.0.1:*/*"),
        help="Where OAuth's codes may be sent, separated by commas; `*` stands for a part of a host's name, for any "
        "port or for any path.",
    )

    llm_provider: LLM = ts.option(
        default=LLM.AUTO,
        help="Which model answers; `auto` takes the first of openai, anthropic and ollama that is configured, else "
        "`extractive`.",
    )
    llm_fallbacks: tuple[LLM, ...] = ts.option(
        default=(),
        help="Who is tried next, in this order, when one fails, times out or refuses: providers separated by commas.",
        metadata={"accepts": f"a list of {', '.join(one.value for one in LLM if one is not LLM.AUTO)}"},
    )
    llm_model: str | None = ts.option(
        default=None, help="The model of LLM_PROVIDER; by default the one its own variable names."
    )
    llm_model_post_mortem: str | None = ts.option(
        default=None, help="The model of LLM_PROVIDER that writes post-mortems and other reports, where it is another."
    )
    llm_deadline: int = _count(
        90, 1, LONGEST_DEADLINE, "Seconds a turn's models may take, all tries and fallbacks together."
    )
    llm_prompt_tokens: int = _count(
        12_000, 2_000, None, "The most tokens of a prompt; what matters least is left out, and said to be."
    )
    llm_answer_tokens: int = _count(
        2_000, 100, None, "The most tokens of an answer; a post-mortem may have twice that."
    )
    llm_cache_minutes: int = _count(
        60, 0, 10_080, "How long the answer to one and the same prompt is kept; 0 keeps none."
    )
    llm_prices: Path | None = ts.option(
        default=None,
        help="A JSON file of prices by `provider/model` (`*` matches any), each `[input, output]` in US dollars for a "
        "million tokens; it wins over the prices FaultMaven knows.",
    )
    llm_cap_day: float | None = _dollars("The most all turns of a day (UTC) may cost together, in US dollars.")
    llm_cap_user_day: float | None = _dollars("The most one user's turns of a day (UTC) may cost, in US dollars.")
    llm_cap_case: float | None = _dollars("The most one case may cost, in US dollars.")
    openai_api_key: ts.SecretStr | None = ts.option(default=None, help="The key for OpenAI or a compatible server.")
    openai_base_url: str = ts.option(
        default="https://api.openai.com/v1", help="The address of OpenAI or a compatible server."
    )
    openai_model: str | None = ts.option(default=None, help="The model asked of OpenAI or a compatible server.")
    anthropic_api_key: ts.SecretStr | None = ts.option(default=None, help="The key for Anthropic.")
    anthropic_base_url: str = ts.option(default="https://api.anthropic.com", help="The address of Anthropic.")
    anthropic_model: str | None = ts.option(default=None, help="The model asked of Anthropic.")
    ollama_host: str | None = ts.option(
        default=None, help="The address of Ollama, by default `http://localhost:11434`; `auto` asks it only where set."
    )
    ollama_model: str | None = ts.option(default=None, help="The model asked of Ollama.")
    event_heartbeat: int = _count(15, 1, 300, "Seconds between signs of life on a stream of events.")

    redis_url: str | None = ts.option(default=None, help="A Redis to use; by default a private one is started.")
    redis_server: str | None = ts.option(
        default=None, help="The redis-server binary of the private one; by default the one installed with FaultMaven."
    )

    worker: bool | None = ts.option(
        default=None, help="Whether `serve` runs a worker inside; by default where Redis is private."
    )
    worker_jobs: int = _count(4, 1, 100, "How many jobs one worker runs at a time.")

    max_upload_bytes: int = _count(100 * 1024 * 1024, 1024, None, "The largest upload, in bytes.")
    rate_limits: bool | None = ts.option(
        default=None, help="Whether requests are limited; by default in every profile but core."
    )
    requests_per_minute: int = _count(100, 1, None, "Requests a minute of one user, per group of routes.")
    uploads_per_hour: int = _count(10, 1, None, "Uploads an hour of one user.")
    searches_per_minute: int = _count(50, 1, None, "Searches a minute of one user.")
    cors_origins: tuple[str, ...] = ts.option(
        default=(),
        help="Origins of web pages that may call this server, separated by commas; `*` stands for a part of a host, or "
        "for a port. By default none, but in profile core on a loopback address those of localhost at the ports 3000, "
        "3333, 4173 and 5173, and any browser extension.",
    )
    extension_ids: tuple[str, ...] = ts.option(
        default=(), help="Ids of browser extensions that may call this server, separated by commas, and no others."
    )
    dashboard_url: str | None = ts.option(
        default=None, help="Where people sign in and manage documents; by default this server's own pages."
    )
    trusted_proxies: tuple[str, ...] = ts.option(
        default=(), help="Addresses of proxies whose X-Forwarded-For is believed, separated by commas."
    )

    auth_url: str | None = ts.option(default=None, help="Where the auth module runs, if not in this process.")
    session_url: str | None = ts.option(default=None, help="Where the session module runs, if not in this process.")
    case_url: str | None = ts.option(default=None, help="Where the case module runs, if not in this process.")
    evidence_url: str | None = ts.option(default=None, help="Where the evidence module runs, if not in this process.")
    knowledge_url: str | None = ts.option(default=None, help="Where the knowledge module runs, if not in this process.")
    agent_url: str | None = ts.option(default=None, help="Where the agent module runs, if not in this process.")

    def under(self, path: Path) -> Path:
        """A setting's path, under the data directory where it is relative."""
        return path if path.is_absolute() else self.data_dir / path

    def database_of(self, module: str) -> str:
        """A module's database with a relative SQLite path put under the data directory."""
        url: str = getattr(self, f"{module}_database_url", None) or self.database_url
        scheme, separator, path = url.partition(":///")
        if separator and scheme.startswith("sqlite") and path != ":memory:":
            return f"{scheme}:///{self.under(Path(path)).absolute()}"
        return url

    def worker_inside(self) -> bool:
        return self.redis_url is None if self.worker is None else self.worker

    def passwordless(self) -> bool:
        """Whether a name alone signs in. Never outside Core, and by itself only where nobody else can come."""
        if self.profile is not Profile.CORE:
            return False
        if self.dev_login is not None:
            return self.dev_login
        return is_loopback(self.host) and self.public_url is None and not self.trusted_proxies

    def limits_on(self) -> bool:
        return self.profile is not Profile.CORE if self.rate_limits is None else self.rate_limits


#: What each variable accepts, for those where a type's name would not tell.
_ACCEPTS: dict[type, str] = {bool: "true or false", Path: "a path", tuple[str, ...]: "a list, separated by commas"}


def is_loopback(host: str) -> bool:
    """Whether a host's name or address leads nowhere but to this machine (RFC 6761, 6.3; RFC 1122, 3.2.1.3)."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def load_settings(environ: Mapping[str, str] | None = None, *, data_dir: Path | None = None) -> Settings:
    """Read the environment. An empty variable counts as unset.

    Raises: Misconfigured naming each bad variable and what it accepts.
    """
    given = {name: value for name, value in (os.environ if environ is None else environ).items() if value != ""}
    loader = _Environment(given)
    try:
        settings = ts.load_settings(Settings, [loader], converter=TSConverter(resolve_paths=False, strlist_sep=_words))
    except InvalidSettingsError as error:
        raise Misconfigured(_explained(error, given)) from error
    if data_dir is not None:
        settings = evolve(settings, data_dir=data_dir)
    settings = evolve(settings, data_dir=settings.data_dir.expanduser().absolute())
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """What no single variable can tell. Raises: Misconfigured."""
    secret = settings.jwt_secret
    if settings.profile is not Profile.CORE and secret in {None, PLACEHOLDER_SECRET}:
        raise Misconfigured(f"JWT_SECRET must be set to a secret of your own in profile {settings.profile.value}.")
    if secret is not None and secret != PLACEHOLDER_SECRET and len(secret) < SHORTEST_SECRET:
        raise Misconfigured(f"JWT_SECRET has {len(secret)} characters; at least {SHORTEST_SECRET} are needed.")
    if settings.dev_login and settings.profile is not Profile.CORE:
        raise Misconfigured(f"DEV_LOGIN lets anyone in by a name alone; profile {settings.profile.value} has no such.")
    try:
        checked_redirects(settings.oauth_redirects)
    except InvalidInput as error:
        raise Misconfigured(f"OAUTH_REDIRECTS: {error.message}") from error
    _check_s3(settings)
    _check_chromadb(settings)
    _check_pinecone(settings)
    _check_embedding(settings)
    named = {settings.llm_provider: "LLM_PROVIDER", **dict.fromkeys(settings.llm_fallbacks, "LLM_FALLBACKS")}
    if LLM.OPENAI in named and settings.openai_api_key is None and "api.openai.com" in settings.openai_base_url:
        raise Misconfigured(
            f"{named[LLM.OPENAI]}=openai needs OPENAI_API_KEY, or OPENAI_BASE_URL of a server without keys."
        )
    if LLM.ANTHROPIC in named and settings.anthropic_api_key is None:
        raise Misconfigured(f"{named[LLM.ANTHROPIC]}=anthropic needs ANTHROPIC_API_KEY.")
    if LLM.AUTO in settings.llm_fallbacks:
        raise Misconfigured("LLM_FALLBACKS names providers: auto is none.")


def _check_s3(settings: Settings) -> None:
    if (settings.s3_access_key_id is None) != (settings.s3_secret_access_key is None):
        raise Misconfigured("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY go together: set both or neither.")
    if settings.s3_kms_key_id is not None and settings.s3_encryption is not S3Encryption.KMS:
        raise Misconfigured("S3_KMS_KEY_ID is the key of S3_ENCRYPTION=aws:kms, and nothing without it.")
    address = settings.s3_endpoint_url
    if address is not None and not _is_web_address(address):
        raise Misconfigured(f"S3_ENDPOINT_URL is {address!r}; accepted is an address that begins with http.")
    if settings.file_storage is not FileStorage.S3:
        return
    if settings.s3_bucket is None:
        raise Misconfigured("FILE_STORAGE=s3 needs S3_BUCKET.")
    if settings.max_upload_bytes > S3_PARTS * settings.s3_multipart_size:
        least = -(-settings.max_upload_bytes // S3_PARTS)
        raise Misconfigured(f"S3 takes {S3_PARTS:,} parts: S3_MULTIPART_SIZE is {least} at least for MAX_UPLOAD_BYTES.")


def _check_pinecone(settings: Settings) -> None:
    if not _PINECONE_NAME.fullmatch(settings.pinecone_index):
        accepts = "small letters, digits and hyphens, 32 at most"
        raise Misconfigured(f"PINECONE_INDEX is {settings.pinecone_index!r}; accepted are {accepts}.")
    if not _is_web_address(settings.pinecone_url):
        raise Misconfigured(f"PINECONE_URL is {settings.pinecone_url!r}; accepted is an address that begins with http.")
    if settings.vector_store is VectorStore.PINECONE and settings.pinecone_api_key is None:
        raise Misconfigured("VECTOR_STORE=pinecone needs PINECONE_API_KEY.")


def _check_embedding(settings: Settings) -> None:
    provider = settings.embedding_provider
    if provider is Embedding.ONNX:
        if settings.embedding_model is not None:
            raise Misconfigured("EMBEDDING_MODEL is a server's; EMBEDDING_PROVIDER=onnx has EMBEDDING_MODEL_PATH.")
        return
    if settings.embedding_model_path is not None:
        raise Misconfigured("EMBEDDING_MODEL_PATH is for EMBEDDING_PROVIDER=onnx; a server has EMBEDDING_MODEL.")
    if settings.embedding_url is not None or settings.embedding_api_key is not None:
        return
    if (
        provider is Embedding.OPENAI
        and settings.openai_api_key is None
        and "api.openai.com" in settings.openai_base_url
    ):
        raise Misconfigured(
            "EMBEDDING_PROVIDER=openai needs OPENAI_API_KEY, or EMBEDDING_URL of a server without keys."
        )


def _check_chromadb(settings: Settings) -> None:
    address = settings.chromadb_url
    if address is not None and not _is_web_address(address):
        raise Misconfigured(f"CHROMADB_URL is {address!r}; accepted is an address that begins with http.")
    if settings.vector_store is VectorStore.CHROMADB and address is None and not settings.worker_inside():
        raise Misconfigured(
            "ChromaDB's folder is for one process, and workers are apart: start `chroma run` and set CHROMADB_URL, "
            "or set WORKER=true where one process is all there is."
        )


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


class _Environment:
    """typed-settings' loader over a mapping; a field's name in capitals is its variable."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __call__(self, settings_cls: type, options: OptionList) -> LoadedSettings:
        found = {o.path: self._values[o.path.upper()] for o in options if o.path.upper() in self._values}
        return LoadedSettings(dict(found), LoaderMeta("environment"))


def _explained(error: InvalidSettingsError, given: Mapping[str, str]) -> str:
    text = "\n".join(str(part) for part in error.exceptions)
    lines = []
    for attribute in fields(Settings):
        name = attribute.name.upper()
        if name in given and f"'{attribute.name}'" in text:
            secret = "secret" in attribute.name or "key" in attribute.name
            shown = "not valid" if secret else f"{given[name]!r}"
            lines.append(f"{name} is {shown}; accepted is {accepted(attribute)}.")
    return "\n".join(lines) or text


def accepted(attribute: "Attribute[object]") -> str:
    """What a variable takes, in words."""
    kind = attribute.type
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "one of " + ", ".join(member.value for member in kind)
    if "accepts" in attribute.metadata:
        return str(attribute.metadata["accepts"])
    return next((word for known, word in _ACCEPTS.items() if kind in (known, known | None)), "text")
