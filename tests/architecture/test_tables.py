"""A module's tables are its own: by name, by metadata, by reference and by database."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from pytest_archon import archrule
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, MetaData, Table

from faultmaven_adapters.settings import load_settings
from faultmaven_adapters.sql import open_sql, sqlite_path
from faultmaven_adapters.sql.migrate import migrate
from faultmaven_adapters.sql.modules import MODULES
from tests.architecture.rules import STDLIB, breaches, exactly, within
from tests.architecture.source import ADAPTERS, DOMAIN, planted

#: What the modules' files in ``sql`` share; none of it knows a table of theirs.
SHARED = ("columns", "gateway", "jobs", "records")


def trespasses(modules: Mapping[str, MetaData]) -> list[str]:
    """Tables and indexes under another's name, references to another's table, metadata held in common."""
    found = []
    if len({id(metadata) for metadata in modules.values()}) < len(modules):
        found.append("two modules share their metadata")
    for module, metadata in modules.items():
        for table in metadata.tables.values():
            named = [table.name, *(str(index.name) for index in table.indexes)]
            found += [f"{module} names {name}" for name in named if not name.startswith(f"{module}_")]
            targets = [key.target_fullname for key in table.foreign_keys]
            found += [f"{table.name} refers to {one}" for one in targets if not one.startswith(f"{module}_")]
    return found


def sibling_imports(package: str, modules: Mapping[str, object], *allowed: str) -> list[str]:
    """A module's file imports no other module's."""
    rule = archrule("A module's tables are named in its own file", use_regex=True)
    shared = within(*STDLIB, *allowed, *(f"{package}.{one}" for one in SHARED))
    return [
        breach
        for module in modules
        for breach in breaches(package, rule.match(exactly(f"{package}.{module}")), shared, exactly(package))
    ]


def test_no_module_touches_anothers_tables() -> None:
    """Every table and index bears its module's name, and no key refers beyond it."""
    assert trespasses({name: module.metadata for name, module in MODULES.items()}) == []
    assert all(len(module.metadata.tables) > 2 for module in MODULES.values())


def test_no_module_imports_anothers_tables() -> None:
    """The files of the modules import what they share, and not each other."""
    vendors = ("attrs", "sqlalchemy", DOMAIN, f"{ADAPTERS}.rows")

    assert sibling_imports(f"{ADAPTERS}.sql", MODULES, *vendors) == []


async def test_each_module_may_have_a_database_of_its_own(tmp_path: Path) -> None:
    """<MODULE>_DATABASE_URL puts a module's tables, and no others, into that database, and it works there."""
    apart = {f"{module.upper()}_DATABASE_URL": f"sqlite:///{module}.db" for module in MODULES}
    settings = load_settings(apart, data_dir=tmp_path)
    urls = {module: settings.database_of(module) for module in MODULES}

    await migrate(urls)
    async with open_sql(urls, lambda: None) as opened:
        for transactions in opened.values():
            await transactions.ping()

    assert len(set(urls.values())) == len(MODULES)
    for module, url in urls.items():
        with closing(sqlite3.connect(sqlite_path(url))) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {name for (name,) in found if not name.startswith("sqlite_")}
        assert tables >= set(MODULES[module].metadata.tables)
        assert {name for name in tables if not name.startswith(f"{module}_")} == set()


def _two() -> tuple[MetaData, MetaData]:
    near, far = MetaData(), MetaData()
    Table("near_things", near, Column("id", Integer, primary_key=True))
    Table("far_things", far, Column("id", Integer, primary_key=True))
    return near, far


def test_modules_apart_are_no_violation() -> None:
    """Two metadata with names of their own and a key within one of them are well."""
    near, far = _two()
    Table("near_parts", near, Column("thing", ForeignKey("near_things.id")), Index("near_parts_by_thing", "thing"))

    assert trespasses({"near": near, "far": far}) == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (lambda near: Table("things", near, Column("id", Integer)), "near names things"),
        (lambda near: Table("far_more", near, Column("id", Integer)), "near names far_more"),
        (
            lambda near: Table("near_a", near, Column("id", Integer), Index("by_id", "id")),
            "near names by_id",
        ),
        (
            lambda near: Table("near_a", near, Column("id", ForeignKey("far_things.id"))),
            "near_a refers to far_things.id",
        ),
        (
            lambda near: Table("near_a", near, Column("id", Integer), ForeignKeyConstraint(["id"], ["far_things.id"])),
            "near_a refers to far_things.id",
        ),
    ],
)
def test_a_violation_is_found(table, said: str) -> None:  # type: ignore[no-untyped-def]
    """Each planted table trespasses once, and that is said."""
    near, far = _two()
    table(near)

    assert trespasses({"near": near, "far": far}) == [said]


def test_metadata_in_common_is_found() -> None:
    """One metadata for two modules would let their tables refer to each other."""
    near, _ = _two()

    assert "two modules share their metadata" in trespasses({"near": near, "far": near})


@pytest.mark.parametrize("text", ["from .far import things\n", "from . import far\n", "from pl_sql import far\n"])
def test_a_module_that_imports_another_is_found(text: str, tmp_path: Path) -> None:
    """However a module's file imports another's, it is said."""
    with planted(tmp_path, {"pl_sql/near.py": text, "pl_sql/far.py": "things = 1\n"}):
        [breach] = sibling_imports("pl_sql", {"near": 1, "far": 2})

    assert "pl_sql.far" in breach
