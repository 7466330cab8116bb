"""One case over HTTP, against a bare route that does the same check, limit call and reads: requests a second.

Both servers run at once, each in a process of its own; one is asked after the other, in turns.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from faultmaven_adapters import open as opened
from faultmaven_adapters.owner import holder
from faultmaven_adapters.settings import load_settings
from faultmaven_domain.kernel.principal import Principal
from tests.e2e.server import Server

from .bare import LIMIT
from .hammer import Hammer
from .row import Row

CONNECTIONS = 8
SHARE = 0.6
EMAIL, PASSWORD = "bench@example.com", "correct horse battery"
QUIET = {"MODEL_DOWNLOAD": "false", "LLM_PROVIDER": "extractive"}
LIMITED = {"RATE_LIMITS": "true", "REQUESTS_PER_MINUTE": str(LIMIT)}


def run(*, quick: bool) -> list[Row]:
    """The rate of our route and of the bare one, and their ratio."""
    rounds, seconds = (2, 0.3) if quick else (10, 1.5)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        case_id, token = asyncio.run(_filled(data))
        server = Server(data, QUIET | LIMITED).start()
        try:
            with _bare(data) as bare:
                return _measured(server.url, bare, f"/v1/cases/{case_id}", token, rounds, seconds)
        finally:
            server.kill()


def _measured(ours: str, bare: str, path: str, token: str, rounds: int, seconds: float) -> list[Row]:
    headers = {"Authorization": f"Bearer {token}"}
    answers = [_body(url + path, headers) for url in (ours, bare)]
    assert answers[0] == answers[1], "the two do not answer the same"
    hammers = [Hammer(url, path, headers, connections=CONNECTIONS) for url in (ours, bare)]
    for hammer in hammers:
        hammer.run(seconds / 2)
    rates: list[list[float]] = [[], []]
    for _ in range(rounds):
        for each, hammer in zip(rates, hammers, strict=True):
            each.append(hammer.run(seconds))
    for hammer in hammers:
        hammer.close()
    of_ours, of_bare = (statistics.median(each) for each in rates)
    share = statistics.median(a / b for a, b in zip(*rates, strict=True))
    what = f"GET /v1/cases/{{id}}, {len(answers[0])} B, {CONNECTIONS} connections"
    return [
        Row(f"{what}: ours", f"{of_ours:.0f}/s", "", True),
        Row(f"{what}: a bare Starlette route", f"{of_bare:.0f}/s", "", True),
        Row("ours of the bare route's rate", f"{share:.2f}", f">= {SHARE}", share >= SHARE, aim=True),
    ]


async def _filled(data: Path) -> tuple[str, str]:
    """A case with five turns behind it, and a token good for an hour; gives both."""
    settings = load_settings(QUIET | {"ACCESS_TOKEN_MINUTES": "60"}, data_dir=data)
    async with opened(settings=settings) as fm:
        user = await fm.auth.register(email=EMAIL, password=PASSWORD)
        token = (await fm.auth.login(name=EMAIL, password=PASSWORD)).tokens.access_token
        principal = Principal(user_id=user.user_id)
        case = await fm.cases.create(principal=principal, title="Checkout answers 503", description="Since 09:14 UTC.")
        for turn in range(5):
            for role in ("user", "agent"):
                await fm.cases.record_message(
                    principal=principal,
                    case_id=case.case_id,
                    message_id=f"msg_{turn}_{role}",
                    role=role,
                    content="The pool of connections is exhausted; see [1] and [2]. " * 4,
                    created_at=fm.clock.now(),
                    metadata={} if role == "user" else {"citations": [{"number": 1, "title": "api.log", "lines": [3]}]},
                )
        return case.case_id, token


@contextmanager
def _bare(data: Path) -> Iterator[str]:
    owner = holder(data)
    assert owner is not None
    command = [sys.executable, "-m", "tests.bench.bare", str(data / "faultmaven.db"), str(owner.socket)]
    process = subprocess.Popen([*command, str(data / "secret")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, "the bare server did not start"
        time.sleep(0.2)
        yield url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _body(url: str, headers: dict[str, str]) -> bytes:
    with urlopen(Request(url, headers=headers)) as answer:
        body: bytes = answer.read()
        return body
