"""One transaction on PostgreSQL for a module's migration, whose statements can all be undone."""

from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from .connecting import connect
from .engines import Limits
from .pool import lock_key
from .postgres_errors import meant, noted
from .urls import postgres_address

R = TypeVar("R")

#: How long another process that migrates is waited for, and how long one statement may take, in seconds.
LIMITS = Limits(patience=60.0, statement=3600.0)


async def in_transaction(url: str, module: str, work: Callable[[Connection, str], R]) -> R:
    """What ``work`` gives. Those of one module take turns, whichever process they are in.

    Raises: Unavailable; StorageFull; Misconfigured.
    """
    address = postgres_address(url)

    async def creator(*_: object, **__: object) -> "asyncpg.Connection[Any]":
        return await connect(address, LIMITS)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(f"migrates {module}")}
            )
            return await connection.run_sync(work, module)
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig is not None else None
        if isinstance(cause, Exception):
            raise noted(meant(cause), cause, address.place) from cause
        raise
    finally:
        await engine.dispose()
