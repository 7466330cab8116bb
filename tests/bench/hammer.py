"""A client that asks as fast as it is answered, over kept connections, and costs as little as it can."""

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

    def run(self, seconds: float) -> float:
        """Answers a second. Raises: AssertionError for any but a 200."""
        answered = 0
        with selectors.DefaultSelector() as selector:
            came: dict[socket.socket, bytes] = {}
            for each in self._sockets:
                selector.register(each, selectors.EVENT_READ)
                came[each] = b""
                each.sendall(self._request)
            began = time.perf_counter()
            while came:
                for key, _ in selector.select():
                    assert isinstance(key.fileobj, socket.socket)
                    sock = key.fileobj
                    came[sock] += sock.recv(262_144)
                    if not _whole(came[sock]):
                        continue
                    answered += 1
                    if time.perf_counter() - began < seconds:
                        came[sock] = b""
                        sock.sendall(self._request)
                    else:
                        selector.unregister(sock)
                        del came[sock]
            return answered / (time.perf_counter() - began)


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
