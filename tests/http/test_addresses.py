from collections.abc import Callable

import pytest
from starlette.requests import Request

from faultmaven_adapters.library import FaultMaven
from faultmaven_domain.kernel.errors import Misconfigured
from faultmaven_http.addresses import Addresses

Made = Callable[..., Addresses]


@pytest.fixture
def addresses(with_settings: Callable[..., FaultMaven]) -> Made:
    return lambda **settings: Addresses.of(with_settings(**settings).settings)


def asked(*, peer: str | None = "198.51.100.7", **headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "scheme": "http", "headers": named, "client": (peer, 1) if peer else None})


@pytest.mark.parametrize(
    ("bind", "host", "base"),
    [
        ("127.0.0.1", "127.0.0.1:8090", "http://localhost:8090"),
        ("127.0.0.1", "[::1]:8090", "http://localhost:8090"),
        ("::1", "[::1]:8090", "http://localhost:8090"),
        ("localhost", "localhost:8090", "http://localhost:8090"),
        ("127.0.0.1", "faults.example.org", "http://faults.example.org"),
        ("0.0.0.0", "127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("0.0.0.0", "faults.example.org:80", "http://faults.example.org:80"),
        ("127.0.0.1", "", "http://localhost:8090"),
        ("127.0.0.1", "a b/c@d", "http://localhost:8090"),
        ("0.0.0.0", "évil", "http://0.0.0.0:8090"),
    ],
)
def test_an_address_is_where_the_caller_asked(addresses: Made, bind: str, host: str, base: str) -> None:
    """The Host, but localhost on a loopback bind, and our own bind where the Host is no host."""
    assert base == addresses(host=bind, port=8090).base(asked(host=host))


def test_a_public_address_wins(addresses: Made) -> None:
    """What is set is told to everyone, without a slash at its end."""
    made = addresses(public_url="https://f.example.org/fm/")

    assert made.base(asked(host="other")) == "https://f.example.org/fm"


@pytest.mark.parametrize(("proxies", "scheme"), [((), "http"), (("198.51.100.0/24",), "https")])
def test_the_scheme_is_a_trusted_proxys_word(addresses: Made, proxies: tuple[str, ...], scheme: str) -> None:
    """Behind a proxy that is trusted the outer scheme counts; else what was really used."""
    made = addresses(host="0.0.0.0", trusted_proxies=proxies)

    assert f"{scheme}://f.example.org" == made.base(asked(host="f.example.org", x_forwarded_proto="https"))


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "caller"),
    [
        ((), "198.51.100.7", "203.0.113.1", "198.51.100.7"),
        (("198.51.100.7",), "198.51.100.7", "203.0.113.1", "203.0.113.1"),
        (("198.51.100.7",), "198.51.100.7", "10.0.0.1, 203.0.113.1", "203.0.113.1"),
        (("198.51.100.0/24",), "198.51.100.7", "203.0.113.1, 198.51.100.8", "203.0.113.1"),
        (("198.51.100.7",), "198.51.100.7", "not an address", "198.51.100.7"),
        (("198.51.100.7",), "198.51.100.9", "203.0.113.1", "198.51.100.9"),
        (("2001:db8::/32",), "2001:db8::1", "2001:db9::2", "2001:db9::2"),
        (("198.51.100.7",), None, "203.0.113.1", "local"),
    ],
)
def test_a_caller_is_the_last_address_nobody_trusted_vouches_for(
    addresses: Made, proxies: tuple[str, ...], peer: str | None, forwarded: str, caller: str
) -> None:
    """Walking back from the peer, past trusted proxies alone."""
    made = addresses(trusted_proxies=proxies)

    assert caller == made.caller(asked(peer=peer, x_forwarded_for=forwarded))


def test_a_proxy_that_is_no_address_stops_the_start(addresses: Made) -> None:
    """The variable and its value are named."""
    with pytest.raises(Misconfigured, match="TRUSTED_PROXIES"):
        addresses(trusted_proxies=("my-proxy",))
