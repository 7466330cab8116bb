"""Data in SQL: a gateway to the database, each module's tables and repositories, and their migrations."""

from .engines import Limits
from .gateway import Gateway
from .migrate import migrate
from .modules import MODULES
from .opened import open_sql
from .transactions import SqlTransactions
from .urls import sqlite_path, sqlite_url

__all__ = [
    "MODULES",
    "Gateway",
    "Limits",
    "SqlTransactions",
    "migrate",
    "open_sql",
    "sqlite_path",
    "sqlite_url",
]
