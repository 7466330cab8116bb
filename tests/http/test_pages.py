import re
from collections.abc import Callable

import pytest
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import create_app
from tests.http.conftest import Clients

FILES = ["/login", "/login/login.css", "/login/login.js", "/auth/authorize", "/auth/authorize/authorize.js"]
PAGES = ["/login", "/auth/authorize"]


@pytest.mark.parametrize("path", FILES)
async def test_a_page_reaches_nothing_but_this_server(clients: Clients, app: ASGIApp, path: str) -> None:
    """Nothing is loaded from elsewhere, runs inside the markup, or shows the page in a frame."""
    answer = await (await clients(app)).get(path)

    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(
        policy.split("; ")
    )
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"  # the address of a consent is for no other site
    assert not re.search(r"""(?:src|href|from|import)\s*[=(]?\s*["'](?:https?:)?//""", answer.text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|<style| on\w+=", answer.text)


@pytest.mark.parametrize("path", PAGES)
async def test_no_script_is_in_the_markup(clients: Clients, app: ASGIApp, path: str) -> None:
    """Each script is a file of its own, as the policy demands."""
    page = (await (await clients(app)).get(path)).text

    scripts = re.findall(r"<script([^>]*)>([^<]*)", page)
    assert [body for _, body in scripts if body.strip()] == []
    assert all("src=" in attributes for attributes, _ in scripts)
    assert len(scripts) == 1


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("public_url", "root"), [(None, ""), ("https://faults.example.org", ""), ("https://example.org/app/", "/app")]
)
async def test_a_page_names_what_it_loads(
    clients: Clients, with_settings: Callable[..., FaultMaven], path: str, public_url: str | None, root: str
) -> None:
    """All it refers to is there, also where a proxy serves it under a path."""
    http = await clients(create_app(with_settings(public_url=public_url)))
    page = (await http.get(path)).text

    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert f'data-root="{root}"' in page
    assert len(addresses) >= 2
    for address in addresses:
        assert address.startswith(f"{root}/")
        assert (await http.get(address.removeprefix(root))).status_code == 200


@pytest.mark.parametrize("path", PAGES)
async def test_every_field_has_a_name_that_is_read_out(clients: Clients, app: ASGIApp, path: str) -> None:
    """Each input has its label, what goes wrong is announced, and the language is told."""
    page = (await (await clients(app)).get(path)).text

    inputs = re.findall(r'<input id="([^"]+)"', page)
    assert [name for name in inputs if f'<label for="{name}"' not in page] == []
    assert page.count("<input") == len(inputs)
    assert 'role="alert"' in page
    assert '<html lang="en"' in page


@pytest.mark.parametrize("path", ["/login/", "//login", "/auth/authorize/"])
async def test_a_slash_more_leads_to_the_page(clients: Clients, app: ASGIApp, path: str) -> None:
    """Addresses are put together by others, and not always well."""
    answer = await (await clients(app)).get(f"http://localhost:8090{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_what_a_path_of_the_public_address_holds_is_text(
    clients: Clients, with_settings: Callable[..., FaultMaven]
) -> None:
    """A quote in it ends no attribute."""
    http = await clients(create_app(with_settings(public_url='https://example.org/a"><script>')))

    assert 'a"><script>' not in (await http.get("/login")).text
