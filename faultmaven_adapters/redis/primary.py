"""Connections to the server that takes the writes: over TLS, by way of Sentinels, and away from one that was demoted.

The steps are those of Redis's guidelines for clients of Sentinel: the address is asked for before each connection, of
one Sentinel after the other, and a connection that says READONLY is given up, so that the next one asks again.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from attrs import define, field
from redis import exceptions as vendor
from redis.asyncio import Connection, UnixDomainSocketConnection

from .address import Host

#: How long one Sentinel may take to say who the primary is.
ANSWER = timedelta(seconds=1)


class Demoted(vendor.ConnectionError):
    """This server was the primary, and is a replica now."""


class Untrusted(vendor.RedisError):
    """The server's certificate is not that of whom it was to be."""


class Nameless(vendor.RedisError):
    """The Sentinels know no primary by this name."""


class _Demotable:
    """Gives a connection up once its server takes no writes any more: it is not the one that was meant."""

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]
        except vendor.ResponseError as error:
            if not _is_demotion(error):
                raise
            await self.disconnect(nowait=True)  # type: ignore[attr-defined]
            raise Demoted(str(Demoted.__doc__)) from None


def _is_demotion(error: vendor.ResponseError) -> bool:
    """Also as a script passes it on, and as one hears it who was waiting."""
    text = str(error)
    return isinstance(error, vendor.ReadOnlyError) or "-READONLY " in text or text.startswith("UNBLOCKED ")


class SocketConnection(_Demotable, UnixDomainSocketConnection):
    """Over a unix socket."""


class PrimaryConnection(_Demotable, Connection):
    """Over TCP: to ``host`` and ``port``, or to whom ``sentinels`` name each time."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, sentinels: "Sentinels | None" = None, **options: Any
    ) -> None:
        self._tls, self._sentinels = tls, sentinels
        super().__init__(**options)

    async def connect(self) -> None:
        if self._sentinels is not None and self.is_connected and (self.host, self.port) != self._sentinels.known:
            await self.disconnect(nowait=True)
        await super().connect()  # type: ignore[no-untyped-call]

    async def _connect(self) -> None:
        if self._sentinels is not None:
            self.host, self.port = await self._sentinels.primary()
        try:
            await super()._connect()  # type: ignore[no-untyped-call]
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(f"{self.host}:{self.port}: {error.verify_message}") from error

    def _connection_arguments(self) -> Mapping[str, Any]:
        arguments = super()._connection_arguments()
        return arguments if self._tls is None else {**arguments, "ssl": self._tls}


@define(eq=False)
class Sentinels:
    """``options`` are those of a connection to one of them. ``known`` is where the primary was last seen."""

    hosts: Sequence[Host]
    name: str
    options: Mapping[str, Any]
    known: Host | None = field(default=None, init=False)

    async def primary(self) -> Host:
        """The first answer counts, and who gave it is asked first from then on.

        Raises: what the vendor's client does; Nameless where each that answers knows no such primary.
        """
        failures: list[Exception] = []
        for host in tuple(self.hosts):
            try:
                async with asyncio.timeout(ANSWER.total_seconds()):
                    found = await self._asked(host)
            except (vendor.RedisError, OSError, TimeoutError) as error:
                failures.append(error)
                continue
            self.hosts = (host, *(other for other in self.hosts if other != host))
            self.known = found
            return found
        told = (each for error in failures for each in (error, error.__cause__) if each is not None)
        refusals = (each for each in told if isinstance(each, vendor.AuthenticationError | Untrusted | Nameless))
        raise next(refusals, vendor.ConnectionError("No Sentinel answers."))

    async def _asked(self, host: Host) -> Host:
        connection = PrimaryConnection(host=host[0], port=host[1], **self.options)
        try:
            await connection.connect()
            await connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)
            found = await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)
        if found is None:
            raise Nameless(self.name)
        return found[0].decode(), int(found[1])
