"""Which lines tell that something was changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.agent.changes import tells_change

CHANGES = """\
2026-03-14 11:01:02 INFO deployed payments 4.2.1 to prod
2026-03-14 11:01:02 INFO [deployer] Deployment checkout-7f9c finished in 14 s
Mar 14 11:01:02 node1 kubelet: rolling update of web started
rollout of release 2026.03.1 begins
rolled back to build 1198
11:01:02 systemd[1]: nginx.service: restarting after upgrade
Server restarted by operator
host will be rebooted: rebooting now
upgraded libssl from 3.0.1 to 3.0.2
INFO Migrating schema version 41 to 42
Flyway: migration V42__add_index.sql applied
scaled down deployment/cart from 6 to 2
fail-over done: failed over to replica-2
config reloaded from /etc/app.yaml
Reloading configuration
feature flag new-checkout enabled for 100 %
[flags] enabled flag fast-path
secret db-password rotated
max_connections setting changed to 40
rate limits set to 20 for tenant 9
certificate renewed for api.example.com
applied 3 migrations
Starting payments version 4.2.1
starting gateway v2.7.0 on port 8080
new image pulled, container started
policy retry-budget updated by ana
"""

NO_CHANGES = """\
2026-03-14 11:01:45 ERROR [db-pool] timeout waiting for connection 105
GET /deployment/42 200
deployment: checkout
version: 2
image: payments
the configuration is invalid
no configuration was changed
if the flag is enabled, requests are retried
please restart the server
should be restarted
cannot connect to 10.0.0.7:5432
config file not found
settings
connection reset by peer
loaded 40 rules
Listening on 0.0.0.0:8080, HTTP/1.1
migration pending
user ana logged in
"""


@pytest.mark.parametrize("line", CHANGES.splitlines())
def test_a_change(line: str) -> None:
    """Something was done, set, or started in a version."""
    assert tells_change(line)
    assert tells_change(line.upper())


@pytest.mark.parametrize("line", NO_CHANGES.splitlines())
def test_no_change(line: str) -> None:
    """A failure, a thing by its name, a wish or a denial is none."""
    assert not tells_change(line)


@given(st.text(alphabet="deploy config setting version v1. \n", max_size=4_000))
def test_any_line(line: str) -> None:
    """Whatever a line holds, it is decided."""
    assert tells_change(line) in {True, False}


def test_a_very_long_line_is_looked_at_from_its_beginning() -> None:
    """Two thousand characters tell enough."""
    assert tells_change("config reloaded " + "x" * 100_000)
    assert not tells_change("settings " * 20_000 + "deployed")
