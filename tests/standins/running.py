"""An ASGI application on a free port of this machine, for as long as a block lasts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from tests.standins.serving import BACKLOG, listening


@contextmanager
def running(app: ASGIApp, port: int = 0, *, certificate: Path | None = None) -> Iterator[str]:
    """Its address, once it answers; with TLS where there is a certificate, its key in the same file."""
    with listening(port) as sock:
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            date_header=False,
            timeout_graceful_shutdown=1,
            backlog=BACKLOG,
            ssl_certfile=certificate,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
