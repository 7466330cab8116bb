from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_adapters.redis.address import Address, Form, Host, Login, Tls, Verification, address_of
from faultmaven_adapters.redis.connection import connect, connect_any
from faultmaven_adapters.settings import load_settings, redis_addresses
from faultmaven_domain.kernel.errors import Misconfigured

PASSWORD = "hunter2"
names = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}|2001:db8::[0-9a-f]{1,4}", fullmatch=True)
ports = st.integers(1, 65_535)
hosts = st.lists(st.tuples(names, ports), min_size=1, max_size=4)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
logins = st.one_of(st.just(Login()), st.builds(Login, user=words, password=words), st.builds(Login, password=words))
databases = st.integers(0, 999)


def written(host: Host) -> str:
    return f"[{host[0]}]:{host[1]}" if ":" in host[0] else f"{host[0]}:{host[1]}"


def said(login: Login) -> str:
    return "" if login.password is None else f"{quote(login.user or '', safe='')}:{quote(login.password, safe='')}@"


@given(st.sampled_from(["", "+sentinel", "+cluster"]), st.booleans(), logins, hosts, words, databases)
def test_what_is_written_is_read(
    kind: str, secret: bool, login: Login, hosts: list[Host], name: str, database: int
) -> None:
    """Whatever hosts, user, password and name an address is made of are what is read from it."""
    hosts = hosts if kind else hosts[:1]
    path = {"": f"/{database}", "+sentinel": f"/{quote(name, safe='')}/{database}", "+cluster": ""}[kind]
    found = address_of(f"redis{'s' * secret}{kind}://{said(login)}{','.join(map(written, hosts))}{path}")

    assert found == Address(
        form={"": Form.SERVER, "+sentinel": Form.SENTINEL, "+cluster": Form.CLUSTER}[kind],
        hosts=tuple(hosts),
        login=login,
        database=0 if kind == "+cluster" else database,
        primary=name if kind == "+sentinel" else None,
        tls=Tls() if secret else None,
    )
    assert address_of(str(found).replace(":***@", f":{quote(login.password or '', safe='')}@")) == found


@given(words.filter(lambda word: "\0" not in word), logins, databases)
def test_a_sockets_path_is_read(path: str, login: Login, database: int) -> None:
    """A socket's path may hold any sign, and have a user, a password and a database."""
    found = address_of(f"unix://{said(login)}/{quote(path)}?db={database}")

    assert found == Address(form=Form.SOCKET, socket=Path(f"/{path}"), login=login, database=database)


@given(
    st.sampled_from(["redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "http", ""]),
    st.text(":/@,?#%[]a0.\u2603 ", max_size=8),
    st.text(":/@,?#%[]a0.\u2603 ", max_size=8),
)
def test_a_bad_address_is_refused_without_its_password(scheme: str, before: str, after: str) -> None:
    """Whatever is wrong with it, the variable is named and nothing of what was written is repeated."""
    refused, found = None, None
    try:
        found = address_of(f"{scheme}://{before}{PASSWORD}{after}", variable="QUEUE_REDIS_URL")
    except Misconfigured as error:
        refused = error

    if refused is not None:
        assert refused.message.startswith("QUEUE_REDIS_URL: ")
        assert PASSWORD not in refused.message
        assert refused.details == {"field": "QUEUE_REDIS_URL"}
    elif found is not None and PASSWORD in (found.login.password or ""):
        assert PASSWORD not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("", "does not begin"),
        ("redis", "does not begin"),
        ("localhost:6379", "does not begin"),
        ("http://localhost", "does not begin"),
        ("unix+cluster:///s", "does not begin"),
        ("redis://host:port", "a host or its port"),
        ("redis://host:65536", "a host or its port"),
        ("redis://", "a host or its port"),
        ("redis+cluster://a,,b", "a host or its port"),
        ("redis://:pass/word@host", "a host or its port"),
        ("redis://:pass#word@host", "%23"),
        ("redis://:p@ss@host", "%40"),
        ("redis://hunter2@host", "a password alone is written"),
        ("redis://:%ff@host", "no UTF-8"),
        ("redis://a,b", "several are redis"),
        ("redis://host/name", "no number"),
        ("redis://host/1?db=1", "twice"),
        ("rediss://host?ssl_cert_reqs=none", "REDIS_TLS_"),
        ("redis+sentinel://a,b", "the name they know"),
        ("redis+cluster://a/1", "no databases"),
        ("unix://host/path", "three slashes"),
        ("unix://", "three slashes"),
    ],
)
def test_what_is_wrong_is_told(url: str, what: str) -> None:
    """A REDIS_URL that cannot be read stops the start with its name, what is wrong and what is accepted."""
    with pytest.raises(Misconfigured, match=what) as caught:
        connect_any(url)

    assert caught.value.message.startswith("REDIS_URL: ")
    assert "redis://user:password@host:port/database" in caught.value.message


