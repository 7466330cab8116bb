"""What the gateway and checkout write, one record at a time."""

from random import Random

from attrs import define, field, frozen

from .scene import BEGIN, CONNECTION_TIMEOUT, SECOND, Log, Pod, moment
from .slots import Slots


@frozen(kw_only=True)
class Request:
    ms: int
    rid: str
    client: str
    agent: str
    what: str  # method and path


@define
class Gateway:
    """nginx: access lines at the end of each request, error lines between them."""

    log: Log
    rng: Random

    def answered(self, request: Request, status: int, took: int, upstream: str, *, counts: str | None = None) -> None:
        ms = request.ms + took
        size = {200: self.rng.randrange(420, 48_000), 201: 312, 304: 0, 404: 162, 499: 0}.get(status, 118)
        size = 2 if request.what.endswith("/healthz") else size
        line = (
            f'{request.client} - - [{moment(ms):%d/%b/%Y:%H:%M:%S} +0000] "{request.what} HTTP/1.1" {status} {size} '
            f'"{request.agent}" rt={took / SECOND:.3f} up={upstream} rid={request.rid}'
        )
        self.log.write(ms, line, counts=counts)

    def failed(self, request: Request, ms: int, upstream: str, why: str, *, counts: str | None = None) -> None:
        connection = 884_120 + (request.ms - BEGIN) // 131
        line = (
            f"{moment(ms):%Y/%m/%d %H:%M:%S} [error] 31#31: *{connection} {why}, client: {request.client}, "
            f'server: shop.example, request: "{request.what} HTTP/1.1", '
            f'upstream: "http://{upstream}{request.what.split()[1]}"'
        )
        self.log.write(ms, line, counts=counts)


@define
class Checkout:
    """The checkout application on all its pods: Spring's log, as the collector merges it."""

    log: Log
    rng: Random
    slots: Slots
    _waits: list[tuple[str, int, int]] = field(factory=list)  # (pod, from, to)

    def say(
        self, ms: int, level: str, pod: Pod, thread: str, rid: str, record: str, *, counts: str | None = None
    ) -> None:
        stamp = f"{moment(ms):%Y-%m-%d %H:%M:%S},{ms % SECOND:03d}"
        self.log.write(ms, f"{stamp} {level:<5} [{pod.name}] [{thread}] [{rid}] {record}", counts=counts)

    def wait(self, pod: Pod, ms: int) -> int | None:
        """How long a request that comes now waits for the pool's first connection; None when it waits in vain."""
        steps = range(0, CONNECTION_TIMEOUT, 50)
        return next((step for step in steps if self.slots.held(pod.name, ms + step)), None)

    def waits(self, pod: Pod, ms: int) -> None:
        self._waits.append((pod.name, ms, ms + CONNECTION_TIMEOUT))

    def timed_out(self, pod: Pod, ms: int) -> str:
        """HikariCP's sentence for a wait that ends now."""
        others = sum(name == pod.name and since < ms < until for name, since, until in self._waits)
        took = CONNECTION_TIMEOUT + self.rng.randrange(4)
        return (
            f"checkout-pool - Connection is not available, request timed out after {took}ms "
            f"(total=0, active=0, idle=0, waiting={others})"
        )

    def gives_up(self, pod: Pod, ms: int, thread: str, rid: str, doing: str, *, where: str) -> None:
        trace = (
            f"s.c.web.ErrorAdvice - Could not obtain a database connection while {doing}\n"
            "org.springframework.jdbc.CannotGetJdbcConnectionException: Failed to obtain JDBC Connection\n"
            "\tat org.springframework.jdbc.datasource.DataSourceUtils.getConnection(DataSourceUtils.java:84)\n"
            f"\tat shop.checkout.{where}\n"
            "\t... 61 common frames omitted\n"
            f"Caused by: java.sql.SQLTransientConnectionException: {self.timed_out(pod, ms)}\n"
            "\tat com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:686)\n"
            "\t... 68 common frames omitted\n"
            "Caused by: org.postgresql.util.PSQLException: FATAL: sorry, too many clients already\n"
            "\tat org.postgresql.core.v3.ConnectionFactoryImpl.doAuthentication(ConnectionFactoryImpl.java:731)\n"
            "\t... 14 common frames omitted"
        )
        self.say(ms, "ERROR", pod, thread, rid, trace, counts="checkout_no_connection")
