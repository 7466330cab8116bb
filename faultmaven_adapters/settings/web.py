"""Which settings are addresses of the web."""

from collections.abc import Iterator
from ipaddress import ip_address

from .addresses import is_web_address
from .choices import MODULES, Embedding
from .fields import Settings

_ADDRESSES = (
    "public_url",
    "s3_endpoint_url",
    "chromadb_url",
    "pinecone_url",
    "embedding_url",
    "openai_base_url",
    "anthropic_base_url",
    "ollama_host",
    "dashboard_url",
    *(f"{module}_url" for module in MODULES),
)


def address_problems(settings: Settings) -> Iterator[str]:
    """Why these cannot be started with; none is shown, as there may be a password in it."""
    ollamas = {"ollama_host", *(["embedding_url"] if settings.embedding_provider is Embedding.OLLAMA else [])}
    for name in _ADDRESSES:
        address: str | None = getattr(settings, name)
        if address is None or is_web_address(address) or (name in ollamas and _is_ollamas(address)):
            continue
        also = ", or host:port" if name in ollamas else ""
        yield f"{name.upper()} is no address of the web; accepted is http://host:port or https://host{also}."


def is_host(text: str) -> bool:
    """Whether it is a host's name and perhaps a port, and nothing else."""
    return is_web_address(f"https://{text}") and not set("/?#@") & set(text)


def _is_ollamas(text: str) -> bool:
    """Ollama's own variable may leave out the scheme, and the host before a port; an IPv6 address, its brackets."""
    host = text.strip().partition("/")[0]
    return "://" not in text and (
        is_host(f"localhost{host}" if host.startswith(":") and host[1:].isdecimal() else host) or _is_ip(host)
    )


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
