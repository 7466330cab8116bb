"""A stand-in in a process of its own."""

import socket
from collections.abc import Callable

import click
import uvicorn

from tests.standins.playing import StandIn

BACKLOG = 1_024


def serve(make: Callable[..., StandIn], path: str = "") -> None:
    """Read the command line, say the address on a line of its own, and answer until told to stop."""

    @click.command()
    @click.option("--port", default=0, show_default="a free one")
    @click.option("--sleep", default=0.0, help="Seconds before each answer's first token.")
    @click.option("--between", default=0.0, help="Seconds between the pieces of one that streams.")
    @click.option("--pieces", default=8, show_default=True, help="How many pieces that are.")
    @click.option("--grounded", is_flag=True, help="Answer from the prompt's own sources, and cite them.")
    def run(port: int, sleep: float, between: float, pieces: int, grounded: bool) -> None:
        standin = make(first_token_after=sleep, between=between, pieces=pieces, grounded=grounded)
        with listening(port) as sock:
            click.echo(f"http://127.0.0.1:{sock.getsockname()[1]}{path}")
            config = uvicorn.Config(
                standin.app, lifespan="off", log_config=None, timeout_graceful_shutdown=1, backlog=BACKLOG
            )
            uvicorn.Server(config).run(sockets=[sock])

    run()


def listening(port: int = 0) -> socket.socket:
    """A socket of this machine alone; its protocol is named, or asyncio would leave Nagle's algorithm on."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(BACKLOG)
    return sock
