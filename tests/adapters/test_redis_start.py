"""Who is reached and who is refused, and where a start puts what."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from arq.connections import ArqRedis
from redis.crc import key_slot

from faultmaven_adapters.diagnosis import diagnose
from faultmaven_adapters.open_redis import add_redis
from faultmaven_adapters.opening import Opening
from faultmaven_adapters.owner import Role
from faultmaven_adapters.redis.address import Login, Tls, Verification, address_of
from faultmaven_adapters.redis.connection import close, connect, connect_any, ping
from faultmaven_adapters.redis.eviction import evicts
from faultmaven_adapters.redis.job_queue import ArqJobQueue
from faultmaven_adapters.redis.primary import Sentinels
from faultmaven_adapters.redis.result_store import RedisResultStore
from faultmaven_adapters.redis.session_store import RedisSessionStore
from faultmaven_adapters.settings import load_settings, read_settings
from faultmaven_domain.agent import EventKind, TurnEvents
from faultmaven_domain.kernel.cache import Cache
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from faultmaven_domain.kernel.idempotency import ReplyStore
from faultmaven_domain.kernel.jobs import JobQueue, ResultStore
from faultmaven_domain.kernel.limits import RateLimiter
from faultmaven_domain.session import SessionStore
from tests.adapters.redis_door import a_door
from tests.adapters.redis_places import PASSWORD, Certified, sentinel_address
from tests.adapters.redis_processes import Server, a_port, a_sentinel
from tests.contracts.cache import HOUR
from tests.contracts.job_queue import TURN
from tests.contracts.rate_limiter import MINUTE
from tests.contracts.reply_store import a_claim
from tests.contracts.session_store import NOON, a_session
from tests.contracts.turn_events import NOW


@asynccontextmanager
async def started(tmp_path: Path, **environ: str) -> AsyncIterator[Opening]:
    async with AsyncExitStack() as stack:
        opening = Opening(load_settings(environ, data_dir=tmp_path), stack)
        await add_redis(opening, Role.WORKER)
        yield opening


async def test_each_thing_is_where_it_belongs(
    tmp_path: Path, cluster: list[Server], watched: tuple[Server, Server]
) -> None:
    """With a cluster for the rest, jobs are at the queue's own address alone, nothing else is, and each key's server is
    asked at once."""
    primary, sentinel = watched
    for server in (*cluster, primary):
        server.asked("FLUSHALL")
        server.asked("CONFIG", "RESETSTAT")
    async with started(
        tmp_path,
        REDIS_URL=f"redis+cluster://127.0.0.1:{cluster[0].port}",
        QUEUE_REDIS_URL=f"redis+sentinel://127.0.0.1:{sentinel.port}/main",
        REDIS_SENTINEL_PASSWORD="other",
    ) as opening:
        await opening.queue.enqueue(TURN, {}, job_id="1")
        assert set(primary.asked("KEYS", "*")) == {"fm:turns", "arq:job:1", "fm:wake:fm:turns"}
        primary.asked("FLUSHALL")
        adapters = opening.adapters
        await adapters[SessionStore].put(a_session(user_id="ana"), now=NOON)
        await adapters[Cache].set("k", b"v", HOUR)
        await adapters[ResultStore].set("1", {})
        await adapters[TurnEvents].add("1", EventKind.ENDED, {})
        assert await adapters[TurnEvents].read("1", wait=NOW)
        await adapters[RateLimiter].take("b", limit=1, window=MINUTE, now=NOON)
        await adapters[ReplyStore].claim(a_claim(), lease=HOUR)

        kept = {key.split(":")[1] for server in cluster for key in server.asked("KEYS", "*")}
        assert kept == {"session", "sessions", "cache", "result", "turn", "limit", "reply"}
        assert not any("errorstat_MOVED" in server.asked("INFO", "errorstats") for server in cluster)
        assert primary.asked("DBSIZE") == 0
        assert set(opening.pings) == {"redis", "queue"}
        for asked in opening.pings.values():
            await asked()
        assert isinstance(adapters[JobQueue]._redis, ArqRedis)
        assert PASSWORD not in f"{opening.redis}"


async def test_one_address_is_for_all(tmp_path: Path, guarded: Server) -> None:
    """Without an address of its own the queue is where the rest is, and one ping is for both."""
    url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}"
    async with started(tmp_path, REDIS_URL=url) as opening:
        await opening.queue.enqueue(TURN, {}, job_id="1")

        assert guarded.asked("EXISTS", "arq:job:1") == 1
        assert set(opening.pings) == {"redis"}
        assert opening.notes == []


async def test_a_cluster_by_another_name(tmp_path: Path, cluster: list[Server], guarded: Server) -> None:
    """A plain address that leads to a cluster's server stops the start, which names the variable and says what to do;
    one where this may not be asked does not."""
    alone = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}"
    server = cluster[0]
    server.asked("ACL", "SETUSER", "bob", "on", ">bob", "~*", "+@all", "-info")
    with pytest.raises(Misconfigured, match=r"^REDIS_URL leads to a server of a cluster.* redis\+cluster://"):
        async with started(tmp_path, REDIS_URL=f"redis://127.0.0.1:{server.port}"):
            pass
    with pytest.raises(Misconfigured, match=r"^QUEUE_REDIS_URL leads to a server of a cluster.* outside of it"):
        async with started(tmp_path, REDIS_URL=alone, QUEUE_REDIS_URL=f"redis://127.0.0.1:{server.port}"):
            pass
    async with started(tmp_path, REDIS_URL=f"redis://bob:bob@127.0.0.1:{server.port}") as opening:
        assert set(opening.pings) == {"redis"}
    server.asked("ACL", "DELUSER", "bob")


async def test_a_queue_that_may_be_thrown_away(tmp_path: Path, guarded: Server) -> None:
    """A start and the doctor note that the queue's Redis evicts; of one that has no limit, or does not say, they do not
    speak."""
    url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{guarded.port}"
    guarded.asked("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    guarded.asked("ACL", "SETUSER", "bob", "on", ">bob", "+@all", "-config")
    try:
        client = connect(url)
        assert await evicts(client) is None
        guarded.asked("CONFIG", "SET", "maxmemory", "100mb")
        assert await evicts(client) == "allkeys-lru"
        async with started(tmp_path, REDIS_URL=url) as opening:
            assert ["maxmemory-policy allkeys-lru" in note for note in opening.notes] == [True]
        settings = read_settings({"REDIS_URL": url, "PORT": "0", "MODEL_DOWNLOAD": "false"}, data_dir=tmp_path)
        assert "maxmemory-policy allkeys-lru" in str(await diagnose(settings))
        async with started(tmp_path, REDIS_URL=f"redis://bob:bob@127.0.0.1:{guarded.port}") as opening:
            assert opening.notes == []
        await close(client)
    finally:
        guarded.asked("CONFIG", "SET", "maxmemory", "0")
        guarded.asked("CONFIG", "SET", "maxmemory-policy", "noeviction")


async def test_a_sentinel_that_answers_is_asked_first(watched: tuple[Server, Server]) -> None:
    """One that is not there costs its time once, and not with every connection."""
    primary, sentinel = watched
    sentinels = Sentinels((("127.0.0.1", 1), sentinel.host), "main", {"password": "other"})

    assert await sentinels.primary() == primary.host
    assert sentinels.hosts == (sentinel.host, ("127.0.0.1", 1))


async def asked(url: str, *, tls: Tls | None = None, sentinel: Login | None = None) -> None:
    client = connect_any(address_of(url, tls=tls, sentinel_login=sentinel))
    try:
        await ping(client)
    finally:
        await close(client)


async def test_certificates(certified: Certified, guarded: Server, tmp_path: Path) -> None:
    """Over TLS a server must show a certificate of a known issuer and of its own name, unless less is asked for."""
    elsewhere = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certified.authority.issue_cert("redis.example").configure_cert(elsewhere)
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    async with (
        a_door(lambda: guarded.port, certified.context) as named,
        a_door(lambda: guarded.port, elsewhere) as nameless,
    ):
        reached, refusals = set[tuple[int, Path | None, Verification]](), set[str]()
        for port in (named, nameless):
            for ca in (certified.file, stranger, None):
                for verification in Verification:
                    tls = Tls(ca=ca, verification=verification)
                    try:
                        await asked(f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}", tls=tls)
                    except Misconfigured as error:
                        refusals.add(error.message)
                    else:
                        reached.add((port, ca, verification))

    assert refusals == {"The certificate of Redis is not trusted; REDIS_TLS_CA names whom to trust."}
    assert reached == {
        (named, certified.file, Verification.FULL),
        *((port, certified.file, Verification.CA) for port in (named, nameless)),
        *((port, ca, Verification.NONE) for port in (named, nameless) for ca in (certified.file, stranger, None)),
    }


async def test_sentinels_over_tls(certified: Certified, guarded: Server, tmp_path: Path) -> None:
    """Sentinels and the primary are each asked over TLS, and each by its own password."""
    primary, password = a_port(), quote(PASSWORD, safe="")
    with a_sentinel(tmp_path, Server(guarded.process, primary), password="other") as sentinel:
        async with (
            a_door(lambda: guarded.port, certified.context, primary),
            a_door(lambda: sentinel.port, certified.context) as port,
        ):
            url = f"rediss+sentinel://:{password}@127.0.0.1:{port}/main"
            await asked(url, tls=Tls(ca=certified.file), sentinel=Login(password="other"))
            with pytest.raises(Misconfigured, match="certificate of Redis is not trusted"):
                await asked(url, tls=Tls(), sentinel=Login(password="other"))


async def test_a_clients_own_certificate(certified: Certified, guarded: Server, tmp_path: Path) -> None:
    """Where the other side wants to know who asks, only who has a certificate is answered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certified.authority.issue_cert("127.0.0.1").configure_cert(context)
    certified.authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    mine, cert, key = certified.authority.issue_cert("faultmaven"), tmp_path / "cert.pem", tmp_path / "key.pem"
    mine.cert_chain_pems[0].write_to_path(cert)
    mine.private_key_pem.write_to_path(key)
    async with a_door(lambda: guarded.port, context) as port:
        url = f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}"
        await asked(url, tls=Tls(ca=certified.file, certificate=cert, key=key))
        with pytest.raises(Unavailable):
            await asked(url, tls=Tls(ca=certified.file))