def test_addresses_are_shown_without_passwords() -> None:
    """An address in a log tells where, and as whom, and never the password."""
    shown = [
        str(address_of(url))
        for url in (
            "redis://host",
            f"rediss://ana:{PASSWORD}@[::1]:7/2",
            f"redis+sentinel://:{PASSWORD}@a,b:7/main",
            "redis+cluster://a,b:7",
            f"unix://ana:{PASSWORD}@/run/redis.sock?db=3",
        )
    ]

    assert shown == [
        "redis://host:6379/0",
        "rediss://ana:***@[::1]:7/2",
        "redis+sentinel://:***@a:26379,b:7/main/0",
        "redis+cluster://a:6379,b:7",
        "unix://ana:***@/run/redis.sock?db=3",
    ]


def test_settings_give_both_addresses(tmp_path: Path) -> None:
    """The queue is where the rest is, unless it is told another place; TLS and the Sentinels' password are both's."""
    environ = {"REDIS_URL": "rediss://host", "REDIS_TLS_CA": "ca.pem", "REDIS_TLS_VERIFY": "ca"}
    tls = Tls(ca=tmp_path / "ca.pem", verification=Verification.CA)

    kept, queue = redis_addresses(load_settings(environ, data_dir=tmp_path))
    assert queue is kept
    assert kept is not None
    assert kept.tls == tls

    environ |= {"QUEUE_REDIS_URL": "rediss+sentinel://a/main", "REDIS_SENTINEL_PASSWORD": PASSWORD}
    settings = load_settings(environ, data_dir=tmp_path)
    _, queue = redis_addresses(settings)
    assert queue is not None
    assert (queue.tls, queue.sentinel_login, queue.variable) == (tls, Login(password=PASSWORD), "QUEUE_REDIS_URL")
    assert PASSWORD not in repr(settings)
    assert redis_addresses(load_settings({}, data_dir=tmp_path)) == (None, None)


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        (
            {"REDIS_URL": "redis+cluster://a,b"},
            "REDIS_URL is a cluster, on which the queue .* cannot run: set QUEUE",
        ),
        ({"REDIS_URL": "redis://a", "QUEUE_REDIS_URL": "redis+cluster://a"}, "QUEUE_REDIS_URL is a cluster"),
        ({"QUEUE_REDIS_URL": "redis://a"}, "REDIS_URL for the rest, which is not set"),
        ({"REDIS_URL": "redis://a", "QUEUE_REDIS_URL": "b"}, "QUEUE_REDIS_URL: it does not begin"),
        ({"REDIS_URL": "redis://a", "REDIS_TLS_CA": "ca.pem"}, "would not be encrypted"),
        ({"REDIS_URL": "redis://a", "REDIS_TLS_VERIFY": "none"}, "would not be encrypted"),
        ({"REDIS_URL": "rediss://a", "REDIS_TLS_CERT": "c.pem"}, "go together"),
        ({"REDIS_URL": "redis://a", "REDIS_SENTINEL_USER": "ana"}, "needs REDIS_SENTINEL_PASSWORD"),
        ({"REDIS_URL": "rediss://a", "REDIS_TLS_VERIFY": "false"}, "REDIS_TLS_VERIFY is 'false'; accepted is one of"),
    ],
)
def test_settings_that_do_not_go_together(environ: dict[str, str], what: str) -> None:
    """What cannot work, or would be less safe than it looks, stops the start in words."""
    with pytest.raises(Misconfigured, match=what):
        load_settings(environ)


@pytest.mark.parametrize("lacking", ["ca.pem", "cert.pem"])
def test_files_of_tls_that_are_none(tmp_path: Path, lacking: str) -> None:
    """A certificate that cannot be read stops the start and is named."""
    (tmp_path / "cert.pem").write_text("nothing")
    tls = Tls(ca=tmp_path / lacking) if lacking == "ca.pem" else Tls(certificate=tmp_path / lacking, key=tmp_path / "k")

    with pytest.raises(Misconfigured, match=rf"REDIS_TLS_C.*{lacking}"):
        connect(address_of("rediss://host", tls=tls))


def test_one_primary_is_no_cluster() -> None:
    """Who needs one primary is not given a cluster."""
    with pytest.raises(Misconfigured, match="QUEUE_REDIS_URL is a cluster"):
        connect(address_of("redis+cluster://a,b", variable="QUEUE_REDIS_URL"))
