"""Opens the modules' databases, and closes them."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from .engines import Limits
from .gateway import Gateway
from .modules import MODULES
from .transactions import SqlTransactions


@asynccontextmanager
async def open_sql(
    urls: Mapping[str, str], on_outbox: Callable[[], None], limits: Limits | None = None
) -> AsyncIterator[dict[str, SqlTransactions[Any]]]:
    """Each module's transactions over its database, which was migrated before; it is reached at the first use.

    ``on_outbox`` follows each commit of a message. Modules in one database share its connections, on a server within
    ``limits``.
    Raises: Misconfigured.
    """
    async with AsyncExitStack() as stack:
        opened: dict[str, SqlTransactions[Any]] = {}
        for module, url in urls.items():
            gateway = Gateway(url, module=module, limits=limits)
            await gateway.open()
            stack.push_async_callback(gateway.close)
            opened[module] = SqlTransactions(gateway, MODULES[module].unit, on_outbox)
        yield opened
