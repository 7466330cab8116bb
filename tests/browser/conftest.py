"""A real browser against a real server: Debian's chromium, driven by playwright; skipped where one of them is missing.

``nox -s browser`` installs playwright, and CHROMIUM names another binary than the one on the PATH.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.place import BLANK, a_place
from tests.e2e.server import Server
from tests.standins.running import running

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Playwright

DASHBOARD_PORTS = (3000, 3333, 4173, 5173)
PLAIN = {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"}


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's binary."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.skip("There is no chromium here; `apt-get install chromium`, or name one in CHROMIUM.")
    if find_spec("playwright") is None:
        pytest.skip("playwright is not installed; `nox -s browser` installs it.")
    return found


@pytest.fixture
async def driver(chromium: str) -> "AsyncIterator[Playwright]":
    from playwright.async_api import async_playwright

    async with async_playwright() as driver:
        yield driver


@pytest.fixture
async def browser(driver: "Playwright", chromium: str) -> "AsyncIterator[Browser]":
    browser = await driver.chromium.launch(executable_path=chromium)
    yield browser
    await browser.close()


@pytest.fixture
async def page(browser: "Browser") -> "Page":
    return await browser.new_page()


def up(directory: Path, environment: dict[str, str]) -> Iterator[Server]:
    server = Server(directory / "data", {**PLAIN, **environment})
    try:
        yield server.start()
    finally:
        server.kill()


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is by default."""
    yield from up(tmp_path_factory.mktemp("plain"), {})


@pytest.fixture(scope="session")
def local(server: Server) -> str:
    """Its address under the name that people and clients use."""
    return server.url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def strict(chromium: str, place: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for passwords, limits its callers, and lets one origin in."""
    limits = {"RATE_LIMITS": "true", "REQUESTS_PER_MINUTE": "20", "MAX_UPLOAD_BYTES": "2048"}
    yield from up(tmp_path_factory.mktemp("strict"), {**limits, "CORS_ORIGINS": place, "DEV_LOGIN": "false"})


@pytest.fixture(scope="session")
def place(chromium: str) -> Iterator[str]:
    """The origin of a page on a port of no meaning."""
    with running(a_place(BLANK)) as url:
        yield url


@pytest.fixture(scope="session")
def dashboards(chromium: str) -> Iterator[list[str]]:
    """Origins of pages on those ports of the default that are free here."""
    with ExitStack() as stack:
        places = []
        for port in DASHBOARD_PORTS:
            try:
                places.append(stack.enter_context(running(a_place(BLANK), port)))
            except OSError:  # somebody else's
                continue
        if not places:
            pytest.skip(f"All of the ports {DASHBOARD_PORTS} are taken here.")
        yield places
