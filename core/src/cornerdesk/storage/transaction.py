"""A transaction on either database: SQLAlchemy Core statements in, rows out. Public: plugins' tables are used by it.

Nothing of it commits or rolls back by hand: leaving the `async with` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]


class Transaction:
    """One open transaction. Made by `Storage.transaction()` (writes) or `Storage.reading()` (a consistent read)."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.committed: list[Callable[[], None]] = []
        """What `Storage` calls once the transaction is committed; see `after_commit`."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.connection.dialect.name

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement; a list of parameter sets runs it for each."""
        return await self.connection.execute(statement, parameters)

    async def rows(self, statement: Executable, parameters: Any = None) -> list[Row]:
        """Every row of a SELECT or RETURNING, as mappings by column name."""
        result = await self.connection.execute(statement, parameters)
        names = tuple(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result]

    async def row(self, statement: Executable, parameters: Any = None) -> Row | None:
        """The first row, or None."""
        row = (await self.connection.execute(statement, parameters)).mappings().first()
        return None if row is None else dict(row)

    async def value(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row, or None."""
        return (await self.connection.execute(statement, parameters)).scalar()

    async def insert_new(
        self, table: Table, values: Sequence[Mapping[str, Any]], *, unique: Sequence[str], returning: str
    ) -> set[Any]:
        """Insert the rows whose `unique` columns are not there yet; the `returning` values of those inserted.

        A row that is there already is left as it is. This is how everything here is made once. Any number of rows:
        they go in batches within the databases' limits. Every row has the same columns.
        """
        if not values:
            return set()
        insert = self.upsert(table).on_conflict_do_nothing(index_elements=list(unique))
        result = await self.connection.execute(insert.returning(table.c[returning]), list(values))
        return set(result.scalars())

    def upsert(self, table: Table) -> Any:
        """The dialect's INSERT, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
        return postgresql.insert(table) if self.dialect == "postgresql" else sqlite.insert(table)

    def locked(self, select: Any) -> Any:
        """`select` with its rows locked until the transaction ends (FOR UPDATE; SQLite has one writer anyway)."""
        return select.with_for_update() if self.dialect == "postgresql" else select

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once this transaction is committed, and never if it is not. It must not fail or block."""
        self.committed.append(callback)
