"""SQLite: sessions over a file's kept connections."""

import asyncio
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.sqlite import pysqlite

from faultmaven_domain.kernel.errors import Unavailable

from .kept import KeptConnection, KeptFile, close_file, open_file, settled
from .plans import Plan
from .urls import sqlite_path


class SqliteEngine:
    def __init__(self, url: str) -> None:
        self._path = sqlite_path(url)
        self._file: KeptFile | None = None
        self.dialect: Dialect = pysqlite.dialect(paramstyle="named")

    def open(self) -> None:
        self._file = open_file(self._path)

    async def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            await close_file(file)

    def session(self) -> "SqliteSession":
        if self._file is None:
            raise Unavailable("The database is closed.")
        return SqliteSession(self._file)


class SqliteSession:
    """The writer's begins at once and locks, so that it never fails half-way; a reader's with its first question."""

    __slots__ = ("_file", "_readonly", "kept")

    def __init__(self, file: KeptFile) -> None:
        self._file = file
        self._readonly = False
        self.kept: KeptConnection | None = None

    async def begin(self, *, readonly: bool, lasting: bool) -> None:
        self._readonly = readonly
        if readonly:
            self.kept = await self._file.take_reader()
            return
        await self._file.turns.take()
        writer = self._file.writer()
        try:
            await writer.begin(lasting=lasting)
        except BaseException:
            await self._end(writer.rollback())
            raise
        self.kept = writer

    async def rows(self, plan: Plan, arguments: dict[str, Any], *, reads: bool) -> Iterable[Iterable[Any]]:
        if self.kept is None:
            raise RuntimeError("There is no transaction.")
        if reads:
            rows = self.kept.glance(plan.sql, arguments, begins=self._readonly)
            if rows is not None:
                return rows
        return await self.kept.run(plan.sql, arguments, begins=self._readonly)

    async def commit(self) -> None:
        if self._readonly:
            await self.rollback()
        else:
            await self._end(self._taken().commit())

    async def rollback(self) -> None:
        kept = self._taken()
        if self._readonly:
            kept.release()
            self._file.give_reader(kept)
        else:
            await self._end(kept.rollback())

    async def _end(self, ending: "asyncio.Future[None]") -> None:
        try:
            await settled(ending)
        finally:
            self._file.turns.give()

    def _taken(self) -> KeptConnection:
        kept, self.kept = self.kept, None
        if kept is None:
            raise RuntimeError("There is no transaction.")
        return kept
