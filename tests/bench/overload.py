"""More than one process can take: large uploads all at once, and connections that say little, slowly. What it costs."""

import asyncio
import resource
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

from attrs import define, field
from httpx2 import AsyncClient, TransportError

from tests.e2e.server import Server

from .row import Row

MIB = 1024 * 1024
PIECE = 64 * 1024
#: What the process may take at its most beyond what it takes when idle, in bytes: what it holds of bodies, and so much
#: for each connection.
PER_CONNECTION = 200 * 1024
#: How long an answer may take to come, in seconds.
PATIENCE = 180.0
ENVIRONMENT = {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive", "WORKER": "false", "LOG_LEVEL": "warning"}


@define
class Attack:
    """What came of it. ``statuses``: of the uploads, 0 where the connection broke; sizes in bytes."""

    idle: int
    statuses: Counter[int] = field(factory=Counter)
    unsaid: int = 0  # refusals that name no time to come again, or are not of our shape
    asked: int = 0
    healthy: int = 0
    peak: int = 0


def run(*, uploads: int = 500, slow: int = 2_000) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder, "data"), ENVIRONMENT).start()
        try:
            found = asyncio.run(attacked(server, uploads=uploads, size=10 * MIB, slow=slow))
        finally:
            server.kill()
    most = 2 * 256 * MIB + PER_CONNECTION * (uploads + slow)
    grown = found.peak - found.idle
    what = f"{uploads} uploads of 10 MiB and {slow} slow connections at one process"
    taken, refused = found.statuses[201], found.statuses[503]
    return [
        Row(f"{what}: memory beyond the idle process's", f"{grown // MIB} MiB", f"{most // MIB} MiB", grown <= most),
        Row(f"{what}: uploads stored", str(taken), "1 or more", taken >= 1),
        Row(f"{what}: refused with 503 and Retry-After", str(refused), "the rest", taken + refused == uploads),
        Row(f"{what}: refusals that say nothing of when to come again", str(found.unsaid), "0", not found.unsaid),
        Row(f"{what}: health asked and answered meanwhile", f"{found.healthy} of {found.asked}", "all",
            found.healthy == found.asked),
    ]  # fmt: skip


async def attacked(server: Server, *, uploads: int, size: int, slow: int) -> Attack:
    """The slow ones first; then all uploads at once."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    async with AsyncClient(base_url=f"{server.url}/v1", timeout=PATIENCE) as http:
        account = {"email": "ana@example.org", "password": "correct horse"}
        await http.post("/auth/register", json=account)
        token = (await http.post("/auth/login", json=account)).json()["access_token"]
        case = await http.post("/cases", json={}, headers={"Authorization": f"Bearer {token}"})
    found = Attack(idle=_memory(server.pid, "VmHWM"))  # once all is loaded that a first request needs
    head, body = _upload(token, case.json()["case_id"], size)
    port = int(server.url.rpartition(":")[2])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(slow)]
    for n, (_, writer) in enumerate(held):
        writer.write(_SLOW[n % len(_SLOW)])
    health = asyncio.create_task(_health(server.url, found))
    answers = await asyncio.gather(*(_sent(port, head, body, size) for _ in range(uploads)))
    health.cancel()
    await asyncio.wait({health})
    for _, writer in held:
        writer.transport.abort()
    for status, says_when in answers:
        found.statuses[status] += 1
        found.unsaid += status == 503 and not says_when
    found.peak = _memory(server.pid, "VmHWM")
    return found


#: Nothing, the beginning of a head, and the beginning of a body that anybody may send.
_SLOW = (
    b"",
    b"GET /v1/cases HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    b"POST /v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 120000\r\n\r\n" + b" " * 60_000,
)


def _upload(token: str, case_id: str, size: int) -> tuple[bytes, tuple[bytes, bytes]]:
    before = (
        f'--b\r\nContent-Disposition: form-data; name="case_id"\r\n\r\n{case_id}\r\n'
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.log"\r\n\r\n'
    ).encode()
    after = b"\r\n--b--\r\n"
    head = (
        f"POST /v1/evidence HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(before) + size + len(after)}\r\n\r\n"
    ).encode()
    return head, (before, after)


async def _sent(port: int, head: bytes, body: tuple[bytes, bytes], size: int) -> tuple[int, bool]:
    """The status, 0 where the connection broke, and whether the answer tells when to come again, in its shape."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sending = asyncio.create_task(_send(writer, head, body, size))
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await reader.readuntil(b"\r\n\r\n")
                answer += await reader.read(65_536)
        finally:
            sending.cancel()
            await asyncio.wait({sending})
            writer.transport.abort()
    except (OSError, asyncio.IncompleteReadError):
        return 0, False
    return int(answer.split(b" ", 2)[1]), b"retry-after: " in answer.lower() and b'"error"' in answer


async def _send(writer: asyncio.StreamWriter, head: bytes, body: tuple[bytes, bytes], size: int) -> None:
    before, after = body
    writer.write(head + before)
    piece = b"x" * PIECE
    for sent in range(0, size, PIECE):
        writer.write(piece[: size - sent])
        await writer.drain()
    writer.write(after)
    await writer.drain()


async def _health(url: str, found: Attack) -> None:
    """Asked by somebody new each time, as probes do."""
    while True:
        async with AsyncClient(base_url=url, timeout=PATIENCE) as http:
            with suppress(TransportError):
                found.healthy += (await http.get("/health/live")).status_code == 200
        found.asked += 1
        await asyncio.sleep(0.2)


def _memory(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:"))
