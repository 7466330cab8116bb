"""The bundled incident: a shop whose checkout fails, as logs, a config and a command's output. Generated, not stored.

What happened (2026-03-26, UTC). Release 2.42.0 of checkout raises the size of its JDBC pool from 10 to 60, and the
pool's minimum with it. Six pods then want 360 connections of a PostgreSQL that grants 100, of which others hold 19.

    14:02:19  the rollout begins (kubectl-get-pods.txt, checkout-config.yaml)
    14:03:01  the first new pod opens its pool, maximum-pool-size=60 (checkout.log)
    14:03:02  postgres.log refuses the first connection: FATAL:  sorry, too many clients already. Here it originates
    14:03:25  a request enters a pod that holds no connection; from 14:03:30 its waits time out after five seconds
    14:03:35  gateway.log has the first 504 (a quote waits three times), from 14:03:40 the 503s of orders follow
    14:04:15  the rollout is complete; soon one pod idles on 60 connections and three hold none, yet all say Running

Innocent, though they look it or not: the hourly report that took 42 s and ended at 14:00:42, the health check of
recommendations (502 all day), bots (404), the slow acquirer, the loyalty timeouts, the consumer group's rebalance.
"""

from pathlib import Path
from typing import TypedDict

from .outage import config_text, play, pods_text

TITLE = "Checkout fails for about half of the customers"
INCIDENT_QUESTION = (
    "Since shortly after 14:00 UTC about half of our customers cannot check out and see errors 503 and 504. "
    "What is the root cause, and what should we do first?"
)


class Pattern(TypedDict):
    """Lines that can be counted with nothing but a search for a text."""

    file: str
    text: str


class GroundTruth(TypedDict):
    """What a right answer says. Line numbers start at 1; each count is the number of lines with the pattern's text."""

    root_cause: str
    fix: str
    runbook: str
    origin_file: str
    origin_line: int
    origin_text: str
    origin_at: str
    config_file: str
    config_text: str
    rollout_at: str
    chain: list[str]
    red_herrings: list[str]
    lines: dict[str, int]
    counts: dict[str, int]
    patterns: dict[str, Pattern]


ground_truth: GroundTruth = {
    "root_cause": (
        "checkout 2.42.0 raised its connection pool from 10 to 60 per pod (maximum-pool-size and minimum-idle), so six "
        "pods claim 360 connections while PostgreSQL allows max_connections = 100 for all services together"
    ),
    "fix": "put the pool back to 10 in checkout's ConfigMap and restart the deployment to give idle connections back",
    "runbook": "postgresql-connections-exhausted.md",
    "origin_file": "postgres.log",
    "origin_line": 330,
    "origin_text": "FATAL:  sorry, too many clients already",
    "origin_at": "2026-03-26 14:03:02.800 UTC",
    "config_file": "checkout-config.yaml",
    "config_text": "maximum-pool-size: 60",
    "rollout_at": "2026-03-26 14:02:19 UTC",
    "chain": [
        "rollout of checkout 2.42.0 with a pool of 60 per pod",
        "PostgreSQL reaches max_connections and refuses: sorry, too many clients already",
        "checkout pods without a connection: Could not obtain a database connection, timed out after 5 s",
        "the gateway passes on 503 and, after 10 s of a quote's retries, answers 504",
    ],
    "red_herrings": [
        "hourly report, 41.8 s, ended before the rollout",
        "health check of recommendations, 502 before and after alike",
        "bots, 404",
        "slow acquirer and loyalty timeouts",
        "consumer group rebalance",
    ],
    "lines": {"gateway.log": 2914, "checkout.log": 3179, "postgres.log": 1345},
    "counts": {
        "postgres_too_many_clients": 881,
        "checkout_no_connection": 159,
        "checkout_quote_retries": 90,
        "checkout_loyalty_errors": 10,
        "gateway_503": 114,
        "gateway_504": 45,
        "gateway_upstream_timeouts": 45,
        "gateway_502_recommendations": 14,
        "gateway_404": 77,
        "gateway_499": 18,
    },
    "patterns": {
        "postgres_too_many_clients": {"file": "postgres.log", "text": "FATAL:  sorry, too many clients already"},
        "checkout_no_connection": {"file": "checkout.log", "text": "Could not obtain a database connection"},
        "checkout_quote_retries": {"file": "checkout.log", "text": " of 3 failed: checkout-pool"},
        "checkout_loyalty_errors": {"file": "checkout.log", "text": "points not credited"},
        "gateway_503": {"file": "gateway.log", "text": '" 503 '},
        "gateway_504": {"file": "gateway.log", "text": '" 504 '},
        "gateway_upstream_timeouts": {"file": "gateway.log", "text": "upstream timed out (110"},
        "gateway_502_recommendations": {"file": "gateway.log", "text": '" 502 '},
        "gateway_404": {"file": "gateway.log", "text": '" 404 '},
        "gateway_499": {"file": "gateway.log", "text": '" 499 '},
    },
}


def write_incident(directory: Path) -> None:
    """Write the incident's five files into the directory, which is made if need be; the same bytes every time.

    Raises: OSError when the directory cannot be written to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stills = {"checkout-config.yaml": config_text(), "kubectl-get-pods.txt": pods_text()}
    for name, text in (play().logs | stills).items():
        (directory / name).write_bytes(text.encode())
