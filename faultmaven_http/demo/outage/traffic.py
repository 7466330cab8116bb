"""Shoppers come, the gateway passes them on, checkout answers or waits for a connection in vain."""

from random import Random

from attrs import define, field, frozen

from .scene import CHECKOUT_PODS, CONNECTION_TIMEOUT, END, PROXY_READ_TIMEOUT, Pod, every
from .voices import Checkout, Gateway, Request

AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_7)",
    "Mozilla/5.0 (Linux; Android 15)",
    "ShopApp/7.4.1 (ios)",
    "ShopApp/7.3.9 (android)",
)
CATALOG = ("10.20.7.51:8080", "10.20.7.52:8080")
RECOMMENDATIONS = "10.20.9.5:8080"
CART = "10.20.8.4:8080"
PLACE, QUOTE, STATUS = "POST /api/checkout/orders", "GET /api/checkout/quote", "GET /api/checkout/orders"
ATTEMPTS = {PLACE: 1, QUOTE: 3, STATUS: 1}  # to get a connection, each as long as the pool's timeout
DOING = {
    PLACE: ("placing an order", "orders.OrderRepository.insert(OrderRepository.java:61)"),
    QUOTE: ("quoting a cart", "quotes.PriceRepository.load(PriceRepository.java:37)"),
    STATUS: ("listing orders", "orders.OrderRepository.list(OrderRepository.java:88)"),
}
STATIC = ("app.js", "app.css", "logo.svg", "fonts.woff2")
TIMED_OUT = "upstream timed out (110: Operation timed out) while reading response header from upstream"


@frozen(kw_only=True)
class Visit:
    """A request as it went on one pod of checkout."""

    request: Request
    pod: Pod
    thread: str
    vain: tuple[int, ...]  # when each attempt gave up waiting
    served: bool
    ends: int


@define
class Shoppers:
    gateway: Gateway
    checkout: Checkout
    rng: Random
    _visits: list[Visit] = field(factory=list)

    def play(self) -> None:
        """First everybody comes, so that it is known who waits beside whom; then it is told."""
        for ms in every(self.rng, 980):
            self._comes(ms)
        for visit in self._visits:
            self._tell(visit)

    def request(self, ms: int, what: str, *, client: str | None = None, agent: str | None = None) -> Request:
        rng = self.rng
        client = client or f"{rng.choice(('203.0.113', '198.51.100', '192.0.2'))}.{rng.randrange(1, 255)}"
        rid = f"{rng.getrandbits(64):016x}"
        return Request(ms=ms, rid=rid, client=client, agent=agent or rng.choice(AGENTS), what=what)

    def _comes(self, ms: int) -> None:
        rng, dice = self.rng, self.rng.random()
        if dice < 0.36:
            what = PLACE if dice < 0.17 else QUOTE if dice < 0.28 else STATUS
            self._check_out(self.request(ms, what), tries=0)
        elif dice < 0.66:
            path = f"search?p={rng.randrange(1, 9)}" if dice < 0.48 else f"products/{rng.randrange(100, 9_999)}"
            self._plain(self.request(ms, f"GET /api/catalog/{path}"), rng.choice(CATALOG), rng.randrange(14, 190))
        elif dice < 0.80:
            self._plain(self.request(ms, "POST /api/cart/items"), CART, rng.randrange(6, 60))
        elif dice < 0.86:
            self._plain(self.request(ms, "GET /api/recommendations"), RECOMMENDATIONS, rng.randrange(20, 240))
        else:
            self._plain(self.request(ms, f"GET /static/{rng.choice(STATIC)}"), "-", 1)

    def _plain(self, request: Request, upstream: str, took: int) -> None:
        rng = self.rng
        if upstream != "-" and rng.random() < 0.016:  # the shopper went away
            self.gateway.answered(request, 499, took + rng.randrange(300, 2_500), upstream, counts="gateway_499")
        else:
            self.gateway.answered(request, 304 if upstream == "-" and rng.random() < 0.5 else 200, took, upstream)

    def _check_out(self, request: Request, *, tries: int) -> None:
        rng = self.rng
        pod = rng.choice([p for p in CHECKOUT_PODS if p.serves(request.ms)])
        enters, vain = request.ms + 2, []
        while (wait := self.checkout.wait(pod, enters)) is None:
            self.checkout.waits(pod, enters)
            vain.append(enters + CONNECTION_TIMEOUT)
            if len(vain) == ATTEMPTS[request.what]:
                break
            enters = vain[-1] + 40
        served = wait is not None
        ends = vain[-1] if wait is None else enters + wait + rng.randrange(40, 415)
        thread = f"http-exec-{rng.randrange(1, 25)}"
        visit = Visit(request=request, pod=pod, thread=thread, vain=tuple(vain), served=served, ends=ends)
        self._visits.append(visit)
        if not served and tries < 2 and rng.random() < 0.5:
            ms = min(ends, request.ms + PROXY_READ_TIMEOUT) + rng.randrange(900, 4_000)
            if ms < END:
                again = self.request(ms, request.what, client=request.client, agent=request.agent)
                self._check_out(again, tries=tries + 1)

    def _tell(self, visit: Visit) -> None:
        request, rng, upstream = visit.request, self.rng, f"{visit.pod.ip}:8080"
        took = visit.ends - request.ms + rng.randrange(2, 8)
        if took > PROXY_READ_TIMEOUT:
            patience = PROXY_READ_TIMEOUT + rng.randrange(1, 4)
            self.gateway.failed(request, request.ms + patience, upstream, TIMED_OUT, counts="gateway_upstream_timeouts")
            self.gateway.answered(request, 504, patience, upstream, counts="gateway_504")
        elif visit.served:
            self.gateway.answered(request, 201 if request.what == PLACE else 200, took, upstream)
        else:
            self.gateway.answered(request, 503, took, upstream, counts="gateway_503")
        self._tell_checkout(visit)

    def _tell_checkout(self, visit: Visit) -> None:
        request, pod, rng = visit.request, visit.pod, self.rng
        for number, ms in enumerate(visit.vain if visit.served else visit.vain[:-1], start=1):
            warning = f"attempt {number} of {ATTEMPTS[request.what]} failed: {self.checkout.timed_out(pod, ms)}"
            self.checkout.say(
                ms, "WARN", pod, visit.thread, request.rid, f"s.c.quotes.QuoteService - {warning}",
                counts="checkout_quote_retries",
            )  # fmt: skip
        if not visit.served:
            doing, where = DOING[request.what]
            self.checkout.gives_up(pod, visit.ends, visit.thread, request.rid, doing, where=where)
            return
        took = visit.ends - request.ms
        done = {
            PLACE: f"orders.OrderService - order {request.ms // 97} placed, {rng.randrange(1, 9)} items, in {took} ms",
            QUOTE: f"quotes.QuoteService - quoted {rng.randrange(900, 48_000) / 100:.2f} EUR in {took} ms",
            STATUS: f"orders.OrderService - {rng.randrange(1, 12)} orders listed in {took} ms",
        }
        self.checkout.say(visit.ends, "INFO", pod, visit.thread, request.rid, f"s.c.{done[request.what]}")
