"""A door before a PostgreSQL server that speaks TLS, which the wheel's own cannot, or that says it does not."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

#: What a client asks first (PostgreSQL's manual, 54.7): a length of 8, and the number that stands for TLS.
ASKS_FOR_TLS = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@contextmanager
def door(path: str, context: ssl.SSLContext | None) -> Iterator[int]:
    """The port on which it listens, for a server on the socket ``path``; without a context TLS is refused."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accepting() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threads.append(threading.Thread(target=_served, args=(client, path, context)))
                    threads[-1].start()

        threads.append(threading.Thread(target=accepting))
        threads[0].start()
        try:
            yield listening.getsockname()[1]
        finally:  # a thread that waits would keep a test process that has failed from its end
            listening.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _served(client: socket.socket, path: str, context: ssl.SSLContext | None) -> None:
    with closing(client), suppress(OSError):
        assert client.recv(8, socket.MSG_WAITALL) == ASKS_FOR_TLS
        client.sendall(b"N" if context is None else b"S")
        if context is None:
            return
        with context.wrap_socket(client, server_side=True) as inside, socket.socket(socket.AF_UNIX) as server:
            server.connect(path)
            back = threading.Thread(target=_carried, args=(server, inside))
            back.start()
            _carried(inside, server)
            back.join()


def _carried(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        finally:  # a client that leaves without a word too
            target.shutdown(socket.SHUT_WR)
