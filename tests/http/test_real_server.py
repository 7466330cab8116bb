"""Over a real socket, where a body arrives in pieces and an answer can overtake it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from httpx2 import AsyncClient
from starlette.types import ASGIApp

from faultmaven_adapters.library import FaultMaven
from faultmaven_http.app import create_app

LIMIT = 64 * 1024
PIECE = b"x" * 64 * 1024


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    """The application behind a real server; gives its port."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, proxy_headers=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not serving.done()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def port(with_settings: Callable[..., FaultMaven]) -> AsyncIterator[int]:
    async with served(create_app(with_settings(max_upload_bytes=LIMIT))) as found:
        yield found


@pytest.fixture
async def http(port: int) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        account = {"email": "ana@example.org", "password": "correct horse"}
        await client.post("/v1/auth/register", json=account)
        tokens = (await client.post("/v1/auth/login", json=account)).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield client


HEADS = {
    "declared": b"Content-Length: 209715200\r\n",
    "streamed": b"Transfer-Encoding: chunked\r\n",
}


@pytest.mark.parametrize("how", HEADS)
async def test_an_upload_that_is_too_large_is_cut_off_while_it_streams(http: AsyncClient, port: int, how: str) -> None:
    """The 413 arrives while its sender still sends, long before 200 MB have gone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    token = http.headers["Authorization"].encode()
    writer.write(
        b"POST /v1/evidence/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + token + b"\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n" + HEADS[how] + b"\r\n"
    )
    start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.log"\r\n\r\n'
    sent = 0

    async def send() -> None:
        nonlocal sent
        for piece in (start, *[PIECE] * 3_200):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if how == "streamed" else piece)
            await writer.drain()
            sent += len(piece)

    sending = asyncio.create_task(send())
    status = await reader.readline()
    headers = await reader.readuntil(b"\r\n\r\n")
    sending.cancel()
    writer.close()
    await asyncio.wait({sending})

    assert status.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in headers.lower()
    assert sent < 100 * 1024 * 1024


async def test_a_client_that_reads_last_still_reads_the_answer(http: AsyncClient) -> None:
    """One that sends its whole body before it looks is told 413 and not that the connection broke."""
    answer = await http.post("/v1/cases", content=b" " * 4 * 1024 * 1024, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_who_may_not_upload_is_told_so_at_once(http: AsyncClient) -> None:
    """401 for a large body, read by its sender."""
    files = {"file": ("a.log", b"x" * 60_000), "more": (None, b"y" * 900_000)}

    answer = await http.post("/v1/evidence/upload", files=files, headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


async def test_a_refused_request_keeps_its_connection(http: AsyncClient) -> None:
    """A small body nobody read costs no new connection."""
    answer = await http.post("/v1/cases", json={}, headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401
    assert answer.headers.get("connection") != "close"


async def test_a_download_is_whole(http: AsyncClient) -> None:
    """What was uploaded in pieces comes down the same, and its head tells how long it is."""
    case = (await http.post("/v1/cases", json={})).json()
    data = bytes(range(256)) * 200
    form = {"case_id": case["case_id"]}
    added = (await http.post("/v1/evidence", data=form, files={"file": ("a.log", data)})).json()
    path = f"/v1/evidence/{added['evidence_id']}"

    head, whole = await http.head(path), await http.get(path)

    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(data)), b"")
    assert whole.content == data


async def test_who_stops_waiting_stops_nothing(http: AsyncClient, fm: FaultMaven) -> None:
    """A caller that goes away while its turn runs finds it answered when it comes back."""
    case = (await http.post("/v1/cases", json={})).json()
    body = {"case_id": case["case_id"], "message": "Why?"}
    waiting = asyncio.create_task(http.post("/v1/agent/chat", json=body, headers={"Prefer": "wait=30"}))
    jobs: list[dict[str, str]] = []
    while not jobs:
        jobs = (await http.get("/v1/jobs")).json()["jobs"]
    waiting.cancel()
    await asyncio.wait({waiting})

    turn = await http.get(f"/v1/agent/chat/{jobs[0]['job_id']}", headers={"Prefer": "wait=30"})
    while turn.status_code == 202:
        turn = await http.get(f"/v1/agent/chat/{jobs[0]['job_id']}")

    assert turn.json()["status"] == "completed"


class Heard(logging.Handler):
    """Tells when something was logged."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words, self.said = words, asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.words in record.getMessage():
            self.said.set()


async def test_who_goes_away_in_the_middle_is_no_error(
    http: AsyncClient, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """An upload that breaks off leaves a line in the log, no error and no file."""
    heard = Heard("its caller went away")
    log = logging.getLogger("faultmaven.http")
    caplog.set_level(logging.INFO, logger=log.name)
    log.addHandler(heard)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /v1/evidence HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\nAuthorization: "
        + http.headers["Authorization"].encode()
        + b"\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    )
    await writer.drain()
    writer.close()

    async with asyncio.timeout(30):
        await heard.said.wait()

    log.removeHandler(heard)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