async def test_who_is_not_what_the_address_says(
    guarded: Server, watched: tuple[Server, Server], cluster: list[Server]
) -> None:
    """A cluster that is none, one that is not called so, an unknown primary and a wrong password are bad settings."""
    sentinel = sentinel_address(watched[1]).hosts[1][1]
    for url, login, what in (
        (f"redis://:wrong@127.0.0.1:{guarded.port}", None, "refuses the user or password"),
        (f"redis+cluster://:wrong@127.0.0.1:{guarded.port}", None, "refuses the user or password"),
        (f"redis+cluster://127.0.0.1:{watched[0].port}", None, "is one by itself"),
        (f"redis+sentinel://127.0.0.1:{sentinel}/other", Login(password="other"), "know no primary of the name"),
        (f"redis+sentinel://127.0.0.1:{sentinel}/main", Login(password="wrong"), "refuses the user or password"),
        (f"redis+sentinel://127.0.0.1:{sentinel}/main", None, "refuses the user or password"),
    ):
        with pytest.raises(Misconfigured, match=what):
            await asked(url, sentinel=login)
    client = connect(f"redis://127.0.0.1:{cluster[0].port}")
    elsewhere = next(f"{n}" for n in range(100) if key_slot(f"fm:result:{n}".encode()) > 12_000)
    for call in (
        RedisResultStore(client).set(elsewhere, {}),
        RedisSessionStore(client).put(a_session(user_id="ana"), now=NOON),
        ArqJobQueue(client).enqueue(TURN, {}, job_id="1"),
        ArqJobQueue(client).get_status("1"),
        ArqJobQueue(client).take_back("1"),
    ):
        with pytest.raises(Misconfigured, match=r"begins with redis\+cluster.* QUEUE_REDIS_URL names a server outside"):
            await call
    await close(client)
    with pytest.raises(Unavailable):
        await asked("redis+sentinel://127.0.0.1:1,127.0.0.1:2/main")
    with pytest.raises(Unavailable):
        await asked("redis+cluster://127.0.0.1:1,127.0.0.1:2")
