"""Redirects, scopes and challenges: the rules alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.auth import SCOPES, Clients, InvalidClient, InvalidScope, OAuthRefused, checked_redirects
from faultmaven_domain.auth.oauth import DEFAULT_SCOPES, challenge_of, covers, scopes_of
from faultmaven_domain.kernel.errors import InvalidInput

USUAL = ("https://*.chromiumapp.org/*", "http://localhost:*/*", "http://127.0.0.1:*/*")


def allowed(uri: str, patterns: tuple[str, ...] = USUAL) -> bool:
    return any(covers(pattern, uri) for pattern in patterns)


@pytest.mark.parametrize(
    "uri",
    [
        "https://abcdefghijklmnopabcdefghijklmnop.chromiumapp.org/",
        "https://abcdefghijklmnopabcdefghijklmnop.chromiumapp.org",
        "https://ABC.chromiumapp.org/oauth/back?x=1",
        "http://localhost:3333/auth/callback",
        "http://localhost/callback",
        "http://127.0.0.1:51004/",
        "http://127.0.0.1:51004/?next=https://evil.example/",
    ],
)
def test_where_codes_go(uri: str) -> None:
    """An extension's own address, and programs that listen on this machine at any port."""
    assert allowed(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://evil.example/",
        "https://chromiumapp.org/",
        "https://.chromiumapp.org/",
        "https://evil.example/.chromiumapp.org/",
        "https://evil.example?.chromiumapp.org/",
        "https://evil.example#.chromiumapp.org/",
        "https://evil.example\\.chromiumapp.org/",
        "https://evil.example%2f.chromiumapp.org/",
        "https://a.b.chromiumapp.org/",
        "https://ab.chromiumapp.org.evil.example/",
        "https://ab.chromiumapp.org:8443/",
        "https://ab.chromiumapp.org@evil.example/",
        "https://evil@ab.chromiumapp.org/",
        "https://ab.chromiumapp.org/#x",
        "https://ab.chromiumapp.org/\n",
        "https://ab.chromiumapp.org/ x",
        "http://ab.chromiumapp.org/",
        "HTTPS://ab.chromiumapp.org/",
        "https://localhost:3333/",
        "http://localhost.evil.example:80/",
        "http://localhost:80@evil.example/",
        "http://localhost:/",
        "http://localhost:123456/",
        "http://127.0.0.2/",
        "http://[::1]/",
        "javascript:alert(1)",
        "//localhost/",
        "/callback",
    ],
)
def test_where_codes_do_not_go(uri: str) -> None:
    """Whatever looks like an address that is allowed, and is not."""
    assert not allowed(uri)


def test_other_patterns() -> None:
    """A pattern without a star is that one address, in an application's own scheme too; a path may be narrowed."""
    assert allowed("com.example.app:/back", ("com.example.app:/back",))
    assert not allowed("com.example.app:/backdoor", ("com.example.app:/back",))
    assert not allowed("com.example.app:/back", ("com.example.app:/*",))
    assert allowed("https://x.example/cb/1", ("https://x.example/cb/*",))
    assert not allowed("https://x.example/cb", ("https://x.example/cb/*",))
    assert not allowed("https://x.example:443/", ("https://x.example/",))
    assert allowed("https://x.example/cb/..a/.b/...?to=/../", ("https://x.example/cb/*",))
    assert allowed("http://[::1]:99/", ("http://[::1]:*/*",))


@pytest.mark.parametrize("step", ["..", ".", "%2e%2e", ".%2E", "%2e", "..?x", "a/../../b"])
def test_a_path_is_not_left(step: str) -> None:
    """A browser takes such steps before it asks, so that the pattern's path would say nothing of where it ends."""
    assert not allowed(f"https://x.example/cb/{step}", ("https://x.example/cb/*",))
    assert not allowed(f"https://x.example/cb/{step}/back", ("https://x.example/cb/*",))


@pytest.mark.parametrize(
    "pattern", ["*", "https://*", "localhost:*", "javascript:*", "https://a/#x", "https://a@b/", ""]
)
def test_what_is_no_pattern(pattern: str) -> None:
    """It is named, so that a start can be stopped by it; `https://*` alone is one name of one label."""
    if pattern == "https://*":
        assert checked_redirects((pattern,)) == (pattern,)
        assert not covers(pattern, "https://evil.example/")
        return
    with pytest.raises(InvalidInput, match="pattern"):
        checked_redirects(("http://localhost:*/*", pattern))


@given(uri=st.text(alphabet="htps:/.@#?%\\*[]localhost127chromiumapp.org ", max_size=60))
def test_nothing_strange_is_allowed(uri: str) -> None:
    """Whatever is allowed has one of the three hosts and nobody's name in it."""
    if allowed(uri):
        scheme, _, rest = uri.partition("://")
        authority = rest.partition("/")[0].partition("?")[0]
        host = authority.partition(":")[0].lower()
        assert "@" not in authority
        assert "#" not in uri
        assert "\\" not in uri
        assert (scheme, host) in {("http", "localhost"), ("http", "127.0.0.1")} or (
            scheme == "https" and host.endswith(".chromiumapp.org")
        )


def test_clients() -> None:
    """Any where none is named, else those alone; none whose name no header could hold."""
    anyone, named = Clients(redirects=USUAL), Clients(ids=("panel",), redirects=USUAL)

    anyone.check("whoever", "http://localhost/")
    named.check("panel", "http://localhost/")
    for clients, name in ((named, "agent"), (anyone, "a b"), (anyone, "é"), (anyone, "x" * 201)):
        with pytest.raises(InvalidClient):
            clients.check(name, "http://localhost/")
    with pytest.raises(OAuthRefused, match="redirect_uri"):
        anyone.check("whoever", f"http://localhost/{'x' * 2048}")


def test_scopes() -> None:
    """Known ones in one order and once; unknown ones are left out; none named is all but changing the runbooks."""
    assert scopes_of("cases:write openid cases:read offline_access openid") == ("openid", "cases:read", "cases:write")
    assert scopes_of("  ") == DEFAULT_SCOPES == tuple(scope for scope in SCOPES if scope != "knowledge:write")
    with pytest.raises(InvalidScope):
        scopes_of("root *")


def test_the_challenge_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
