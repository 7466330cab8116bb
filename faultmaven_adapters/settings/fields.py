"""Every setting. ``docs/CONFIGURATION.md`` is made from this class."""

from pathlib import Path

import typed_settings as ts
from attrs import frozen

from ..redis.address import FORMS, Verification
from .addresses import is_loopback
from .choices import (
    LLM,
    AuthMode,
    Embedding,
    FileStorage,
    Identity,
    LogLevel,
    Profile,
    Queue,
    S3Encryption,
    VectorStore,
)
from .options import count, dollars

SHORTEST_SECRET = 32
#: In seconds: models without a graphics card may take minutes.
LONGEST_DEADLINE = 1_200
MIB = 1024 * 1024


@frozen(kw_only=True)
class Settings:
    """A field's name in capitals is its variable. Relative paths lie under the data directory."""

    profile: Profile = ts.option(default=Profile.CORE, help="Which defaults and which safety rules apply.")
    data_dir: Path = ts.option(default=Path("data"), help="Where everything is kept; `--data-dir` wins over it.")
    host: str = ts.option(default="127.0.0.1", help="The address `serve` listens on.")
    port: int = count(8090, 0, 65535, "The port `serve` listens on; 0 takes a free one.")
    public_url: str | None = ts.option(
        default=None, help="The address clients reach this server at; by default the one they ask for."
    )
    log_level: LogLevel = ts.option(default=LogLevel.INFO, help="How much is logged to stderr.")

    database_url: str = ts.option(
        repr=False,
        default="sqlite:///faultmaven.db",
        help="The database of every module: `sqlite:///path` or `postgresql://user:password@host:5432/database`.",
    )
    auth_database_url: str | None = ts.option(repr=False, default=None, help="The auth module's own database.")
    case_database_url: str | None = ts.option(repr=False, default=None, help="The case module's own database.")
    evidence_database_url: str | None = ts.option(repr=False, default=None, help="The evidence module's own database.")
    knowledge_database_url: str | None = ts.option(
        repr=False, default=None, help="The knowledge module's own database."
    )
    agent_database_url: str | None = ts.option(repr=False, default=None, help="The agent module's own database.")
    database_pool_size: int = count(
        10, 1, 1_000, "How many connections of a process read from PostgreSQL; each module's writer has one more."
    )
    database_connect_seconds: int = count(5, 1, 300, "How long a connection to PostgreSQL may take to come about.")
    database_statement_seconds: int = count(30, 1, 3_600, "How long a statement may take on PostgreSQL.")

    file_storage: FileStorage = ts.option(default=FileStorage.LOCAL, help="Where files are kept.")
    file_storage_path: Path = ts.option(default=Path("files"), help="The folder of local file storage.")
    s3_bucket: str | None = ts.option(default=None, help="The bucket of S3 file storage.")
    s3_prefix: str = ts.option(default="", help="What every key in the bucket begins with; by default nothing.")
    s3_endpoint_url: str | None = ts.option(
        repr=False, default=None, help="The address of a store that speaks as S3 does; by default AWS."
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
    s3_multipart_size: int = count(
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
        repr=False,
        default=None,
        help="The address of ChromaDB's own server, `chroma run`; by default it runs inside this process.",
    )
    chromadb_token: ts.SecretStr | None = ts.option(
        default=None, help="What ChromaDB's server, or the proxy in front of it, is to be asked with."
    )

    pinecone_api_key: ts.SecretStr | None = ts.option(default=None, help="The key for Pinecone.")
    pinecone_url: str = ts.option(
        repr=False,
        default="https://api.pinecone.io",
        help="The address that tells where Pinecone's indexes are served.",
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
        repr=False, default=None, help="The address of EMBEDDING_PROVIDER; by default OPENAI_BASE_URL or OLLAMA_HOST."
    )
    embedding_api_key: ts.SecretStr | None = ts.option(
        default=None,
        help="The key for EMBEDDING_PROVIDER=openai; by default OPENAI_API_KEY, unless EMBEDDING_URL is set.",
    )
    embedding_characters: int = count(
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
    access_token_minutes: int = count(30, 1, 1440, "How long an access token is good for.")
    refresh_token_days: int = count(7, 1, 365, "How long a refresh token is good for.")

    auth_mode: AuthMode = ts.option(
        default=AuthMode.LOCAL,
        help="How clients are told to sign in: by a form of their own, or through a page, with OAuth. Both work in "
        "either mode.",
    )
    registration: bool = ts.option(
        default=True,
        help="Whether whoever reaches the server may open an account; else `faultmaven users create` alone makes them. "
        "Never where an issuer knows people.",
    )
    dev_login: bool | None = ts.option(
        default=None,
        help="Whether a name alone signs in, without a password; in profile core only. By default it does where HOST "
        "is a loopback address, neither PUBLIC_URL nor TRUSTED_PROXIES is set, and no issuer knows people.",
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
    llm_deadline: int = count(
        90, 1, LONGEST_DEADLINE, "Seconds a turn's models may take, all tries and fallbacks together."
    )
    llm_prompt_tokens: int = count(
        12_000, 2_000, None, "The most tokens of a prompt; what matters least is left out, and said to be."
    )
    llm_answer_tokens: int = count(2_000, 100, None, "The most tokens of an answer; a post-mortem may have twice that.")
    llm_cache_minutes: int = count(
        60, 0, 10_080, "How long the answer to one and the same prompt is kept; 0 keeps none."
    )
    llm_prices: Path | None = ts.option(
        default=None,
        help="A JSON file of prices by `provider/model` (`*` matches any), each `[input, output]` in US dollars for a "
        "million tokens; it wins over the prices FaultMaven knows.",
    )
    llm_cap_day: float | None = dollars("The most all turns of a day (UTC) may cost together, in US dollars.")
    llm_cap_user_day: float | None = dollars("The most one user's turns of a day (UTC) may cost, in US dollars.")
    llm_cap_case: float | None = dollars("The most one case may cost, in US dollars.")
    openai_api_key: ts.SecretStr | None = ts.option(default=None, help="The key for OpenAI or a compatible server.")
    openai_base_url: str = ts.option(
        repr=False, default="https://api.openai.com/v1", help="The address of OpenAI or a compatible server."
    )
    openai_model: str | None = ts.option(default=None, help="The model asked of OpenAI or a compatible server.")
    anthropic_api_key: ts.SecretStr | None = ts.option(default=None, help="The key for Anthropic.")
    anthropic_base_url: str = ts.option(
        repr=False, default="https://api.anthropic.com", help="The address of Anthropic."
    )
    anthropic_model: str | None = ts.option(default=None, help="The model asked of Anthropic.")
    ollama_host: str | None = ts.option(
        repr=False,
        default=None,
        help="The address of Ollama, by default `http://localhost:11434`; `auto` asks it only where set.",
    )
    ollama_model: str | None = ts.option(default=None, help="The model asked of Ollama.")
    event_heartbeat: int = count(15, 1, 300, "Seconds between signs of life on a stream of events.")

    redis_url: str | None = ts.option(
        default=None,
        help="A Redis to use, by default a private one that is started: one server, Sentinels or a cluster.",
        repr=False,
        metadata={"accepts": FORMS},
    )
    queue_redis_url: str | None = ts.option(
        default=None,
        help="The one primary, or the Sentinels, where the queue of jobs is; by default REDIS_URL, unless that is a "
        "cluster.",
        repr=False,
    )
    redis_sentinel_user: str | None = ts.option(default=None, help="Who the Sentinels are asked as.")
    redis_sentinel_password: ts.SecretStr | None = ts.option(
        default=None, help="The Sentinels' own password; that in REDIS_URL is for the servers they watch."
    )
    redis_tls_ca: Path | None = ts.option(
        default=None, help="Whose certificates `rediss` trusts, a PEM file; by default whom this machine trusts."
    )
    redis_tls_cert: Path | None = ts.option(default=None, help="This client's own certificate for Redis, a PEM file.")
    redis_tls_key: Path | None = ts.option(default=None, help="The key of REDIS_TLS_CERT, without a pass phrase.")
    redis_tls_verify: Verification = ts.option(
        default=Verification.FULL,
        help="What Redis's certificate must be: from REDIS_TLS_CA and of the host's name, `ca` without the name, or "
        "`none`, which each start warns of.",
    )
    redis_server: str | None = ts.option(
        default=None, help="The redis-server binary of the private one; by default the one installed with FaultMaven."
    )

    worker: bool | None = ts.option(
        default=None, help="Whether `serve` runs a worker inside; by default where Redis is private."
    )
    worker_jobs: int = count(4, 1, 100, "How many jobs one worker runs at a time.")
    worker_queues: tuple[Queue, ...] = ts.option(
        default=tuple(Queue),
        help="Which queues a worker serves, separated by commas; `worker --queues` wins over it.",
        metadata={"accepts": f"a list of {', '.join(Queue)}"},
    )
    queue_limit_turns: int = count(
        1_000, 1, None, "How many questions may wait for an answer; more are refused with 503."
    )
    queue_limit_evidence: int = count(10_000, 1, None, "How many uploads to cases may wait to be read.")
    queue_limit_ingestion: int = count(10_000, 1, None, "How many documents may wait to be indexed.")

    max_requests: int = count(
        500, 1, 100_000, "How many requests of one process are in work at once; more are refused with 503."
    )
    max_streams: int = count(
        1_000, 1, 100_000, "How many streams, sockets and followed turns are open in one process at once."
    )
    max_connections: int = count(
        2_000, 10, 1_000_000, "How many connections one process holds; the longest silent ones make room for new ones."
    )
    max_bytes_in_work: int = count(
        256 * MIB,
        MIB,
        None,
        "How many bytes of request bodies one process holds at once, a text's four times; more are refused with 503.",
    )

    max_upload_bytes: int = count(100 * 1024 * 1024, 1024, None, "The largest upload, in bytes.")
    rate_limits: bool = ts.option(default=False, help="Whether requests are limited.")
    requests_per_minute: int = count(100, 1, None, "Requests a minute of one user, per group of routes.")
    uploads_per_hour: int = count(10, 1, None, "Uploads an hour of one user.")
    searches_per_minute: int = count(50, 1, None, "Searches a minute of one user.")
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

    def name_of_database(self, module: str) -> str:
        """``database``, or ``database case`` where that module has one of its own: how it is told of."""
        own = getattr(self, f"{module}_database_url", None)
        return "database" if own in {None, self.database_url} else f"database {module}"

    def lancedb_folder(self) -> Path | None:
        """None where the tables lie in a bucket."""
        return None if self.lancedb_path.startswith("s3://") else self.under(Path(self.lancedb_path))

    def issuer(self) -> str | None:
        """The address of the OpenID Connect issuer, as its tokens name it."""
        domain = self.auth0_domain
        if self.identity_provider is Identity.AUTH0 and self.oidc_issuer is None and domain is not None:
            return f"https://{domain.removeprefix('https://').strip('/')}/"
        return self.oidc_issuer

    def audience(self) -> str | None:
        """What the issuer's access tokens must be for."""
        named = self.oidc_audience or self.oidc_client_id
        return self.auth0_audience or named if self.identity_provider is Identity.AUTH0 else named

    def worker_inside(self) -> bool:
        return self.redis_url is None if self.worker is None else self.worker

    def passwordless(self) -> bool:
        """Whether a name alone signs in. Never outside Core, and by itself only where nobody else can come."""
        if self.profile is not Profile.CORE:
            return False
        if self.dev_login is not None:
            return self.dev_login
        alone = is_loopback(self.host) and self.public_url is None and not self.trusted_proxies
        return alone and self.identity_provider is Identity.JWT
