"""postgres.log in PostgreSQL's own format: log_line_prefix '%m [%p] %q%u@%d %h ', log_connections = authorization."""

from random import Random

from attrs import frozen

from .scene import HOUR, MINUTE, SECOND, Log, at, every, moment
from .slots import Client, Slots, Turn

CHECKPOINTER = 29


@frozen
class Database:
    log: Log
    rng: Random
    slots: Slots

    def play(self) -> None:
        for turn in self.slots.turns:
            self._connection(turn)
        self._checkpoints()
        self._vacuum()
        self._hourly_report()
        self._everyday_errors()

    def _say(self, ms: int, pid: int, who: str, record: str, *, counts: str | None = None) -> None:
        stamp = f"{moment(ms):%Y-%m-%d %H:%M:%S}.{ms % SECOND:03d} UTC"
        self.log.write(ms, f"{stamp} [{pid}] {who}{record}", counts=counts)

    def _complain(self, ms: int, user: str, *records: str) -> None:
        """Let one of the user's open sessions say it; whoever has none has nothing to say."""
        theirs = [s for s in self.slots.sessions if s.client.user == user and s.since < ms < s.until]
        if theirs:
            session = self.rng.choice(theirs)
            for record in records:
                self._say(ms, session.pid, _who(session.client), record)

    def _connection(self, turn: Turn) -> None:
        client = turn.client
        who = _who(client)
        names = f"user={client.user} database={client.database}"
        if turn.kind == "refused":
            self._say(
                turn.ms, turn.pid, who, "FATAL:  sorry, too many clients already", counts="postgres_too_many_clients"
            )
        elif turn.kind == "authorized":
            self._say(turn.ms, turn.pid, who, f"LOG:  connection authorized: {names} application_name={client.name}")
        else:
            lasted = f"{turn.lasted // HOUR}:{turn.lasted // MINUTE % 60:02d}:{turn.lasted / SECOND % 60:06.3f}"
            end = f"LOG:  disconnection: session time: {lasted} {names} host={client.ip} port={turn.port}"
            self._say(turn.ms, turn.pid, who, end)

    def _checkpoints(self) -> None:
        rng = self.rng
        for start in range(at("13:34:11.207"), at("14:14:00"), 5 * MINUTE):
            self._say(start, CHECKPOINTER, "", "LOG:  checkpoint starting: time")
            buffers, wrote = rng.randrange(380, 940), rng.uniform(140, 269)
            done = (
                f"LOG:  checkpoint complete: wrote {buffers} buffers ({buffers / 1638.4:.1f}%), wrote 3 SLRU buffers; "
                f"0 WAL file(s) added, 0 removed, {rng.randrange(1, 3)} recycled; "
                f"write={wrote:.3f} s, sync=0.{rng.randrange(4, 40):03d} s, total={wrote + 0.06:.3f} s"
            )
            self._say(start + round((wrote + 0.06) * SECOND), CHECKPOINTER, "", done)

    def _vacuum(self) -> None:
        tables = ("carts", "cart_items", "orders", "sessions", "outbox")
        for ms in every(self.rng, 4 * MINUTE):
            forked = max((turn.pid for turn in self.slots.turns if turn.ms < ms), default=41_200)
            table = self.rng.choice(tables)
            pages = self.rng.randrange(20, 300)
            record = (
                f'LOG:  automatic vacuum of table "shop.public.{table}": index scans: 1\n'
                f"\tpages: 0 removed, {pages * 9} remain, {pages} scanned (11.11% of total), 0 eagerly scanned\n"
                f"\ttuples: {pages * 7} removed, {pages * 212} remain, 0 are dead but not yet removable"
            )
            self._say(ms, forked + 1, "", record)

    def _hourly_report(self) -> None:
        """The slow cron: it runs on every hour, is done before the rollout begins and has nothing to do with it."""
        session = next(s for s in self.slots.sessions if s.client.user == "reporting")
        who, pid = _who(session.client), session.pid
        spilled = f'LOG:  temporary file: path "base/pgsql_tmp/pgsql_tmp{pid}.0", size 431529984'
        self._say(at("14:00:41.870"), pid, who, spilled)
        query = "SELECT category, sum(amount) FROM order_lines JOIN products USING (product_id) GROUP BY 1"
        self._say(at("14:00:42.311"), pid, who, f"LOG:  duration: 41806.318 ms  statement: {query}")

    def _everyday_errors(self) -> None:
        rng = self.rng
        for ms in every(rng, 3 * MINUTE):
            query = "SELECT * FROM products WHERE name ILIKE $1 ORDER BY rank LIMIT 24"
            self._complain(
                ms, "catalog", f"LOG:  duration: {rng.uniform(510, 1900):.3f} ms  execute <unnamed>: {query}"
            )
        for ms in every(rng, 6 * MINUTE):
            duplicate = (
                'ERROR:  duplicate key value violates unique constraint "shipments_order_id_key"',
                f"DETAIL:  Key (order_id)=({rng.randrange(495_000, 502_000)}) already exists.",
            )
            self._complain(ms, "orders", *duplicate)
        for ms in every(rng, 11 * MINUTE):
            self._complain(ms, "catalog", "LOG:  could not receive data from client: Connection reset by peer")
        self._complain(at("13:47:52.118"), "orders", "ERROR:  canceling statement due to lock timeout")


def _who(client: Client) -> str:
    return f"{client.user}@{client.database} {client.ip} "
