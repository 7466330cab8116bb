"""What every run of the tests has."""

import pytest

from tests.port_table import DECLARED, PortTable


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(PortTable(config.rootpath / DECLARED), "ports and adapters")
