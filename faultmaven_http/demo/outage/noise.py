"""What both components always write, in good times and bad; the red herrings are among it."""

from random import Random

from .scene import BEGIN, CHECKOUT_PODS, END, MINUTE, SECOND, Pod, at, every
from .traffic import RECOMMENDATIONS, Shoppers
from .voices import Checkout

BOTS = ("/wp-login.php", "/.env", "/favicon.png", "/apple-touch-icon.png", "/admin/config.php", "/sitemap_old.xml")


def at_the_gateway(shoppers: Shoppers, rng: Random) -> None:
    """Probes, bots that ask for what is not there, and a health check of recommendations that fails now and then."""
    gateway = shoppers.gateway
    for ms in range(BEGIN + 4 * SECOND, END, 20 * SECOND):
        probe = shoppers.request(ms, "GET /healthz", client="10.20.0.1", agent="kube-probe/1.32")
        gateway.answered(probe, 200, 0, "-")
    for ms in every(rng, 33 * SECOND):
        bot = shoppers.request(ms, f"GET {rng.choice(BOTS)}", agent="python-requests/2.31.0")
        gateway.answered(bot, 404, rng.randrange(1, 6), "-", counts="gateway_404")
    for ms in every(rng, 3 * MINUTE):
        probe = shoppers.request(ms, "GET /recs/healthz", client="10.20.0.9", agent="gateway-healthcheck/1.0")
        why = "connect() failed (111: Connection refused) while connecting to upstream"
        gateway.failed(probe, ms, RECOMMENDATIONS, why)
        gateway.answered(probe, 502, 1, RECOMMENDATIONS, counts="gateway_502_recommendations")


def in_checkout(checkout: Checkout, rng: Random) -> None:
    """A slow acquirer, expired coupons, a flaky loyalty service, and a consumer group that rebalances."""

    def say(ms: int, level: str, thread: str, rid: str, record: str, *, counts: str | None = None) -> None:
        pod: Pod = rng.choice([p for p in CHECKOUT_PODS if p.serves(ms)])
        checkout.say(ms, level, pod, thread, rid, record, counts=counts)

    def rid() -> str:
        return f"{rng.getrandbits(64):016x}"

    for ms in every(rng, 40 * SECOND):
        slow = f"acquirer answered in {rng.randrange(2_010, 3_900)} ms (threshold 2000 ms)"
        say(ms, "WARN", "pay-2", rid(), f"s.c.payments.AcquirerClient - {slow}")
    for ms in every(rng, 55 * SECOND):
        coupon = f"coupon {rng.choice(('SPRING10', 'HELLO5', 'VIP20'))} rejected: expired"
        say(ms, "WARN", f"http-exec-{rng.randrange(1, 25)}", rid(), f"s.c.coupons.CouponService - {coupon}")
    for ms in every(rng, 4 * MINUTE):
        customer = rng.randrange(10_000, 99_999)
        loyalty = (
            f"s.c.loyalty.LoyaltyClient - points not credited for customer {customer}, queued for later\n"
            "java.net.http.HttpTimeoutException: request timed out\n"
            "\tat java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:955)\n"
            "\tat shop.checkout.loyalty.LoyaltyClient.credit(LoyaltyClient.java:52)"
        )
        say(ms, "ERROR", "loyalty-1", "-", loyalty, counts="checkout_loyalty_errors")
    for ms in (at("13:41:20.310"), at("14:03:25.022"), at("14:04:24.871")):
        say(ms, "INFO", "kafka-1", "-", "o.a.k.c.c.internals.ConsumerCoordinator - rebalance of group checkout-events")
