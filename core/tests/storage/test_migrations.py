"""Migrations: the same tables as the code says, on both databases, whoever else migrates at the same moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from cornerdesk.engine import sqlite_tables
from cornerdesk.errors import ConfigurationError
from cornerdesk.hookspecs import Tables
from cornerdesk.storage import Storage, open_storage
from cornerdesk.storage.tables import metadata
from sqlalchemy import Column, MetaData, String, Table, inspect, text

PLUGIN = """
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = {before!r}
branch_labels = {labels!r}
def upgrade():
    op.create_table("{table}", sa.Column("id", sa.String(), primary_key=True))
"""


def plugin(folder: Path, *tables: str) -> Tables:
    """A plugin called `polls` with a revision for each table."""
    own = MetaData()
    for number, table in enumerate(tables, 1):
        Table(table, own, Column("id", String, primary_key=True))
        text_ = PLUGIN.format(
            revision=f"polls_{number:04}",
            before=f"polls_{number - 1:04}" if number > 1 else None,
            labels=("polls",) if number == 1 else None,
            table=table,
        )
        (folder / f"polls_{number:04}.py").write_text(text_)
    return Tables(branch="polls", metadata=own, migrations=str(folder))


def difference(connection: Any, wanted: MetaData) -> list[Any]:
    """What autogenerate would change, apart from other rooms' tables and the version tables."""
    names = set(wanted.tables)

    def include(_object: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
        return kind != "table" or not reflected or name in names

    options = {"include_object": include, "compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), wanted))


async def compared(storage: Storage, wanted: MetaData) -> list[Any]:
    async with storage.reading() as tx:
        return await tx.connection.run_sync(difference, wanted)


async def test_migrations_make_exactly_the_tables_that_the_code_says(storage: Storage) -> None:
    assert await compared(storage, metadata) == []


async def test_migrations_make_the_engines_tables_on_sqlite(storage: Storage) -> None:
    if storage.dialect == "sqlite":
        assert await compared(storage, sqlite_tables.metadata) == []


async def test_a_difference_would_be_seen(storage: Storage) -> None:
    changed = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(changed)
    changed.tables["facts"].append_column(Column("more", String))
    assert len(await compared(storage, changed)) == 1


async def test_a_new_database_is_brought_up_to_date_once(database_url: str) -> None:
    async with await open_storage(database_url) as storage:
        before = await storage.migration_status()
        applied = await storage.migrate()
        after = await storage.migration_status()
        assert await storage.migrate() == []
    core = [name for name in applied if name.startswith("core_")]
    assert applied[: len(core) + 1] == [*core, "engine_0001"]
    assert core == sorted(core)
    assert list(before.pending) == applied
    assert [(one.branch, one.current) for one in before.branches] == [("core", None), ("engine", None)]
    assert after.pending == ()
    assert [(one.branch, one.current) for one in after.branches] == [("core", core[-1]), ("engine", "engine_0001")]


async def test_asking_where_it_stands_changes_nothing(database_url: str) -> None:
    async with await open_storage(database_url) as storage:
        await storage.migration_status()
        async with storage.reading() as tx:
            assert await tx.connection.run_sync(lambda connection: inspect(connection).get_table_names()) == []


async def test_several_processes_may_migrate_at_once(database_url: str) -> None:
    storages = [await open_storage(database_url) for _ in range(4)]
    try:
        applied = await asyncio.gather(*(storage.migrate() for storage in storages))
    finally:
        for storage in storages:
            await storage.aclose()
    assert sorted(map(len, applied))[:3] == [0, 0, 0]


async def test_a_plugins_tables_come_after_ours_and_grow_on_their_own(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    async with await open_storage(database_url, plugin_tables=[plugin(folder, "polls")]) as storage:
        assert (await storage.migrate())[-1] != "core_0001"
        assert (await storage.migration_status()).branches[-1].current == "polls_0001"
    grown = plugin(folder, "polls", "answers")
    async with await open_storage(database_url, plugin_tables=[grown]) as storage:
        status = (await storage.migration_status()).branches[-1]
        assert (status.branch, status.current, status.head, status.pending) == (
            "polls",
            "polls_0001",
            "polls_0002",
            ("polls_0002",),
        )
        assert await storage.migrate() == ["polls_0002"]
        assert await compared(storage, grown.metadata) == []


async def test_a_plugin_that_is_gone_stops_nobody(database_url: str, tmp_path: Path) -> None:
    async with await open_storage(database_url, plugin_tables=[plugin(tmp_path, "polls")]) as storage:
        await storage.migrate()
    async with await open_storage(database_url) as storage:
        assert await storage.migrate() == []
        assert (await storage.migration_status()).pending == ()


async def test_a_migration_that_fails_leaves_nothing_half_done(database_url: str, tmp_path: Path) -> None:
    tables = plugin(tmp_path, "polls", "answers")
    second = tmp_path / "polls_0002.py"
    second.write_text(second.read_text() + '    raise RuntimeError("disk of doom")\n')
    async with await open_storage(database_url, plugin_tables=[tables]) as storage:
        with pytest.raises(RuntimeError, match="disk of doom"):
            await storage.migrate()
        async with storage.reading() as tx:
            assert await tx.connection.run_sync(lambda connection: inspect(connection).get_table_names()) == []


async def test_a_database_of_a_newer_version_is_refused(storage: Storage) -> None:
    (core, *_) = (await storage.migration_status()).branches
    async with storage.transaction() as tx:
        await tx.execute(text("UPDATE revision_of_core SET version_num = 'core_9999'"))
    try:
        for ask in (storage.migrate, storage.migration_status):
            with pytest.raises(ConfigurationError, match=r"core_9999.*newer"):
                await ask()
    finally:
        async with storage.transaction() as tx:
            await tx.execute(text(f"UPDATE revision_of_core SET version_num = '{core.current}'"))


async def test_a_folder_without_migrations_is_named(database_url: str, tmp_path: Path) -> None:
    tables = Tables(branch="polls", metadata=MetaData(), migrations=str(tmp_path / "missing"))
    async with await open_storage(database_url, plugin_tables=[tables]) as storage:
        with pytest.raises(ConfigurationError, match="'polls' have no migrations"):
            await storage.migrate()


async def test_sqlite_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    async with await open_storage(f"sqlite:///{tmp_path / 'desk.db'}") as storage:
        async with storage.transaction() as tx:
            settings = [
                await tx.value(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
    assert settings == ["wal", 2, 1]
