"""What every run of the tests has."""

import gc
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.port_table import DECLARED, PortTable

#: A property's examples, where a test does not say how many; `nox -s fuzz` has thousands.
settings.register_profile("quick", settings(max_examples=40))
settings.register_profile("fuzz", settings(max_examples=3_000, deadline=None))
settings.load_profile("quick")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(PortTable(config.rootpath / DECLARED), "ports and adapters")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end: to look for garbage in it, again and again, finds none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
