"""A client that asks as fast as it is answered, or at a rate, over kept connections, and costs as little as it can."""

import selectors
import socket
import time
from urllib.parse import urlsplit

_LENGTH = b"content-length:"


class Hammer:
    """``connections`` kept open to one address, each with one request on its way at a time."""

    def __init__(self, url: str, path: str, headers: dict[str, str], *, connections: int) -> None:
        address = urlsplit(url)
        lines = [f"GET {path} HTTP/1.1", f"Host: {address.netloc}", *[f"{k}: {v}" for k, v in headers.items()]]
        self._request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self._sockets = [_connected(address.hostname or "", address.port or 80) for _ in range(connections)]

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def run(self, seconds: float, *, rate: float | None = None) -> float:
        """Answers a second; with a ``rate`` it asks so often, as long as a connection is free for it.

        Raises: AssertionError for any but a 200.
        """
        answered, free, came = 0, list(self._sockets), dict.fromkeys(self._sockets, b"")
        with selectors.DefaultSelector() as selector:
            for each in self._sockets:
                selector.register(each, selectors.EVENT_READ)
            began = due = time.perf_counter()
            while True:
                now = time.perf_counter()
                while free and now - began < seconds and now >= due:
                    free.pop(0).sendall(self._request)
                    due += 1 / rate if rate else 0.0
                if now - began >= seconds and len(free) == len(self._sockets):
                    return answered / (now - began)
                for key, _ in selector.select(max(0.0, due - now) if free else None):
                    assert isinstance(key.fileobj, socket.socket)
                    sock = key.fileobj
                    came[sock] += sock.recv(262_144)
                    if _whole(came[sock]):
                        answered += 1
                        came[sock] = b""
                        free.append(sock)


def _connected(host: str, port: int) -> socket.socket:
    sock = socket.create_connection((host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _whole(data: bytes) -> bool:
    assert data, "the server hung up"
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    assert head.startswith(b"HTTP/1.1 200 "), data[:500]
    lower = head.lower()
    at = lower.index(_LENGTH) + len(_LENGTH)
    return len(body) >= int(lower[at : (lower + b"\r\n").index(b"\r\n", at)])
