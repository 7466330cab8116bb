"""What is unsafe where others rely on a server: outside Core each of these stops the start."""

from collections.abc import Callable, Iterator

from .addresses import is_here, is_loopback, is_private
from .choices import FileStorage, Identity, Profile, VectorStore
from .databases import databases, is_memory, is_sqlite
from .fields import SHORTEST_SECRET, Settings
from .placeholders import is_placeholder
from .redis import redis_cautions


def unsafe(settings: Settings) -> list[str]:
    """The reasons why these settings may not be started with; none in Core."""
    if settings.profile is Profile.CORE:
        return []
    return [reason for rule in RULES if (reason := rule(settings)) is not None]


def _known_secret(settings: Settings) -> str | None:
    """`JWT_SECRET` is not set, or holds a placeholder such as `change-me-in-production`, or few characters repeated."""
    secret = settings.jwt_secret
    if secret is not None and not is_placeholder(secret):
        return None
    return (
        f"JWT_SECRET must be set to a secret of your own in profile {settings.profile.value}, the same for every "
        f"process: {SHORTEST_SECRET} characters at least, such as `openssl rand -hex 32` prints."
    )


def _name_alone(settings: Settings) -> str | None:
    """`DEV_LOGIN=true`: whoever reaches the server is anybody, without a password."""
    if not settings.dev_login:
        return None
    return f"DEV_LOGIN lets anyone in by a name alone; profile {settings.profile.value} has no such."


def _in_memory(settings: Settings) -> str | None:
    """A database in memory, which no other process sees and which ends with this one."""
    named = [name for name, url in databases(settings) if is_sqlite(url) and is_memory(url)]
    return f"{_listed(named)} names a database in memory, which is lost with the process." if named else None


def _sqlite(settings: Settings) -> str | None:
    """SQLite where processes may be on several machines: in `enterprise`, and where Redis is not on this one."""
    named = [name for name, url in databases(settings) if is_sqlite(url) and not is_memory(url)]
    if not named or not _spread(settings):
        return None
    why = (
        "profile enterprise is for several"
        if settings.profile is Profile.ENTERPRISE
        else "Redis is not on this one, so others may take part"
    )
    return (
        f"{_listed(named)} must be a PostgreSQL database's, postgresql://user:password@host:5432/database: SQLite is "
        f"a file of one machine, and {why}."
    )


def _private_redis(settings: Settings) -> str | None:
    """No `REDIS_URL` in `enterprise`: a private Redis is one machine's, and jobs, sessions and limits are all's."""
    if settings.profile is not Profile.ENTERPRISE or settings.redis_url is not None:
        return None
    return "REDIS_URL must name the Redis that all processes share in profile enterprise: redis://host:6379."


def _chroma_inside(settings: Settings) -> str | None:
    """ChromaDB without `CHROMADB_URL` in `enterprise`: its folder is for one process."""
    inside = settings.vector_store is VectorStore.CHROMADB and settings.chromadb_url is None
    if not inside or settings.profile is not Profile.ENTERPRISE:
        return None
    return "CHROMADB_URL must name ChromaDB's own server in profile enterprise: inside a process it is for that alone."


def _in_the_clear(settings: Settings) -> str | None:
    """A `PUBLIC_URL` of plain http that leads beyond this machine: passwords and tokens would be read on the way."""
    if settings.public_url is None or is_private(settings.public_url):
        return None
    return (
        f"PUBLIC_URL is {settings.public_url!r}: without https, passwords and tokens can be read on the way in profile "
        f"{settings.profile.value}."
    )


#: Each says what is wrong, or None. Their docstrings are a list in ``docs/CONFIGURATION.md``.
RULES: tuple[Callable[[Settings], str | None], ...] = (
    _known_secret,
    _name_alone,
    _in_memory,
    _sqlite,
    _private_redis,
    _chroma_inside,
    _in_the_clear,
)


def cautions(settings: Settings) -> Iterator[str]:
    """What may be as it should be, and cannot be told from here: for the log of a start, and for the doctor."""
    yield from redis_cautions(settings)
    if settings.profile is Profile.CORE:
        return
    if _spread(settings):
        for variable, path in _folders(settings):
            yield f"{variable} is {path}: every process must see this very folder, so one on another machine mounts it."
    if not is_loopback(settings.host) and settings.public_url is None and not settings.trusted_proxies:
        yield (
            f"HOST is {settings.host}, and neither PUBLIC_URL nor TRUSTED_PROXIES tells of a proxy with TLS before it: "
            "without one, passwords can be read on the way."
        )
    reached = not is_loopback(settings.host) or settings.public_url is not None or bool(settings.trusted_proxies)
    if reached and settings.registration and settings.identity_provider is Identity.JWT:
        yield (
            "REGISTRATION is on: whoever reaches this server opens an account, searches the shared knowledge and asks "
            "the models, and whoever comes first is an admin, unless `faultmaven users create NAME --admin` was run "
            "before. Set REGISTRATION=false where not everybody may, and give accounts with `faultmaven users create`."
        )
    if any(proxy.strip().endswith("/0") for proxy in settings.trusted_proxies):
        yield "TRUSTED_PROXIES trusts everybody: whoever asks may name any address, and limits by address hold nobody."
    for variable, url in (("REDIS_URL", settings.redis_url), ("QUEUE_REDIS_URL", settings.queue_redis_url)):
        if url is not None and not is_here(url) and "@" not in url:
            yield f"{variable} has no password: whoever reaches that Redis reads what is kept there, and sets jobs."
    open_ways = [variable for variable, url in _ways(settings) if not _is_encrypted(url)]
    if open_ways:
        yield (
            f"{_listed(open_ways)}: without TLS that is verified (sslmode=verify-full, rediss, https), passwords, keys "
            "and what is kept can be read on the way, unless that network is yours alone."
        )


def _ways(settings: Settings) -> Iterator[tuple[str, str]]:
    """Each variable that leads to another machine, and where."""
    named = [(variable, url) for variable, url in databases(settings) if not is_sqlite(url)]
    others = ("redis_url", "queue_redis_url", "s3_endpoint_url", "chromadb_url", "pinecone_url", "embedding_url")
    named += [(name.upper(), url) for name in others if (url := getattr(settings, name)) is not None]
    yield from ((variable, url) for variable, url in named if not is_here(url))


def _is_encrypted(url: str) -> bool:
    """And the other side is who it says it is."""
    return url.startswith(("https:", "rediss")) or "sslmode=verify-" in url.partition("?")[2]


def _folders(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.file_storage is FileStorage.LOCAL:
        yield "FILE_STORAGE_PATH", str(settings.under(settings.file_storage_path))
    if settings.vector_store is VectorStore.LANCEDB and settings.lancedb_folder() is not None:
        yield "LANCEDB_PATH", str(settings.lancedb_folder())


def _spread(settings: Settings) -> bool:
    """Whether processes may be on several machines, as far as settings can tell."""
    if settings.profile is Profile.ENTERPRISE:
        return True
    return any(url is not None and not is_here(url) for url in (settings.redis_url, settings.queue_redis_url))


def _listed(names: list[str]) -> str:
    return " and ".join(names)
