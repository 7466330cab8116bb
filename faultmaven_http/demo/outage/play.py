"""The afternoon, from first to last: who speaks in which file, and the rollout between them."""

from collections import Counter
from random import Random

from attrs import frozen

from .database import Database
from .noise import at_the_gateway, in_checkout
from .scene import BEGIN, CHECKOUT_PODS, END, MINUTE, NEW_PODS, NEW_VERSION, OLD_PODS, SECOND, Log, Pod
from .slots import DRAINING, Slots
from .traffic import Shoppers
from .voices import Checkout, Gateway

SEED = 20_260_326


@frozen(kw_only=True)
class Outage:
    """The logs by file name, how often each counted kind of record was written, and who held which connections."""

    logs: dict[str, str]
    counts: dict[str, int]
    slots: Slots


def play(seed: int = SEED) -> Outage:
    """Equal seeds give equal bytes, on every machine."""
    tally: Counter[str] = Counter()
    gateway_log, checkout_log, postgres_log = Log(tally), Log(tally), Log(tally)
    slots = Slots(Random(seed))
    Database(postgres_log, Random(seed + 1), slots).play()
    checkout = Checkout(checkout_log, Random(seed + 2), slots)
    shoppers = Shoppers(Gateway(gateway_log, Random(seed + 3)), checkout, Random(seed + 4))
    shoppers.play()
    at_the_gateway(shoppers, Random(seed + 5))
    in_checkout(checkout, Random(seed + 6))
    _rollout(checkout)
    _pool_watch(checkout, Random(seed + 7))
    logs = {"gateway.log": gateway_log.text(), "checkout.log": checkout_log.text(), "postgres.log": postgres_log.text()}
    return Outage(logs=logs, counts=dict(tally), slots=slots)


def _rollout(checkout: Checkout) -> None:
    for pod in OLD_PODS:
        if pod.stops is not None:
            _goes(checkout, pod, pod.stops)
    for pod in NEW_PODS:
        _comes(checkout, pod)


def _goes(checkout: Checkout, pod: Pod, ms: int) -> None:
    tomcat = "o.s.b.w.e.tomcat.GracefulShutdown"
    hikari = "com.zaxxer.hikari.HikariDataSource - checkout-pool"
    for when, record in (
        (ms, f"{tomcat} - Commencing graceful shutdown. Waiting for active requests to complete"),
        (ms + DRAINING - 40, f"{hikari} - Shutdown initiated..."),
        (ms + DRAINING + 60, f"{hikari} - Shutdown completed."),
    ):
        checkout.say(when, "INFO", pod, "shutdown", "-", record)


def _comes(checkout: Checkout, pod: Pod) -> None:
    boots, started = pod.pool_opens - 32_700, pod.ready - 1_100
    app, config = "s.c.CheckoutApplication", "s.c.config"
    deprecated = "property 'shop.tax.legacy-rounding' is deprecated and will go in 2.44"
    for ms, level, record in (
        (boots, "INFO", f"{app} - Starting CheckoutApplication v{NEW_VERSION} using Java 21.0.6 with PID 1"),
        (boots + 40, "INFO", f'{app} - The following 1 profile is active: "prod"'),
        (boots + 4_700, "WARN", f"{config}.TaxProperties - {deprecated}"),
        (
            pod.pool_opens - 60,
            "INFO",
            f"{config}.DataSourceConfig - checkout-pool maximum-pool-size={pod.pool} minimum-idle={pod.pool}",
        ),
        (pod.pool_opens - 5, "INFO", "com.zaxxer.hikari.HikariDataSource - checkout-pool - Starting..."),
        (started, "INFO", f"{app} - Started CheckoutApplication in {(started - boots) / SECOND:.3f} seconds"),
    ):
        checkout.say(ms, level, pod, "main", "-", record)


def _pool_watch(checkout: Checkout, rng: Random) -> None:
    """Each pod says once a minute how many connections it has, of how many it wants."""
    for number, pod in enumerate(CHECKOUT_PODS):
        for ms in range(BEGIN + (7 + 3 * number) * SECOND + rng.randrange(SECOND), END, MINUTE):
            if pod.pool_opens <= ms and (pod.stops is None or ms < pod.stops):
                total = checkout.slots.held(pod.name, ms)
                active = min(total, rng.randrange(3))
                stats = f"checkout-pool total={total} of {pod.pool}, active={active}, idle={total - active}"
                checkout.say(ms, "INFO", pod, "pool-watch", "-", f"s.c.config.PoolWatch - {stats}")
