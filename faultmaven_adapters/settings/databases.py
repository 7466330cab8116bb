"""The modules' databases: which variable names each, and what its URL may be."""

import re
from collections.abc import Collection, Iterator
from urllib.parse import parse_qs, urlsplit

from .choices import Profile
from .fields import Settings

#: Modules with tables.
WITH_TABLES = ("auth", "case", "evidence", "knowledge", "agent")
ACCEPTED = (
    "sqlite:///file, or postgresql://user:password@host:5432/database, which may begin with postgres or "
    "postgresql+asyncpg as well"
)
_POSTGRES = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:(?P<port>[0-9]{1,5}))?")


def databases(settings: Settings) -> list[tuple[str, str]]:
    """Each variable that names a database of a module, and what it names."""
    found = {}
    for module in WITH_TABLES:
        own = getattr(settings, f"{module}_database_url")
        found[f"{module.upper()}_DATABASE_URL" if own else "DATABASE_URL"] = own or settings.database_url
    return list(found.items())


def databases_of(settings: Settings, modules: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each database of ``modules`` by a variable that names it, and its URL by those of them that are in it."""
    urls = {module: settings.database_of(module) for module in WITH_TABLES if module in modules}
    for url in dict.fromkeys(urls.values()):
        its = {module: url for module, its in urls.items() if its == url}
        own = settings.name_of_database(next(iter(its))).partition(" ")[2].upper()
        yield f"{own}_DATABASE_URL" if own else "DATABASE_URL", its


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def is_memory(url: str) -> bool:
    place = url.partition("://")[2].strip("/").partition("?")[0]
    return place in {"", ":memory:"} or "mode=memory" in url


def database_problems(settings: Settings) -> Iterator[str]:
    """Why these cannot be started with; nothing of a URL is shown, as a password may be anywhere in a wrong one."""
    for variable, url in databases(settings):
        if settings.profile is not Profile.CORE and is_sqlite(url) and is_memory(url):
            continue  # told as unsafe
        why = _wrong(url)
        if why is not None:
            yield f"{variable} {why}. Accepted is {ACCEPTED}."


def _wrong(url: str) -> str | None:
    scheme, separator, rest = url.partition("://")
    if separator and scheme.partition("+")[0] == "sqlite":
        return None if rest.startswith("/") and rest not in {"/", "/:memory:"} else "names no file"
    if not separator or scheme not in _POSTGRES:
        return "names no database that this server can use"
    try:
        parts = urlsplit(f"postgresql://{rest}")
        asked = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        return "cannot be read"
    login, _, hosts = parts.netloc.rpartition("@")
    if "@" in login + parts.path or "#" in rest or not all(map(_is_host, hosts.split(","))):
        return "cannot be read: in a user or password, @ is written %40, / %2F, # %23 and ? %3F"
    if not parts.path.strip("/") and not {"database", "dbname", "service"} & set(asked):
        return "names no database on its server"
    return None


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and int(match["port"] or 0) < 2**16
