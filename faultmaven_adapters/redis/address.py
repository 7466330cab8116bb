"""Where Redis is: the forms of ``REDIS_URL`` and ``QUEUE_REDIS_URL``, read without asking anybody.

One server is written as IANA's registry of URI schemes has it, ``redis://user:password@host:port/database`` (``rediss``
over TLS); a socket as ``unix:///path``; Sentinels and a cluster as the Python libraries ``limits`` and
``redis-sentinel-url`` have them, ``redis+sentinel://host,host/name-of-the-primary/database`` and
``redis+cluster://host,host``. The user and password are always those of the servers that keep the data.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Never, Protocol
from urllib.parse import quote, unquote

from attrs import field, frozen

from faultmaven_domain.kernel.errors import Misconfigured

Host = tuple[str, int]

FORMS = (
    "redis://user:password@host:port/database, unix:///path, redis+sentinel://host,host/name-of-the-primary "
    "or redis+cluster://host,host; rediss in place of redis is over TLS"
)
_PORTS = {"": 6379, "+sentinel": 26379, "+cluster": 6379}
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.%]+\]|[^\s/@:,\[\]%]+)(?::(?P<port>[0-9]{1,5}))?")
_DATABASE = re.compile(r"[0-9]{1,6}")


class Form(StrEnum):
    SERVER = "server"
    SOCKET = "socket"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


class Verification(StrEnum):
    """What is asked of a server's certificate: a known issuer and the server's name, the issuer alone, or nothing."""

    FULL = "full"
    CA = "ca"
    NONE = "none"


@frozen(kw_only=True)
class Tls:
    """``ca`` None trusts whom the machine trusts; ``certificate`` and ``key`` are this client's own."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verification: Verification = Verification.FULL


@frozen(kw_only=True)
class Login:
    """Without a user it is Redis's default one. Nothing prints the password."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{quote(self.user or '', safe='')}:***@" if self.password is not None else ""


@frozen(kw_only=True)
class Address:
    """``str`` of it is for logs. ``primary`` is the name that Sentinels know; ``tls`` None is plain text."""

    form: Form
    hosts: tuple[Host, ...] = ()
    socket: Path | None = None
    login: Login = Login()
    database: int = 0
    primary: str | None = None
    sentinel_login: Login = Login()
    tls: Tls | None = None
    variable: str = "REDIS_URL"

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix://{self.login}{quote(str(self.socket))}" + (f"?db={self.database}" if self.database else "")
        scheme = "redis" if self.tls is None else "rediss"
        hosts = ",".join(f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name, port in self.hosts)
        match self.form:
            case Form.SENTINEL:
                return f"{scheme}+sentinel://{self.login}{hosts}/{quote(self.primary or '', safe='')}/{self.database}"
            case Form.CLUSTER:
                return f"{scheme}+cluster://{self.login}{hosts}"
            case _:
                return f"{scheme}://{self.login}{hosts}/{self.database}"


def address_of(
    url: str, *, variable: str = "REDIS_URL", tls: Tls | None = None, sentinel_login: Login | None = None
) -> Address:
    """Raises: Misconfigured with the variable's name and what is wrong, never with any of the text."""

    def refuse(what: str) -> Never:
        raise Misconfigured(f"{variable}: {what}. Accepted is {FORMS}.", field=variable)

    def plain(text: str) -> str:
        try:
            return unquote(text, errors="strict")
        except UnicodeDecodeError:
            refuse("what follows a % is no UTF-8")

    scheme, there, rest = url.partition("://")
    base, plus, kind = scheme.partition("+")
    if not there or scheme not in {"unix", *(f"{b}{k}" for b in ("redis", "rediss") for k in _PORTS)}:
        refuse("it does not begin as an address of Redis does")
    if "#" in rest:
        refuse("it has a #, which is written %23 in a password")
    rest, asked, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    said, _, hosts = authority.rpartition("@")
    login = _login(said, plain, refuse)
    database = _database(query, refuse) if asked else None
    if scheme == "unix":
        if hosts or not path or "\0" in plain(path):
            refuse("a socket has no host and a whole path, so three slashes before it")
        socket = Path(slash + plain(path))
        return Address(form=Form.SOCKET, socket=socket, login=login, database=database or 0, variable=variable)
    named = _hosts(hosts, _PORTS[plus + kind], refuse)
    primary = None
    if kind == "sentinel":
        name, _, path = path.partition("/")
        primary = plain(name) or refuse("after the Sentinels comes the name they know the primary by")
    if path and database is not None:
        refuse("it names the database twice")
    if path:
        database = _database(f"db={path}", refuse)
    if kind == "cluster" and database:
        refuse("a cluster has no databases")
    if not kind and len(named) > 1:
        refuse("one server is one host; several are redis+sentinel:// or redis+cluster://")
    return Address(
        form={"": Form.SERVER, "sentinel": Form.SENTINEL, "cluster": Form.CLUSTER}[kind],
        hosts=named,
        login=login,
        database=database or 0,
        primary=primary,
        sentinel_login=sentinel_login or Login(),
        tls=(tls or Tls()) if base == "rediss" else None,
        variable=variable,
    )


def _login(said: str, plain: "Plain", refuse: "Refuse") -> Login:
    user, _, password = said.partition(":")
    if user and not password:
        refuse("it has a user without a password; a password alone is written :password@")
    if "@" in said:
        refuse("a @ in a password is written %40, and one user and password are for all hosts")
    return Login(user=plain(user) or None, password=plain(password) or None)


def _hosts(text: str, port: int, refuse: "Refuse") -> tuple[Host, ...]:
    found = [_HOST.fullmatch(host) for host in text.split(",")]
    hosts = [(match["name"].strip("[]"), int(match["port"] or port)) for match in found if match]
    if len(hosts) < len(found) or not all(0 < port < 65536 for _, port in hosts):
        refuse("a host or its port cannot be read; in a password / is written %2F and ? is written %3F")
    return tuple(hosts)


def _database(query: str, refuse: "Refuse") -> int:
    name, _, number = query.partition("=")
    if name != "db":
        refuse("after the ? comes db=NUMBER and nothing else; TLS is set by REDIS_TLS_*")
    if not _DATABASE.fullmatch(number):
        refuse("the database is no number")
    return int(number)


class Plain(Protocol):
    def __call__(self, text: str) -> str: ...


class Refuse(Protocol):
    def __call__(self, what: str) -> Never: ...
